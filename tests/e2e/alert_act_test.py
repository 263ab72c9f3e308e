"""What people do with alerts by `belfry`, and what it does to their mails."""
import getpass
import http.client
import json
import time

import harness
import lab

ANNA, BEN = "anna@example.org", "ben@example.net"
WHO = getpass.getuser()
CONFIG = {"alerts": {
    "mail": [ANNA],
    "receivers": [{"name": "desk", "mail": [BEN]}],
    "route": {"receiver": "default", "group_by": ["alertname"],
              "group_wait": "100ms", "group_interval": "1s",
              "resolve_hold": "0s",
              "routes": [{"matchers": ['team="desk"'], "receiver": "desk"}]},
    "sources": [{"name": "alertmanager", "kind": "alertmanager"}]}}


def alert(name, resolved=False, **labels):
    end = {"endsAt": "2026-01-01T01:00:00Z"} if resolved else {}
    return {"labels": {"alertname": name, **labels},
            "annotations": {"summary": f"{name} is bad"},
            "startsAt": "2026-01-01T00:00:00Z", **end}


class Act(harness.Case):
    def setUp(self):
        super().setUp()
        self.start(CONFIG)
        self.seen = 0

    def post(self, *alerts, expected=200):
        client = http.client.HTTPConnection("127.0.0.1", self.belfryd.http,
                                            timeout=60)
        body = alerts[0] if isinstance(alerts[0], str) else json.dumps(alerts)
        client.request("POST", "/api/v2/alerts", body,
                       {"Content-Type": "application/json"})
        answer = client.getresponse()
        said = answer.read().decode()
        client.close()
        self.assertEqual(answer.status, expected, said)

    def next_mail(self):
        """The one that came after those seen so far."""
        self.seen += 1
        mail = self.sink.wait(self.seen, 30)[self.seen - 1]
        return mail.content.decode()

    def nothing_comes(self, seconds=1.5):
        time.sleep(seconds)
        self.assertEqual(len(self.sink.messages), self.seen)

    def rows(self, *arguments):
        return [json.loads(line) for line in self.belfryd.cli(
            *arguments, "--json").stdout.splitlines()]

    def alerts(self, *arguments):
        return {row["labels"]["alertname"]: row
                for row in self.rows("alert", "list", *arguments)}

    def id_of(self, name):
        lab.wait_for(lambda: name in self.alerts(), f"{name} to be open")
        return self.alerts()[name]["id"]

    def said(self, *arguments, exit=0):
        done = self.belfryd.cli(*arguments, check=False)
        self.assertEqual(done.returncode, exit, done.stdout + done.stderr)
        return done.stdout if exit == 0 else done.stderr

    def test_list(self):
        self.assertEqual(self.said("alert", "list"), "No alert is open.\n")
        self.post(alert("Slow", severity="warning", team="desk"),
                  alert("Down", severity="critical"))
        self.id_of("Down")
        lines = self.said("alert", "list").splitlines()
        self.assertEqual([line.split()[1] for line in lines[1:-1]],
                         ["critical", "warning"])
        self.assertEqual(lines[-1], "2 alerts: 2 need somebody (1 critical)")
        self.assertEqual(list(self.alerts("--match", 'severity=~"warn.*"')),
                         ["Slow"])
        self.assertEqual(list(self.alerts("--receiver", "desk")), ["Slow"])
        self.assertEqual(self.alerts("--state", "stale"), {})
        self.assertIn("matcher", self.said("alert", "list", "--match", "~",
                                           exit=64))
        self.assertIn("alerts     2 open", self.said("status"))

    def test_ack(self):
        self.post(alert("Down", severity="critical"))
        self.assertIn("FIRING", self.next_mail())
        down = self.id_of("Down")
        self.assertEqual(self.said("alert", "ack", "--note", "on it", down),
                         f"{down}: acknowledged\n")
        self.assertIn(f"ACKNOWLEDGED by {WHO}", self.next_mail())
        self.assertEqual(self.said("alert", "ack", down),
                         f"{down}: already acknowledged\n")
        self.assertEqual(self.alerts()["Down"]["acked_by"], WHO)
        # It is written down: a crash does not undo it.
        self.belfryd.kill()
        self.belfryd.start()
        lab.wait_for(lambda: self.alerts().get("Down"), "the records")
        self.assertEqual(self.alerts()["Down"]["acked_by"], WHO)
        shown, = self.rows("alert", "show", down)
        self.assertEqual([(h["who"], h["text"]) for h in shown["history"]
                          if h["what"] == "acknowledged"], [(WHO, "on it")])
        self.assertIn("anna@example.org", str(shown["history"]))
        self.assertEqual(self.said("alert", "unack", down),
                         f"{down}: nobody's\n")
        self.assertIn("FIRING", self.next_mail())
        self.post(alert("Down", resolved=True, severity="critical"))
        self.assertIn("RESOLVED", self.next_mail())
        self.assertIn("over", self.said("alert", "ack", down, exit=66))
        self.assertIn("no such", self.said("alert", "show", "0" * 13, exit=66))

    def test_close(self):
        self.post(alert("Down", severity="critical"))
        self.assertIn("FIRING", self.next_mail())
        down = self.id_of("Down")
        self.assertEqual(self.said("alert", "close", down),
                         f"{down}: closed\n")
        self.assertRegex(self.next_mail(), "RESOLVED|CLOSED")
        self.assertEqual(self.alerts(), {})
        self.assertTrue(self.alerts("--all")["Down"]["closed"])

    def test_silence(self):
        self.post(alert("Down", instance="db1"))
        self.assertIn("FIRING", self.next_mail())
        self.id_of("Down")
        out = self.said("silence", "add", 'instance="db1"', "--for", "1h",
                        "--comment", "new disk")
        self.assertIn("\n1 open alert matches it now.\n", out)
        silence, = self.rows("silence", "list")
        self.assertEqual(
            (silence["state"], silence["matchers"], silence["created_by"],
             silence["comment"]),
            ("active", ['instance="db1"'], WHO, "new disk"))
        self.assertEqual(self.alerts()["Down"]["silences"], [silence["id"]])
        self.post(alert("Slow", instance="db1"))
        self.id_of("Slow")
        self.nothing_comes()
        self.assertEqual(self.said("silence", "expire", silence["id"]),
                         f"{silence['id']}: expired\n")
        self.assertIn("Slow", self.next_mail())
        self.assertEqual(self.said("silence", "list"), "There is no silence.\n")
        self.assertEqual(len(self.rows("silence", "list", "--all")), 1)
        # Whatever matches nothing would match everything.
        self.said("silence", "add", 'a=~".*"', "--for", "1h", "--comment", "x",
                  exit=64)

    def test_mute(self):
        self.post(alert("Down"))
        self.assertIn("FIRING", self.next_mail())
        out = self.said("mute", "--for", "30m", "--reason", "the rack")
        self.assertRegex(out, rf"^MUTED since .*\(\d+m more\) by {WHO}: "
                              "the rack\n")
        self.assertIn("MUTED until", self.next_mail())
        self.post(alert("Slow"))
        self.id_of("Slow")
        self.nothing_comes()
        self.assertRegex(self.said("status"), "^MUTED since ")
        self.assertRegex(self.said("alert", "list"), "^MUTED since ")
        self.assertIn("alerts are muted", self.belfryd.cli(
            "status", "--check", check=False).stdout)
        self.assertEqual(self.said("unmute"), "People are told again.\n")
        self.assertEqual(self.said("unmute"), "Nothing was muted.\n")
        both = self.next_mail() + self.next_mail()
        self.assertIn("NO LONGER MUTED", both)
        self.assertIn("Slow", both)
        self.assertNotIn("MUTED", self.said("status"))
        self.said("mute", "--for", "8d", "--reason", "for ever", exit=64)

    def test_pause(self):
        """A pause keeps mail, and alerts only when it says so."""
        self.said("pause", "--reason", "the provider")
        self.post(alert("Down"))
        self.assertIn("FIRING", self.next_mail())
        self.said("resume")
        self.said("pause", "--reason", "the provider", "--alerts")
        self.post(alert("Slow"))
        self.id_of("Slow")
        self.nothing_comes()
        self.said("resume")
        self.assertIn("Slow", self.next_mail())

    def test_malformed(self):
        self.assertEqual(self.said("alert", "malformed"),
                         "Everything that came was understood.\n")
        self.post('[{"labels": 7}]', expected=400)
        lab.wait_for(lambda: self.rows("alert", "malformed"), "it to be kept")
        row, = self.rows("alert", "malformed")
        self.assertEqual((row["number"], row["size"]), (1, 15))
        self.assertEqual(self.said("alert", "malformed", "--body", "1"),
                         '[{"labels": 7}]')
        self.said("alert", "malformed", "--body", "2", exit=66)

    def test_noise(self):
        self.assertEqual(self.said("alert", "noise", "--week"),
                         "Nobody was told of anything in the last week.\n")
        self.post(alert("Down", instance="db1"), alert("Down", instance="db2"))
        self.next_mail()
        down = self.id_of("Down")
        self.said("alert", "noise", down)
        self.assertTrue(next(row for row in self.rows("alert", "list")
                             if row["id"] == down)["noise"])
        lab.wait_for(lambda: self.rows("alert", "noise", "--week"),
                     "the sink's answer to be known")
        rule, = self.rows("alert", "noise", "--week")
        self.assertEqual((rule["alertname"], rule["notices"],
                          rule["incidents"], rule["noise"], rule["acked"]),
                         ("Down", 1, 2, 1, 0))

    def test_clock(self):
        self.assertEqual(self.said("clock", "accept"),
                         "Nobody doubted the clock.\n")


class WithoutAlerts(harness.Case):
    def test(self):
        """A relay that has none says so."""
        self.start()
        for words in (["alert", "list"], ["silence", "list"], ["unmute"],
                      ["clock", "accept"]):
            done = self.belfryd.cli(*words, check=False)
            self.assertEqual(done.returncode, 66, done.stdout)
            self.assertIn("alerts", done.stderr)
        self.assertNotIn("alerts ", self.belfryd.cli("status").stdout)


if __name__ == "__main__":
    harness.main()
