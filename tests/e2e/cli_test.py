"""The command line against a running belfryd."""
import json
import os
import subprocess

import harness
import lab


class Queue(harness.Case):
    """Two messages wait, since the sink takes none until it is told to."""

    def setUp(self):
        super().setUp()
        self.sink.script = lambda verb, argument: (
            "451 4.2.0 not now" if verb == "RCPT" else None)
        self.start({"delivery": {"retry": {"first": "1h", "max": "1h"}}})
        self.first = self.send(harness.message("one"))
        self.second = self.send(harness.message("two"),
                                to=["ben@example.net", "carl@example.net"])
        lab.wait_for(lambda: all(
            r.get("delay_reason") for row in self.queue()
            for r in row["recipients"]), "both to be deferred")

    def cli(self, *arguments, **options):
        return self.belfryd.cli(*arguments, **options)

    def open_the_sink(self):
        self.sink.script = lambda verb, argument: None

    def test_list(self):
        rows = {row["queue_id"]: row for row in map(json.loads, self.cli(
            "queue", "list", "--json").stdout.splitlines())}
        self.assertEqual(set(rows), {self.first, self.second})
        row = rows[self.second]
        self.assertEqual(row["sender"], "anna@example.org")
        self.assertGreater(row["message_size"], 100)
        self.assertGreater(row["arrival_time"], 1700000000)
        self.assertEqual([r["address"] for r in row["recipients"]],
                         ["ben@example.net", "carl@example.net"])
        self.assertIn("451 4.2.0 not now",
                      row["recipients"][0]["delay_reason"])
        text = self.cli("queue", "list").stdout
        self.assertIn(self.first, text)
        self.assertIn("ben@example.net", text)

    def test_show(self):
        text = self.cli("queue", "show", self.first).stdout
        self.assertIn(self.first, text)
        self.assertIn("451 4.2.0 not now", text)

    def test_hold_and_release(self):
        self.cli("queue", "hold", self.first)
        self.open_the_sink()
        done = self.cli("queue", "flush", self.first, self.second,
                        check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{self.first}: the message is held", done.stderr)
        self.assertEqual(self.sink.wait(1)[0].recipients,
                         ["ben@example.net", "carl@example.net"])
        lab.wait_for(lambda: len(self.queue()) == 1, "the second to go")
        self.assertEqual(self.queue()[0]["queue_id"], self.first)
        self.cli("queue", "release", self.first)
        # It may be on its way already, so both answers are right.
        self.assertIn(self.cli("queue", "requeue", self.first,
                               check=False).returncode, (0, 66))
        self.sink.wait(2)
        self.wait_empty()

    def test_remove(self):
        self.cli("queue", "remove", "--yes", self.first)
        self.assertEqual([row["queue_id"] for row in self.queue()],
                         [self.second])
        lab.wait_for(lambda: self.belfryd.events("operator"), "the log line")

    def test_no_such_id(self):
        for verb in ("show", "hold", "release", "flush", "requeue"):
            with self.subTest(verb):
                done = self.cli("queue", verb, "0123456789ABC", check=False)
                self.assertEqual(done.returncode, 66, done.stderr)
                self.assertIn("0123456789ABC", done.stderr)

    def test_stats(self):
        text = self.cli("queue", "stats").stdout
        self.assertIn(f"127.0.0.1:{self.sink.port}", text)
        rows = [json.loads(line) for line in self.cli(
            "queue", "stats", "--json").stdout.splitlines()]
        self.assertEqual(len(rows), 1)

    def test_pause_and_resume(self):
        self.cli("pause", "--reason", "a hand on the cable")
        self.assertIn("a hand on the cable",
                      self.cli("status").stdout.splitlines()[0])
        self.assertIn("a hand on the cable",
                      self.cli("queue", "list").stdout.splitlines()[0])
        self.assertEqual(self.belfryd.metric("belfry_paused", scope="mail"),
                         1)
        self.open_the_sink()
        self.cli("queue", "flush", self.first)
        third = self.send(harness.message("three"))
        self.assertIn(third, self.cli("queue", "list").stdout)
        self.assertEqual(self.sink.messages, [])
        self.cli("resume")
        self.cli("resume") # it is resumed: nothing went wrong
        self.sink.wait(1)
        self.assertNotIn("a hand on the cable", self.cli("status").stdout)

    def test_pause_survives_a_restart(self):
        self.cli("pause", "--reason", "still", "--until-resumed")
        self.belfryd.kill()
        self.belfryd.start()
        self.assertIn("still", self.cli("status").stdout.splitlines()[0])


class Submit(harness.Case):
    def test_send(self):
        belfryd = self.start()
        path = os.path.join(belfryd.folder, "letter.eml")
        with open(path, "wb") as file:
            file.write(b"Subject: by hand\n\nDots:\n.\n..\nend\n")
        belfryd.cli("send", path, "--from", "anna@example.org", "--to",
                    "ben@example.net", "--wait")
        got = self.sink.messages[0]
        self.assertEqual(got.sender, "anna@example.org")
        self.assertEqual(got.recipients, ["ben@example.net"])
        self.assertTrue(got.content.endswith(
            b"\r\n\r\nDots:\r\n.\r\n..\r\nend\r\n"), got.content)
        self.assertEqual(got.header("Subject"), "by hand")

    def test_send_from_standard_input(self):
        belfryd = self.start()
        belfryd.cli("send", "-", "--from", "anna@example.org", "--to",
                    "ben@example.net", text="Subject: piped\n\nHi\n")
        self.assertEqual(self.sink.wait(1)[0].header("Subject"), "piped")

    def test_wait_tells_the_refusal(self):
        self.sink.script = lambda verb, argument: (
            "550 5.1.1 no such user" if verb == "RCPT" and
            "ben@" in argument else None)
        done = self.start().cli(
            "send", "-", "--from", "anna@example.org", "--to",
            "ben@example.net", "--wait", text="Subject: x\n\nHi\n",
            check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("550 5.1.1 no such user", done.stdout + done.stderr)


class Alone(harness.Case):
    """What needs no daemon, and what says that there is none."""

    def test_unreachable(self):
        belfryd = self.prepare()
        for arguments in (["status"], ["queue", "list"], ["resume"]):
            done = belfryd.cli(*arguments, check=False)
            self.assertEqual(done.returncode, 69, done.stderr)
            self.assertTrue(done.stderr.strip())

    def test_usage(self):
        belfryd = self.prepare()
        for arguments in (["dance"], ["queue"], ["queue", "list", "--fast"]):
            self.assertEqual(
                belfryd.cli(*arguments, check=False).returncode, 64,
                arguments)

    def test_check(self):
        belfryd = self.prepare()
        self.assertEqual(belfryd.cli("check").returncode, 0)
        belfryd.write_config("hostname: a.example\ncolour: green\n")
        done = belfryd.cli("check", check=False)
        self.assertEqual(done.returncode, 78)
        self.assertRegex(done.stdout + done.stderr,
                         r"belfry\.yaml:2:1: .*colour")

    def test_reference(self):
        rows = [json.loads(line) for line in self.prepare().cli(
            "config", "reference", "--json").stdout.splitlines()]
        self.assertTrue(any("hostname" in row.values() for row in rows))
        text = self.prepare().cli("config", "reference").stdout
        for key in ("hostname", "listeners", "smarthost", "message_size"):
            self.assertIn(key, text)

    def test_status(self):
        belfryd = self.start()
        self.assertIn("smtp", belfryd.cli("status").stdout)
        self.assertEqual(belfryd.cli("status", "--check").returncode, 0)

    def test_status_of_a_dead_smarthost(self):
        belfryd = self.start(harness.SOON)
        self.sink.stop()
        self.send()
        lab.wait_for(lambda: belfryd.api("GET", "status")["down"],
                     "the smarthost to be down")
        done = belfryd.cli("status", "--check", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"WARNING - 127.0.0.1:{self.sink.port} is down",
                      done.stdout)
        done = belfryd.cli("status", "--check", "--critical", "1ms",
                           check=False)
        self.assertEqual(done.returncode, 2)
        # Also where a held message hides how long the others wait.
        self.send()
        belfryd.cli("queue", "hold", self.queue()[-1]["queue_id"])
        done = belfryd.cli("status", "--check", "--critical", "1ms",
                           check=False)
        self.assertEqual(done.returncode, 2, done.stdout)
        self.sink.start()
        belfryd.cli("queue", "remove", "--held", "--yes")

    def test_help(self):
        done = subprocess.run([lab.program("belfry"), "--help"],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0)
        self.assertIn("queue", done.stdout)


if __name__ == "__main__":
    harness.main()
