"""The five lines: alerts, two addresses, and an HTTP listener."""
import glob
import http.client
import json
import re
import time
import unittest
import urllib.parse

import harness
import lab

FAST_CLOCK = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
ANNA, SYSADMIN = "anna@example.org", "sysadmin@example.net"
FIVE_LINES = {"alerts": {"mail": [ANNA, SYSADMIN]}}


def post(belfryd, path, body, kind="application/json", fields=None):
    """(status, text) of a POST."""
    client = http.client.HTTPConnection("127.0.0.1", belfryd.http, timeout=60)
    try:
        client.request("POST", path, body, {"Content-Type": kind,
                                            **(fields or {})})
        answer = client.getresponse()
        return answer.status, answer.read().decode()
    finally:
        client.close()


def prometheus(name="DiskWillFill", resolved=False, **labels):
    """A document of Prometheus with one alert."""
    return json.dumps([{
        "labels": {"alertname": name, **labels},
        "annotations": {"summary": f"{name} on {labels.get('instance')}"},
        "startsAt": "2026-01-01T00:00:00Z",
        **({"endsAt": "2026-01-01T01:00:00Z"} if resolved else {})}])


def uptimerobot(down, name):
    return urllib.parse.urlencode({
        "monitorID": "7", "monitorURL": "https://shop.example.org",
        "monitorFriendlyName": name, "alertType": "1" if down else "2",
        "alertTypeFriendlyName": "Down" if down else "Up",
        "alertDetails": "Connection timeout"})


def webhook(name):
    """What Alertmanager posts, and Grafana."""
    return {"version": "4", "status": "firing", "alerts": [{
        "status": "firing", "labels": {"alertname": name},
        "annotations": {}, "startsAt": "2026-01-01T00:00:00Z"}]}


FORM = "application/x-www-form-urlencoded"
# The document of each kind: what is down is "disk of KIND".
HOOKS = {
    "alertmanager": (webhook("disk of alertmanager"),),
    "grafana": (webhook("disk of grafana"),),
    "sentry": ({"action": "triggered", "data": {"event": {
        "issue_id": "5", "project": "disk of sentry", "title": "full",
        "level": "error"}}}, "application/json",
               {"Sentry-Hook-Resource": "event_alert"}),
    "uptimerobot": (uptimerobot(True, "disk of uptimerobot"), FORM),
    "uptimekuma": ({"msg": "down", "heartbeat": {
        "monitorID": 4, "status": 0, "msg": "no answer"}, "monitor": {
            "id": 4, "name": "disk of uptimekuma"}},),
    "statuspage": ({"page": {"id": "p"}, "incident": {
        "id": "i", "name": "disk of statuspage", "status": "investigating",
        "impact": "major"}},),
    "papertrail": (urllib.parse.urlencode({"payload": json.dumps({
        "saved_search": {"id": 3, "name": "disk of papertrail"},
        "events": [{"hostname": "db1", "message": "full"}]})}), FORM),
    "github": ({"action": "opened", "repository": {
        "full_name": "disk of github"}, "issue": {
            "number": 1, "title": "full"}}, "application/json",
               {"X-GitHub-Event": "issues"}),
    "generic": ({"title": "disk of generic"},),
}


class FiveLines(harness.Case):
    def start(self, config=None, **how):
        return self.prepare(lab.merge(FIVE_LINES, config or {})).start(**how)

    def mails(self, count, timeout=60):
        """COUNT to each of both, by recipient."""
        got = self.sink.wait(2 * count, timeout)
        by_rcpt = {}
        for mail in got:
            (rcpt,) = mail.recipients
            by_rcpt.setdefault(rcpt, []).append(mail)
        self.assertEqual({rcpt: len(v) for rcpt, v in by_rcpt.items()},
                         {ANNA: count, SYSADMIN: count})
        return by_rcpt

    def post(self, path, body, *more):
        status, said = post(self.belfryd, path, body, *more)
        self.assertEqual(status, 200, said)

    def test_prometheus(self):
        """Grouped: two hosts with the same trouble are one mail to each."""
        self.start()
        for host in ("db1", "db2"):
            self.post("/api/v2/alerts", prometheus(
                severity="critical", instance=host))
        for rcpt, (mail,) in self.mails(1).items():
            text = mail.content.decode()
            self.assertIn("db1", text)
            self.assertIn("db2", text)
            self.assertEqual(mail.header("To"), f"<{rcpt}>")
            self.assertIn("DiskWillFill", mail.header("Subject"))
            self.assertEqual(mail.header("Auto-Submitted"), "auto-generated")
        time.sleep(1) # nothing more comes
        self.mails(1)

    def test_hooks(self):
        """A built-in source needs no configuration. What is due at once may be
        one mail; each post is told once to both."""
        self.start()
        for kind, (body, *more) in HOOKS.items():
            if not isinstance(body, str):
                body = json.dumps(body)
            self.post(f"/hooks/{kind}", body, *more)

        def told():
            return sorted((mail.recipients, kind)
                          for mail in list(self.sink.messages)
                          for kind in HOOKS
                          if f"disk of {kind}" in mail.content.decode())
        lab.wait_for(lambda: len(told()) >= 2 * len(HOOKS),
                     lambda: f"all of them, not {told()}", 90)
        self.assertEqual(told(), sorted(([rcpt], kind) for kind in HOOKS
                                        for rcpt in (ANNA, SYSADMIN)))

    def test_command(self):
        belfryd = self.start()
        belfryd.cli("alert", "send", "--title", "The backup failed",
                    "--severity", "critical", "--key", "backup")
        for _, (mail,) in self.mails(1).items():
            self.assertIn("The backup failed", mail.content.decode())

    @unittest.skipUnless(FAST_CLOCK, "libfaketime is not installed")
    def test_recovery(self):
        """In the same thread, when it has lasted; by a fast clock."""
        if "asan" in lab.program("belfryd") or "tsan" in lab.program("belfryd"):
            self.skipTest("a sanitizer wants to be loaded first")
        self.start(wrapper=["env", "FAKETIME=+0 x60",
                            "LD_PRELOAD=" + FAST_CLOCK[0]])
        self.post("/api/v2/alerts", prometheus(severity="warning",
                                               instance="db1"))
        self.mails(1)
        self.post("/api/v2/alerts", prometheus(
            resolved=True, severity="warning", instance="db1"))
        for _, (down, up) in self.mails(2).items():
            root = down.header("Message-ID")
            self.assertEqual(up.header("In-Reply-To"), root)
            self.assertIn(root, up.header("References"))
            self.assertEqual(up.header("Subject"),
                             "Re: " + down.header("Subject"))
            self.assertRegex(up.content.decode(), re.compile("resolved", re.I))


if __name__ == "__main__":
    harness.main()
