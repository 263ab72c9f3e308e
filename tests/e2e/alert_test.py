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


def post(belfryd, path, body, kind="application/json"):
    """(status, text) of a POST."""
    client = http.client.HTTPConnection("127.0.0.1", belfryd.http, timeout=60)
    try:
        client.request("POST", path, body, {"Content-Type": kind})
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


def uptimerobot(down):
    return urllib.parse.urlencode({
        "monitorID": "7", "monitorURL": "https://shop.example.org",
        "monitorFriendlyName": "shop", "alertType": "1" if down else "2",
        "alertTypeFriendlyName": "Down" if down else "Up",
        "alertDetails": "Connection timeout"})


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

    def post(self, path, body, kind="application/json"):
        status, said = post(self.belfryd, path, body, kind)
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
        """A built-in source needs no configuration."""
        self.start()
        self.post("/hooks/uptimerobot", uptimerobot(True),
                  "application/x-www-form-urlencoded")
        for _, (mail,) in self.mails(1, 90).items():
            self.assertIn("shop", mail.header("Subject"))

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
