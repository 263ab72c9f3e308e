"""`belfry route test`: whom the rules name, when and why.

usage: route_test.py BELFRY
"""
import json
import os
import re
import unittest

from made_up import Case

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
SAMPLES = os.environ.get("BELFRY_CONFORMANCE", os.path.join(
    TOP, "..", "shared", "conformance"))
ALERTS = """
alerts:
  people:
    anna: {mail: anna@example.org, time_zone: Europe/Berlin}
    ben: {mail: ben@example.org, time_zone: Europe/London}
  schedules:
    - {name: primary, time_zone: Europe/Berlin, rotate: weekly,
       start: 2026-01-05T09:00, people: [anna, ben]}
    - {name: office, time_zone: Europe/Berlin, rotate: weekly,
       start: 2026-01-05T09:00, people: [ben], hours: ["mon-fri 08:00-20:00"]}
  receivers:
    - {name: oncall, schedules: [primary], slack: [{name: ops, url_file: /nowhere}],
       fallback: {receiver: all, after: 10m},
       rate: {limit: 20/1h, burst: 10, digest: 15m}}
    - {name: all, people: [anna, ben]}
    - {name: desk, schedules: [office], send_resolved: false}
    - {name: hole}
  route:
    receiver: oncall
    routes:
      - {matchers: ['severity="critical"'], continue: true,
         escalate: [{after: 15m, receiver: all}, {after: 1d, receiver: desk}]}
      - {matchers: ['severity="critical"', 'team="db"'], receiver: desk,
         group_by: ['...'], mute_time_intervals: [sundays]}
      - {matchers: ['team="none"'], receiver: hole}
  heartbeat: {expect: ['alertname="Watchdog"'], within: 7m}
  inhibit_rules:
    - {source_matchers: ['severity="critical"', 'job="x"'],
       target_matchers: ['severity!="critical"'], equal: [instance, site]}
  time_intervals:
    - {name: sundays, time_intervals: [{weekdays: [sunday]}]}
  maintenance:
    - {name: the rack, matchers: ['instance="db9"'], time_zone: UTC,
       start: 2026-11-22T00:00, end: 2026-11-23T00:00}
"""
SUNDAY = "2026-11-22T12:00"


class RouteTest(Case):
    def setUp(self):
        super().setUp()
        with open(self.conf, "a", encoding="utf-8") as file:
            file.write(ALERTS)

    def route(self, *arguments, **options):
        return self.belfry("route", "test", "--at", SUNDAY, *arguments,
                           **options).stdout

    def objects(self, *arguments, **options):
        return [json.loads(line) for line in self.route(
            "--json", *arguments, **options).splitlines()]

    def test_text(self):
        self.assertEqual(self.route(json.dumps({
            "labels": {"alertname": "Disk\x1b", "severity": "critical"},
            "annotations": {"summary": "db1 is full"}})).splitlines(), [
                "Disk?: db1 is full",
                '  labels       alertname="Disk?", severity="critical"',
                "  counts as    critical",
                "",
                '  route        severity="critical"',
                "  receiver     oncall:",
                "                 mail      ben@example.org (ben, on call by "
                "primary until 2026-11-23 09:00 CET)",
                "                 slack     oncall/slack/ops",
                '  group        alertname="Disk?"',
                "  first told   after 5s, at 12:00, with what has joined by "
                "then",
                "  then         what joins, every 5m; what lasts, every 4h",
                "  recovery     when it has lasted 2m",
                "  escalation   after 15m5s, at 12:15, unless acknowledged, "
                "to all:",
                "                 mail      anna@example.org (anna)",
                "                 mail      ben@example.org (ben)",
                "  escalation   after 1d5s, at 2026-11-23 12:00, unless "
                "acknowledged, to desk, where nobody is on call:",
                "                 mail      ben@example.org (ben)",
                "  fallback     where a message is refused, or not accepted "
                "within 3m, to all:",
                "                 mail      anna@example.org (anna)",
                "                 mail      ben@example.org (ben)"])

    def test_quiet(self):
        out = self.route("alertname=X", "instance=db9", "team=none")
        self.assertIn("\n  counts as    not critical\n"
                      "  NOT NOW      in maintenance, so nobody is told: "
                      "the rack\n"
                      '  inhibited    while another is open with '
                      'severity="critical", job="x" and the same instance, '
                      "site\n", out)
        self.assertIn('\n  route        team="none"\n'
                      "  receiver     hole: nobody\n", out)
        out = self.route("alertname=X", "severity=critical", "team=db")
        self.assertEqual(re.findall(r"^  route +(.*)", out, re.M), [
            'severity="critical"', 'severity="critical", team="db"'])
        self.assertIn(
            'team="db"\n  NOT NOW      by its time intervals nobody is told '
            "at this time\n  receiver     desk, where nobody is on call:\n", out)
        self.assertIn("\n  group        each alert by itself\n", out)
        self.assertIn("\n  recovery     not told (send_resolved: false)\n", out)

    def test_default_route(self):
        out = self.route("alertname=X")
        self.assertIn("\n  route        default route\n", out)
        self.assertIn("\n  first told   after 30s, at 12:00, ", out)
        self.assertIn("\n  at most      20 in 1h (10 at once), then a digest "
                      "every 15m\n", out)

    def test_heartbeat(self):
        out = self.route("alertname=Watchdog")
        self.assertIn("\n  heartbeat    nobody is told, unless it has not come "
                      "for 7m\n", out)
        self.assertNotIn("receiver", out)
        one, = self.objects("alertname=Watchdog")
        self.assertEqual((one["heartbeat_within_ms"], one["routes"]),
                         (420000, []))

    def test_json(self):
        one, = self.objects("alertname=X", "severity=critical", "team=db")
        self.assertEqual((one["critical"], one["source"], one["status"],
                          one["at_ms"]),
                         (True, "cli", "firing", 1795348800000))
        first, second = one["routes"]
        self.assertEqual(first["fallback"]["after_ms"], 180000)
        self.assertEqual(first["receiver"]["targets"][0], {
            "channel": "mail", "address": "ben@example.org", "person": "ben",
            "schedule": "primary", "until_ms": 1795420800000,
            "time_zone": "Europe/Berlin"})
        self.assertEqual(second["group"], one["labels"])
        self.assertTrue(second["muted"] and second["each_by_itself"])

    def test_rota(self):
        """Another week, another person."""
        found = self.belfry("route", "test", "--at", "2026-11-23T08:00Z", "a=b")
        self.assertIn("(anna, on call by primary until 2026-11-30 09:00 CET)",
                      found.stdout)

    def test_documents(self):
        alert = {"labels": {"alertname": "A", "severity": "critical"}}
        path = os.path.join(self.dir, "alerts.json")
        for document, names in (
                (alert, ["A"]), ([alert, alert], ["A", "A"]),
                ({"version": "4", "alerts": [dict(
                    alert, status="resolved", fingerprint="f")]}, ["A"])):
            text = json.dumps(document)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            for arguments, stdin in (([text], ""), ([path], ""), (["-"], text)):
                found = self.objects(*arguments, stdin=stdin)
                self.assertEqual(
                    [one["labels"]["alertname"] for one in found], names)
                self.assertEqual({one["source"] for one in found},
                                 {"alertmanager"})
        self.assertEqual(found[0]["status"], "resolved")
        self.assertIn("\n  resolved     told to those who were told that it "
                      "fires\n", self.route(path))

    def test_sources(self):
        if not os.path.isdir(SAMPLES):
            self.skipTest("no sample documents here")
        for source, name, headers in (
                ("alertmanager", "alertmanager-webhook-v4.json", []),
                ("alertmanager", "prometheus-api-v2-alerts.json", []),
                ("sentry", "sentry-event_alert.json",
                 ["--header", "Sentry-Hook-Resource: event_alert"]),
                ("github", "github-issues-upptime.json",
                 ["--header", "x-github-event:issues"]),
                ("uptimerobot", "uptimerobot-webhook.form.txt", [])):
            with self.subTest(name):
                found = self.objects("--source", source, *headers,
                                     os.path.join(SAMPLES, "alerts", name))
                self.assertTrue(found)
                self.assertEqual({one["source"] for one in found}, {source})

    def test_label_source(self):
        """As the intake gives it: not to what Alertmanager knows."""
        with open(self.conf, "a", encoding="utf-8") as file:
            file.write("  sources: [{name: shop, kind: uptimerobot}]\n")
        for words, label in (
                (["a=b"], None),
                (["--source", "shop", "a=b"], "shop"),
                (["--source", "shop", "a=b", "source=x"], "x"),
                (["--source", "generic", '{"title": "T"}'], "generic"),
                (["--source", "alertmanager", "a=b"], None),
                (["--source", "alertmanager", '{"labels": {"a": "b"}}'],
                 None)):
            with self.subTest(words):
                one, = self.objects(*words)
                self.assertEqual(one["labels"].get("source"), label)

    def test_refused(self):
        for words, exit in (
                (["{"], 1), (["[]"], 1), (['{"labels": {}}'], 1),
                (["a=b", "c"], 64), (["a b=c"], 64), (["{}", "{}"], 64),
                (["/nowhere"], 66), ([], 64), (["--at", "noon", "a=b"], 64),
                (["--source", "nobody", "{}"], 64),
                (["--header", "Cookie: x", "a=b"], 64),
                (["--source", "github", "{}"], 1),
                (["--source", "mail", "{}"], 1)):
            with self.subTest(words):
                done = self.belfry("route", "test", *words, exit=exit)
                self.assertEqual(done.stdout, "")
                self.assertNotEqual(done.stderr, "")

    def test_without_rules(self):
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write("hostname: relay1.example.org\n")
        self.assertIn("no section `alerts`", self.belfry(
            "route", "test", "a=b", exit=78).stderr)
        with open(self.conf, "a", encoding="utf-8") as file:
            file.write("alerts: {mail: nobody}\n")
        self.assertIn("belfry.yaml:2:", self.belfry(
            "route", "test", "a=b", exit=78).stderr)


if __name__ == "__main__":
    unittest.main()
