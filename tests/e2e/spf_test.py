"""`belfry spf` without belfryd: a real name server, answers over the wire."""
import json
import os
import subprocess
import tempfile
import unittest

import harness
from harness import lab
from nsd import NSD, Nsd
from signed_zone import Signer

LONG = " ".join(f'"ip4:10.{i}.0.0/16 "' for i in range(200))

ZONE = f"""
plain       TXT "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all"
split       TXT "v=spf1 ip4:192." "0.2.1 -all"
long        TXT "v=spf1 " {LONG} "ip4:192.0.2.1 -all"
mail        TXT "v=spf1 mx -all"
mail        MX 10 mx.mail
mx.mail     A 192.0.2.1
outer       TXT "v=spf1 include:plain.example -all"
macro       TXT "v=spf1 exists:%{{ir}}.%{{l1r-}}.%{{d2}} -all"
1.2.0.192.anna.macro.example. A 127.0.0.2
explained   TXT "v=spf1 -all exp=why.example"
why         TXT "%{{i}} is not ours"
two         TXT "v=spf1 -all"
two         TXT "v=spf1 +all"
wrong       TXT "v=spf1 ip4:192.0.2.300 -all"
outside     TXT "v=spf1 include:refused.org -all"
void        TXT "v=spf1 a:a.void.example a:b.void.example a:c.void.example all"
text        TXT "nothing of the kind"
host        TXT "v=spf1 a -all"
host        A 192.0.2.1
dangling    TXT "v=spf1 mx:x\\027[31m.example -all"
"""


class Spf(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if NSD is None:
            raise unittest.SkipTest("nsd is not installed")
        cls.nsd = Nsd({"example.": ZONE}).start()
        cls.addClassCleanup(cls.nsd.stop)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.conf = os.path.join(folder.name, "belfry.yaml")
        with open(cls.conf, "w", encoding="ascii") as file:
            file.write("hostname: mx1.example.org\ndns:\n  servers: "
                       f"[\"127.0.0.1@{cls.nsd.port}\"]\n  timeout: 2s\n")

    def ask(self, *arguments, conf=None):
        return subprocess.run(
            [lab.program("belfry"), "-c", conf or self.conf, "spf",
             *arguments], capture_output=True, text=True, timeout=60,
            check=False)

    def row(self, name, ip, result, status, term=None, **more):
        with self.subTest(name=name, ip=ip):
            done = self.ask("--ip", ip, "--helo", "mail.example", "--from",
                            f"anna@{name}.example", "--json")
            found = json.loads(done.stdout)
            self.assertEqual(found["result"], result, done.stdout)
            self.assertEqual(done.returncode, status)
            self.assertEqual(done.stderr, "")
            if term is not None:
                self.assertEqual(found["term"], term)
            for key, value in more.items():
                self.assertEqual(found[key], value)
            return found

    def test_rows(self):
        self.row("plain", "192.0.2.7", "pass", 0, "ip4:192.0.2.0/24")
        self.row("plain", "2001:db8::7", "pass", 0, "ip6:2001:db8::/32")
        self.row("plain", "::ffff:192.0.2.7", "pass", 0)
        self.row("plain", "198.51.100.1", "fail", 1, "-all", lookups=0)
        self.row("split", "192.0.2.1", "pass", 0, "ip4:192.0.2.1")
        self.row("long", "192.0.2.1", "pass", 0, "ip4:192.0.2.1")
        self.row("mail", "192.0.2.1", "pass", 0, "mx", lookups=1)
        self.row("mail", "192.0.2.2", "fail", 1, "-all")
        self.row("outer", "192.0.2.1", "pass", 0, "include:plain.example",
                 domain="outer.example")
        self.row("macro", "192.0.2.1", "pass", 0)
        self.row("macro", "192.0.2.2", "fail", 1, voids=1)
        self.row("explained", "192.0.2.1", "fail", 1,
                 explanation="192.0.2.1 is not ours")
        self.row("two", "192.0.2.1", "permerror", 1)
        self.row("wrong", "192.0.2.1", "permerror", 1)
        self.row("outside", "192.0.2.1", "temperror", 75)
        self.row("void", "192.0.2.1", "permerror", 1, voids=3)
        self.row("text", "192.0.2.1", "none", 1)
        self.row("nowhere", "192.0.2.1", "none", 1)

    def test_what_the_dns_said(self):
        found = self.row("mail", "192.0.2.1", "pass", 0)
        self.assertEqual(
            [(a["name"], a["type"], a["status"], a["records"])
             for a in found["dns"]],
            [("mail.example", "TXT", "ok", ["v=spf1 mx -all"]),
             ("mail.example", "MX", "ok", ["10 mx.mail.example"]),
             ("mx.mail.example", "A", "ok", ["192.0.2.1"])])
        self.assertEqual(found["steps"][0],
                         {"depth": 0, "text": "mail.example: v=spf1 mx -all"})

    def test_the_other_engine(self):
        for name, result, status, step in (
                ("plain", "pass", 0, "libspf2: "),
                ("outside", "temperror", 75, "libspf2: refused.org TXT"),
                ("wrong", "permerror", 1, "wrong.example: "),
                ("long", "pass", 0, "long.example: ")):
            done = self.ask("--ip", "192.0.2.1", "--from",
                            f"anna@{name}.example", "--json", "--engine",
                            "libspf2")
            found = json.loads(done.stdout)
            self.assertEqual((found["result"], done.returncode),
                             (result, status), done.stdout)
            self.assertTrue(found["steps"][0]["text"].startswith(step), found)

    def test_the_configured_engine(self):
        conf = self.conf + ".other"
        with open(self.conf, encoding="ascii") as file:
            text = file.read()
        with open(conf, "w", encoding="ascii") as file:
            file.write(text + "verdict: {spf: {engine: libspf2}, dns: "
                       "{lookups: 20}}\n")
        asked = ["--ip", "192.0.2.1", "--from", "a@plain.example"]
        self.assertIn("libspf2: ", self.ask(*asked, conf=conf).stdout)
        self.assertNotIn("libspf2: ", self.ask(
            *asked, "--engine", "belfry", conf=conf).stdout)

    def test_helo(self):
        for sender in ([], ["--from", ""]):
            done = self.ask("--ip", "192.0.2.1", "--helo", "host.example",
                            "--json", *sender)
            found = json.loads(done.stdout)
            self.assertEqual((found["scope"], found["result"]),
                             ("helo", "pass"))
            self.assertEqual(done.returncode, 0)

    def test_sender(self):
        """As people copy it."""
        for sender, scope in (("<anna@plain.example>", "mfrom"),
                              ("<>", "helo")):
            done = self.ask("--ip", "192.0.2.1", "--helo", "host.example",
                            "--json", "--from", sender)
            found = json.loads(done.stdout)
            self.assertEqual((found["scope"], found["result"]),
                             (scope, "pass"), found)

    def test_text(self):
        done = self.ask("--ip", "192.0.2.9", "--from", "anna@outer.example")
        self.assertEqual(done.returncode, 0)
        for line in ("outer.example: v=spf1 include:plain.example -all",
                     "  ip4:192.0.2.0/24: pass",
                     "include:plain.example: pass",
                     "1 of 10 terms asked it, 0 of 2 for nothing.",
                     "192.0.2.9, mfrom outer.example: pass "
                     "(include:plain.example)"):
            self.assertIn(line, done.stdout.splitlines())

    def test_nothing_steers_the_terminal(self):
        asked = ["--ip", "192.0.2.9", "--from"]
        done = self.ask(*asked, "a\x1b[31m@dangling.example")
        self.assertNotIn("\x1b", done.stdout + done.stderr)
        done = self.ask(*asked, "a@dangling.example")
        self.assertNotIn("\x1b", done.stdout)
        self.assertIn("dangling.example TXT: v=spf1 mx:x?[31m", done.stdout)

    def test_usage(self):
        for arguments in ([], ["--ip", "192.0.2.1"],
                          ["--helo", "host.example"],
                          ["--ip", "192.0.2.300", "--helo", "host.example"],
                          ["--ip", "192.0.2.1", "--helo", "h", "more"],
                          ["--ip", "192.0.2.1", "--bad"],
                          *(["--ip", "192.0.2.1", "--helo", "h", "--from", text]
                            for text in ("notanaddress", "<notanaddress>",
                                         "<a@b.example", "a@b.example>", "@",
                                         "<a@b.example> ", "postmaster", "a@",
                                         "Anna <a@b.example>", "a@b@c")),
                          ["--ip", "192.0.2.1", "--helo", "h", "--engine",
                           "other"]):
            done = self.ask(*arguments)
            self.assertEqual(done.returncode, 64, arguments)
            self.assertEqual(done.stdout, "")

    def test_no_configuration(self):
        done = self.ask("--ip", "192.0.2.1", "--helo", "host.example",
                        conf="/no/such/file")
        self.assertEqual(done.returncode, 78)


class Signed(unittest.TestCase):
    """A resolver that validates: what is signed is known to be authentic, what
    was changed on its way is a failure of the DNS, for now."""

    @harness.need("openssl")
    @harness.need("nsd")
    def test_signatures(self):
        with tempfile.TemporaryDirectory() as folder:
            signer = Signer("signed.test.", folder)
            text = signer.zone({"good.signed.test.": "v=spf1 +all",
                                "bad.signed.test.": "v=spf1 -all"})
            nsd = Nsd({"signed.test.": text.replace("v=spf1 -all",
                                                    "v=spf1 +all"),
                       "plain.test.": '@ TXT "v=spf1 +all"\n'}).start()
            self.addCleanup(nsd.stop)
            anchor = os.path.join(folder, "anchor")
            with open(anchor, "w", encoding="ascii") as file:
                file.write(signer.anchor())
            conf = os.path.join(folder, "belfry.yaml")
            with open(conf, "w", encoding="ascii") as file:
                file.write("hostname: mx1.example.org\ndns:\n  servers: "
                           f"[\"127.0.0.1@{nsd.port}\"]\n  trust_anchor: "
                           f"{anchor}\n")
            for domain, result, authentic, why in (
                    ("good.signed.test", "pass", True, ""),
                    ("bad.signed.test", "temperror", False, "not authentic"),
                    ("plain.test", "pass", False, "")):
                done = subprocess.run(
                    [lab.program("belfry"), "-c", conf, "spf", "--ip",
                     "192.0.2.1", "--from", f"anna@{domain}", "--json"],
                    capture_output=True, text=True, timeout=60, check=False)
                found = json.loads(done.stdout)
                self.assertEqual(found["result"], result, done.stdout)
                self.assertEqual(found["dns"][0]["authentic"], authentic)
                self.assertIn(why, found["why"])


if __name__ == "__main__":
    harness.main()
