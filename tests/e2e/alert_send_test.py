"""`belfry alert send`: an alert of whoever is on this machine."""
import json
import os
import pwd
import signal
import smtplib
import socket
import subprocess
import unittest

import harness
import lab

ME = pwd.getpwuid(os.geteuid()).pw_name


class AlertSend(harness.Case):
    def begin(self, start=True, **alerts):
        belfryd = self.prepare()
        belfryd.config["alerts"] = {
            "mail": ["anna@example.org"],
            "route": {"group_wait": "1s", "group_interval": "1s",
                      "resolve_hold": "1s"}, **alerts}
        belfryd.config["http"][0]["serve"] = ["api", "metrics", "alerts"]
        belfryd.write_config()
        return belfryd.start() if start else belfryd

    def send(self, *args, check=True):
        return self.belfryd.cli("alert", "send", *args, check=check)

    def open(self):
        """What is open, by its key."""
        done = self.belfryd.cli("alert", "list", "--json")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_there_and_over(self):
        self.begin()
        self.send("--title", "The backup failed", "--severity", "critical",
                  "--text", "no space\nleft", "--label", "host=db1",
                  "--key", "backup", "--url", "https://x.example/1", "--wait")
        (alert,) = self.open()
        labels = alert["labels"]
        self.assertEqual(labels["user"], ME)
        self.assertEqual(labels["uid"], str(os.geteuid()))
        self.assertEqual(labels["host"], "db1")
        self.assertEqual(labels["severity"], "critical")
        (down,) = self.sink.wait(1, 60)
        self.assertIn("The backup failed", down.content.decode())
        self.assertIn("no space", down.content.decode())
        self.send("--title", "It is back", "--key", "backup", "--resolve",
                  "--wait")
        down, up = self.sink.wait(2, 60)
        self.assertEqual(up.header("In-Reply-To"), down.header("Message-ID"))
        self.assertEqual(self.belfryd.metric(
            "belfry_alert_events_total", source="cli", result="firing"), 1)

    def test_source(self):
        self.begin()
        self.send("--title", "x", "--source", "cron", "--wait")
        (alert,) = self.open()
        self.assertEqual(alert["labels"]["source"], "cron")

    def test_usage(self):
        self.begin()
        for args in ([], ["--severity", "critical"], ["--title"],
                     ["--title", ""], ["--key", "", "--severity", "info"],
                     ["--title", "x", "more"], ["--title", "x", "--label", "a"],
                     ["--title", "x", "--label", "a-b=c"],
                     ["--title", "x" * 9000]):
            self.assertEqual(self.send(*args, check=False).returncode, 64,
                             args)
        self.assertEqual(self.belfryd.queue(), [])

    @unittest.skipUnless(os.geteuid() == 0, "only root can be another")
    def test_whose_it_is(self):
        """One user's end is not another's."""
        self.begin()
        self.send("--title", "x", "--key", "k", "--wait")
        belfry = lab.copy_program("belfry", self.belfryd.folder)
        done = subprocess.run(
            [belfry, "-c", self.belfryd.config_file, "alert",
             "send", "--title", "x", "--key", "k", "--resolve", "--wait",
             "--label", "user=root"],
            user="nobody", group="nogroup", extra_groups=[], cwd="/",
            capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        (alert,) = self.open()
        self.assertEqual(alert["labels"]["user"], "root")

    def test_labels_for_more_than_there_is_room(self):
        """Whose it is has its place all the same."""
        self.begin()
        many = [f"--label=a{n}=x" for n in range(80)]
        self.send("--title", "x", *many, "--wait")
        (alert,) = self.open()
        self.assertEqual((alert["labels"]["user"], alert["labels"]["uid"]),
                         (ME, str(os.geteuid())))

    def test_not_understood(self):
        """Whoever submitted it by hand hears why, and it is kept."""
        self.begin()
        socket_path = self.belfryd.config["submit_socket"]
        with smtplib.SMTP() as client:
            client.sock = socket.socket(socket.AF_UNIX)
            client.sock.connect(socket_path)
            client.getreply()
            client.sendmail("anna@example.org",
                            ["alert@alerts.belfry.invalid"],
                            harness.message("x", body=b'{"text": "x"}\r\n'))
        (mail,) = self.sink.wait(1, 60)
        self.assertEqual((mail.sender, mail.recipients),
                         ("", ["anna@example.org"]))
        self.assertIn("neither title nor key", mail.content.decode())
        (kept,) = self.belfryd.api("GET", "malformed")["malformed"]
        self.assertEqual(kept["why"], "neither title nor key")
        self.assertEqual(self.open(), [])

    def test_while_it_is_down(self):
        belfryd = self.begin(start=False)
        belfryd.start().stop()
        done = self.send("--title", "The backup failed")
        self.assertIn("left for it", done.stdout)
        self.assertEqual(self.send("--title", "x", "--wait",
                                   check=False).returncode, 69)
        belfryd.start()
        (mail,) = self.sink.wait(1, 60)
        self.assertIn("The backup failed", mail.content.decode())

    def test_order_while_it_is_down(self):
        """What was left last is what counts."""
        belfryd = self.begin(start=False)
        belfryd.start().stop()
        for n in range(10):
            for over in ((), ("--resolve",), (), ("--resolve",))[n % 2:]:
                self.send("--title", f"trouble {n}", *over)
        self.send("--title", "the last")
        belfryd.start()
        lab.wait_for(lambda: any(a["labels"]["alertname"] == "the last"
                                 for a in self.open()), "the last")
        self.wait_empty()
        self.assertEqual([a["labels"]["alertname"] for a in self.open()],
                         ["the last"])

    def test_while_deliveries_are_paused(self):
        belfryd = self.begin()
        belfryd.cli("pause", "--reason", "a test")
        self.send("--title", "The backup failed", "--wait")
        self.sink.wait(1, 60)

    def test_without_alerts(self):
        self.prepare().start()
        done = self.send("--title", "x", "--wait", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no alerts are configured", done.stderr)
        # Who did not wait hears of it by mail.
        self.wait_events(1, "deliver", status="bounced", dsn="5.3.5")

    def test_only_by_the_submit_socket(self):
        """The last stands as it is in `Received`."""
        self.begin()
        rcpts = ("x", '"(Belfry, from userid 0 "')
        for rcpt in rcpts:
            client = self.client()
            client.mail("a@example.org")
            code, said = client.docmd(f"RCPT TO:<{rcpt}@alerts.belfry.invalid>")
            self.assertEqual(code, 250, said)
            client.data('A: b\r\n\r\n{"title": "forged"}\r\n')
        self.wait_events(len(rcpts), "alert_mail", result="refused")
        self.assertEqual(self.open(), [])

    def test_kill(self):
        """What was taken is told of, whatever happens."""
        belfryd = self.begin()
        for n in range(10):
            self.send("--title", f"trouble {n}")
        belfryd.signal(signal.SIGKILL)
        belfryd.process.wait()
        belfryd.start()
        lab.wait_for(lambda: all(
            any(f"trouble {n}" in m.content.decode()
                for m in self.sink.messages) for n in range(10)),
            "all of them", 60)


if __name__ == "__main__":
    harness.main()
