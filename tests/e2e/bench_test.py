"""The benchmark's figures, made small: they come, whatever their values."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

import harness
import lab
import postfix

BENCH = os.path.join(lab.REPO, "tests", "bench", "bench.py")
SMALL = ["--messages", "60", "--pairs", "1", "--domains", "20",
         "--recipients", "200", "--backup", "1", "--signing", "50"]


class Bench(unittest.TestCase):
    def bench(self, *arguments, **environment):
        done = subprocess.run(
            [sys.executable, BENCH, *arguments], capture_output=True,
            text=True, timeout=250, check=False,
            env={**os.environ, **environment})
        return done.returncode, done.stdout + done.stderr

    @harness.need("nsd")
    @harness.need("smtp-sink")
    def test_small(self):
        with tempfile.TemporaryDirectory() as folder:
            status, said = self.bench(*SMALL, "--out", folder, "mx", "dead",
                                      "recipients", "backup")
            self.assertEqual(status, 0, said)
            name, = os.listdir(folder)
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                saved = json.load(file)
        rows = {row["figure"]: row["value"] for row in saved["results"]}
        self.assertEqual(saved["domains"], 20)
        for figure in ("20 domains: Belfry", "recipients: Belfry",
                       "backup: its size", "backup: the queue beside it"):
            self.assertGreater(rows[figure], 0, said)
        if "::1" not in said:
            self.assertIn("a domain that is silent: others slower by", rows)
            self.assertIn("a domain that is refusing: others slower by", rows)

    @harness.need("smtp-sink")
    @harness.need("openssl")
    def test_secure(self):
        figures = ["tls", "login", "handshakes", "tls_idle", "guarded"]
        with tempfile.TemporaryDirectory() as folder:
            status, said = self.bench(*SMALL, "--idle", "20", "--out", folder,
                                      *figures)
        self.assertEqual(status, 0, said)
        for line in ("TLS (Postfix's logins: Dovecot): Belfry",
                     "TLS and login per message (Postfix's logins: Dovecot): "
                     "Belfry", "handshakes: ratio",
                     "20 idle clients by TLS: memory",
                     "everything switched on, beside without"):
            self.assertIn(line, said)

    @harness.need("smtp-sink")
    def test_alerts(self):
        with tempfile.TemporaryDirectory() as folder:
            status, said = self.bench(
                "--pairs", "1", "--alerts", "100", "--outage", "1",
                "--idle-sink", "3", "--held", "2000", "--minute", "0.5",
                "--bulk", "5000", "--out", folder, "alerts", "alerts_signed",
                "outage", "lost", "held", "urgent")
        self.assertEqual(status, 0, said)
        for line in (
                "100 alerts, memory: belfry", "alerts mailed, ed25519",
                "all mails after an outage of 1 s: belfry",
                "lost of 10 alerts, SMTP away, kill -9: belfry",
                "2,000 held, re-posted: CPU",
                "an alert among 5,000 mails: POST to the next hop"):
            self.assertIn(line, said)

    def test_spf(self):
        with tempfile.TemporaryDirectory() as folder:
            status, said = self.bench("--out", folder, "spf")
        self.assertEqual(status, 0, said)
        for engine in ("Belfry", "libspf2"):
            self.assertRegex(said, rf"SPF, everything cached: {engine} +\d")

    def test_signing(self):
        with tempfile.TemporaryDirectory() as folder:
            status, said = self.bench(*SMALL, "--out", folder, "sign")
        self.assertEqual(status, 0, said)
        for line in ("signing: Belfry", "signing: libopendkim",
                     "signing: RSA alone", "signing: ratio"):
            self.assertIn(line, said)

    @harness.need("nsd")
    @harness.need("smtp-sink")
    @harness.need("dkimsign")
    def test_judging(self):
        """Both figures see to it themselves that each message is judged."""
        with tempfile.TemporaryDirectory() as folder:
            status, said = self.bench(*SMALL, "--out", folder, "milter",
                                      "verify")
        self.assertEqual(status, 0, said)
        names = ["an empty milter", "belfry"]
        beside = "the packaged ones are left out" not in said
        if beside:
            names.append("opendkim and opendmarc")
        for name in names:
            self.assertRegex(said, rf"(?m)^milter: {name} +\d")
            self.assertRegex(said, rf"(?m)^milter, CPU: {name} +\d")
        if not postfix.can_run():
            return self.assertIn("not installed: Postfix", said)
        self.assertIn("verify: rate, Belfry / an empty milter", said)
        for what in ("CPU", r"memory \(RSS\)"):
            self.assertRegex(said, rf"verify, {what}: Belfry +\d")
            if beside:
                self.assertIn(f"verify, {what}: the packaged ones / Belfry"
                              .replace("\\", ""), said)

    def test_lacking(self):
        """What is not installed is named, and nothing measured is no
        success."""
        with tempfile.TemporaryDirectory() as folder:
            status, said = self.bench("mx", "kept", PATH=folder)
        self.assertEqual(status, 1, said)
        self.assertEqual(said.count("not installed: smtp-source"), 2, said)

    def test_unknown(self):
        status, said = self.bench("slow")
        self.assertEqual(status, 2)
        self.assertIn("no such figure: slow", said)


if __name__ == "__main__":
    harness.main()
