"""The queue's commands on many messages: filters, pages, what is under way."""
import json
import os
import pwd
import unittest

import harness
import lab


class Filters(harness.Case):
    """Ten messages wait, since the sink takes none yet."""

    def setUp(self):
        super().setUp()
        self.sink.script = lambda verb, argument: (
            "451 4.2.0 not now" if verb == "RCPT" else None)
        self.start({"delivery": {"retry": {"first": "1h", "max": "1h"}}})
        self.ids = [self.send(harness.message(f"number {i}"),
                              sender=f"s{i % 2}@example.org",
                              to=[f"ben@d{i % 5}.example.net",
                                  f"u{i}@x.example.com"])
                    for i in range(10)]
        lab.wait_for(lambda: all(
            r.get("delay_reason") for row in self.queue()
            for r in row["recipients"]), "all to be deferred")

    def cli(self, *arguments, **options):
        return self.belfryd.cli(*arguments, **options)

    def listed(self, *arguments):
        rows = map(json.loads, self.cli("queue", "list", "--json",
                                        *arguments).stdout.splitlines())
        return {self.ids.index(row["queue_id"]) for row in rows}

    def act(self, action, *arguments):
        return json.loads(self.cli("queue", action, "--json",
                                   *arguments).stdout)

    def test_list(self):
        hop = f"127.0.0.1:{self.sink.port}"
        for arguments, means in (
                (["--all"], set(range(10))),
                (["--to", "d3.example.net"], {3, 8}),
                (["--to", ".example.net", "--from", "s1@example.org"],
                 {1, 3, 5, 7, 9}),
                (["--to", "u7@*"], {7}),
                (["--to", "/^u[2-4]@/"], {2, 3, 4}),
                (["--dest", hop], set(range(10))),
                (["--dest", "elsewhere"], set()),
                (["--older", "1h"], set()),
                (["--older", "1ms"], set(range(10))),
                (["--from", "<>"], set()),
                (["--held"], set()), (["--corrupt"], set())):
            with self.subTest(arguments):
                self.assertEqual(self.listed(*arguments), means)
        self.assertEqual(len(self.listed("--limit", "4")), 4)
        done = self.cli("queue", "list", "--to", "/(/", check=False)
        self.assertEqual(done.returncode, 64)
        self.assertIn("regular expression", done.stderr)

    def test_hold_and_release(self):
        answer = self.act("hold", "--from", "s0@example.org")
        self.assertEqual((answer["looked"], answer["matched"],
                          answer["recipients"], answer["done"]),
                         (10, 5, 10, 5))
        self.assertEqual(self.listed("--held"), {0, 2, 4, 6, 8})
        answer = self.act("hold", "--to", "d0.example.net")
        self.assertEqual((answer["done"], answer["already"]), (1, 1))
        self.wait_events(6, "operator", action="hold", detail="by a filter")
        self.assertEqual(self.act("flush", "--all")["held"], 6)
        done = self.cli("queue", "requeue", self.ids[0], check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("the message is held", done.stderr)
        text = self.cli("queue", "release", "--held").stdout
        self.assertEqual(text, "6 messages released (10 looked at)\n")
        self.assertEqual(self.listed("--held"), set())

    def test_flush(self):
        self.sink.script = lambda verb, argument: None
        self.cli("queue", "flush", "--to", "u4@*", "--from", "s0@*")
        self.assertEqual(self.sink.wait(1)[0].sender, "s0@example.org")
        lab.wait_for(lambda: len(self.queue()) == 9, "one to go")
        self.cli("queue", "requeue", "--all")
        self.sink.wait(10)
        self.wait_empty()

    def test_remove(self):
        self.assertEqual(self.cli("queue", "remove", "--all",
                                  check=False).returncode, 64)
        self.cli("queue", "remove", "--yes", "--to", "d2.example.net")
        self.assertEqual(self.listed(), set(range(10)) - {2, 7})
        answer = self.act("remove", "--yes", "--all")
        self.assertEqual((answer["done"], answer["matched"]), (8, 8))
        self.assertEqual(self.queue(), [])

    def test_body_and_export(self):
        belfryd, out = self.belfryd, self.belfryd.folder + "/out"
        large = self.send(harness.message("large", body=b"0123456789\r\n" *
                                          200000))
        said = belfryd.cli("queue", "show", "--body", large).stdout
        self.assertIn("Subject: a test\n", said)
        self.assertIn("0123456789\n" * 200000, said)
        text = self.cli("queue", "export", out, "--from", "s1@*").stdout
        self.assertRegex(text, r"^5 messages exported to ")
        for i in range(1, 10, 2):
            with open(f"{out}/{self.ids[i]}.eml", "rb") as file:
                self.assertIn(f"number {i}".encode(), file.read())
            with open(f"{out}/{self.ids[i]}.json", encoding="utf-8") as file:
                self.assertEqual(json.load(file)["sender"],
                                 "s1@example.org")
        self.cli("queue", "export", out, large)
        self.sink.script = lambda verb, argument: None
        self.cli("queue", "flush", large)
        with open(f"{out}/{large}.eml", "rb") as file:
            self.assertEqual(file.read(), self.sink.wait(1)[0].content)
        self.wait_events(2, "operator", action="body", id=large)

    @unittest.skipUnless(os.geteuid() == 0, "only root can be another user")
    def test_body_is_not_for_all(self):
        """Whoever may open the socket may hold and remove, not read."""
        path = self.belfryd.config["admin_socket"]
        os.chmod(path, 0o777)
        os.chmod(os.path.dirname(path), 0o755)
        # Another one than belfryd's own.
        uid = pwd.getpwnam("daemon").pw_uid
        asked = ["", "/body"]
        pid = os.fork()
        if pid == 0:
            os.setgroups([])
            os.setuid(uid)
            said = []
            for what in asked:
                connection = lab.AdminConnection(path)
                connection.request("GET",
                                   f"/api/v1/queue/{self.ids[0]}{what}")
                said.append(connection.getresponse().status)
            os._exit(0 if said == [200, 403] else 1)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        self.wait_events(1, "operator", action="body_refused")

    def test_no_filter(self):
        """The API wants `all=1` in so many words."""
        for path in ("queue?action=remove", "queue?action=remove&all=0",
                     "queue?action=dance&all=1", "queue?action=hold&held=2",
                     "queue?action=hold&to=%28", "queue?all=1"):
            with self.subTest(path), self.assertRaises(lab.Failed):
                self.belfryd.api("POST", path)
        self.assertEqual(len(self.queue()), 10)


class Kept(harness.Case):
    def test_what_is_over(self):
        """It is listed, and no action says that there is no such message."""
        belfryd = self.start({"store": {"keep_delivered": "1h"}})
        ident = self.send()
        self.sink.wait(1)
        lab.wait_for(lambda: [row["queue_name"] for row in self.queue()]
                     == ["kept"], "it to be kept")
        for action in ("hold", "release", "flush", "requeue"):
            done = belfryd.cli("queue", action, ident, check=False)
            self.assertNotIn(done.returncode, (0, 66))
            self.assertIn("only kept", done.stderr)
            self.assertEqual(json.loads(belfryd.cli(
                "queue", action, "--all", "--json").stdout)["kept"], 1)
        belfryd.cli("queue", "remove", "--yes", ident)
        self.assertEqual(self.queue(), [])


class Many(harness.Case):
    """Thousands: page after page."""

    COUNT = 2500

    def test_pages(self):
        self.start()
        self.belfryd.cli("pause", "--reason", "a test")
        for i in range(self.COUNT):
            if i % 500 == 0:
                client = self.client()
            client.sendmail("a@example.org", ["b@example.net"],
                            b"Subject: %d\r\n\r\n%d\r\n" % (i, i))
        listed = self.belfryd.cli("queue", "list", "--json").stdout
        self.assertEqual(listed.count("\n"), self.COUNT)
        page = self.belfryd.api("GET", "queue?limit=1000&to=c@example.net")
        self.assertEqual(page["messages"], [])
        self.assertGreater(page["looked"], 400)
        self.assertIsNotNone(page["next"])
        answer = json.loads(self.belfryd.cli(
            "queue", "hold", "--json", "--from", "a@example.org").stdout)
        self.assertEqual(answer["done"], self.COUNT)
        answer = json.loads(self.belfryd.cli(
            "queue", "remove", "--json", "--yes", "--held").stdout)
        self.assertEqual(answer["done"], self.COUNT)
        self.assertEqual(self.queue(), [])


if __name__ == "__main__":
    harness.main()
