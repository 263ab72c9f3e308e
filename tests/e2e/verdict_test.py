"""`belfry verdict` without belfryd: a real name server, and signatures by
python3-dkim."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import harness
from harness import lab
from nsd import NSD, Nsd

SIGN = """
import sys, dkim
key = open(sys.argv[2], "rb").read()
message = sys.stdin.buffer.read()
sys.stdout.buffer.write(dkim.sign(message, b"s1", sys.argv[1].encode(), key))
"""
MESSAGE = (b"From: Anna <anna@%s.example>\r\n"
           b"To: ben@example.net\r\n"
           b"Subject: hello\r\n"
           b"Date: Sun, 22 Nov 2026 01:00:00 +0000\r\n"
           b"Message-ID: <1@example>\r\n"
           b"\r\n"
           b"Hello, Ben.\r\n")

ZONE = """
strict              TXT "v=spf1 ip4:192.0.2.0/24 -all"
_dmarc.strict       TXT "v=DMARC1; p=reject; adkim=s; rua=mailto:r@strict.example"
s1._domainkey.strict TXT {key}
sub.strict          A 192.0.2.1
soft                TXT "v=spf1 -all exp=why.soft.example"
why.soft            TXT "use our server"
_dmarc.soft         TXT "v=DMARC1; p=quarantine"
"""


def signer():
    """A Python that has python3-dkim; None: there is none."""
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", "import dkim"], check=False,
                          stderr=subprocess.DEVNULL).returncode == 0:
            return python
    return None


class Verdict(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if NSD is None or shutil.which("openssl") is None:
            raise unittest.SkipTest("nsd or openssl is not installed")
        cls.python = signer()
        if cls.python is None:
            raise unittest.SkipTest("python3-dkim is not installed")
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.key = os.path.join(cls.folder, "key.pem")
        subprocess.run(["openssl", "genrsa", "-traditional", "-out", cls.key,
                        "2048"], check=True, stderr=subprocess.DEVNULL)
        public = subprocess.run(
            ["openssl", "rsa", "-in", cls.key, "-pubout"], check=True,
            capture_output=True, text=True).stdout
        record = "v=DKIM1; k=rsa; p=" + "".join(public.splitlines()[1:-1])
        cls.nsd = Nsd({"example.": ZONE.format(key=" ".join(
            f'"{record[i:i + 200]}"' for i in range(0, len(record), 200)))})
        cls.nsd.start()
        cls.addClassCleanup(cls.nsd.stop)

    def conf(self, verdict):
        path = os.path.join(self.folder, "belfry.yaml")
        with open(path, "w", encoding="ascii") as file:
            json.dump({"hostname": "mx1.example.org",
                       "dns": {"servers": [f"127.0.0.1@{self.nsd.port}"],
                               "timeout": "2s"}, "verdict": verdict}, file)
        return path

    def sign(self, message, domain):
        field = subprocess.run(
            [self.python, "-c", SIGN, domain, self.key], input=message,
            check=True, stdout=subprocess.PIPE).stdout
        return field + message

    def ask(self, message, *arguments, ip="192.0.2.7", sender=None, **verdict):
        sender = "anna@strict.example" if sender is None else sender
        return subprocess.run(
            [lab.program("belfry"), "-c", self.conf(verdict), "verdict",
             "--ip", ip, "--helo", "mail.strict.example", "--from", sender,
             *arguments, "-"], input=message, capture_output=True,
            timeout=60, check=False)

    def judge(self, message, status, **more):
        done = self.ask(message, "--json", **more)
        self.assertEqual(done.stderr, b"")
        found = json.loads(done.stdout)
        self.assertEqual(done.returncode, status, found)
        return found

    def test_pass(self):
        message = self.sign(MESSAGE % b"strict", "strict.example")
        for text in (message, message.replace(b"\r\n", b"\n")):
            found = self.judge(text, 0)
            self.assertEqual(found["disposition"], "none")
            self.assertEqual(found["spf"]["mail_from"]["result"], "pass")
            self.assertEqual(found["spf"]["helo"]["result"], "none")
            one, = found["dkim"]["signatures"]
            self.assertEqual(
                (one["result"], one["domain"], one["selector"],
                 one["key_bits"]), ("pass", "strict.example", "s1", 2048))
            dmarc = found["dmarc"]
            self.assertEqual((dmarc["result"], dmarc["policy_domain"],
                              dmarc["policy"], dmarc["tag"], dmarc["asked"]),
                             ("pass", "strict.example", "reject", "p", "none"))
            self.assertTrue(dmarc["spf_aligned"])
            self.assertEqual(dmarc["dkim_aligned"], [0])
            self.assertEqual(found["forged"], [])

    def test_sender(self):
        """As people copy it, or not at all."""
        message = MESSAGE % b"strict"
        found = self.judge(message, 0, sender="<anna@strict.example>")
        self.assertEqual(found["dmarc"]["result"], "pass")
        found = self.judge(message, 1, sender="<>")
        self.assertIsNone(found["spf"]["mail_from"])
        for sender in "notanaddress", "<anna@strict.example":
            done = self.ask(message, sender=sender)
            self.assertEqual((done.returncode, done.stdout), (64, b""))
            self.assertIn(b"is no address", done.stderr)

    def test_forwarded(self):
        """Another sender and address: the signature alone vouches."""
        message = self.sign(MESSAGE % b"strict", "strict.example")
        found = self.judge(message, 0, ip="198.51.100.1",
                           sender="list@soft.example")
        self.assertEqual(found["spf"]["mail_from"]["result"], "fail")
        self.assertFalse(found["dmarc"]["spf_aligned"])
        self.assertEqual(found["dmarc"]["result"], "pass")

    def test_changed(self):
        message = self.sign(MESSAGE % b"strict", "strict.example").replace(
            b"Hello, Ben", b"Hello, Carl")
        found = self.judge(message, 1, ip="198.51.100.1")
        self.assertEqual(found["dkim"]["signatures"][0]["result"], "fail")
        self.assertEqual(found["disposition"], "mark")
        self.assertEqual(
            [field["name"] for field in found["fields"]],
            ["X-Belfry-Quarantine", "Authentication-Results"])
        found = self.judge(message, 1, ip="198.51.100.1",
                           dmarc={"on_reject": "reject"})
        self.assertEqual(found["disposition"], "reject")
        self.assertEqual((found["reply"]["code"], found["reply"]["dsn"]),
                         (550, "5.7.26"))

    def test_quarantine(self):
        found = self.judge(MESSAGE % b"soft", 1, sender="anna@soft.example",
                           dmarc={"on_quarantine": "hold"})
        self.assertEqual((found["disposition"], found["dmarc"]["asked"]),
                         ("hold", "quarantine"))
        self.assertIsNone(found["reply"])
        found = self.judge(MESSAGE % b"soft", 1, sender="anna@soft.example",
                           spf={"reject_fail": True})
        self.assertIn("that domain explains: use our server",
                      found["reply"]["text"])

    def test_no_dns(self):
        """The name server refuses what is not below example."""
        message = (MESSAGE % b"lame").replace(b"lame.example", b"refused.org")
        found = self.judge(message, 75)
        self.assertEqual((found["disposition"], found["dmarc"]["result"]),
                         ("tempfail", "temperror"))
        self.assertEqual(found["reply"]["code"], 451)
        found = self.judge(message, 0, on_temperror="accept")
        self.assertEqual(found["disposition"], "none")

    def test_forged(self):
        three = (b"Authentication-Results: MX1.example.org; dmarc=pass\r\n"
                 b"Authentication-Results: mx2.example.org; dmarc=pass\r\n"
                 b"Authentication-Results: (a) mx1.example.org 1; spf=pass\r\n"
                 b"Authentication-Results: \"mx1.example.org\"; none\r\n")
        found = self.judge(three + MESSAGE % b"sub.strict", 0)
        self.assertEqual(found["forged"], [1, 3, 4])

    def test_text(self):
        done = self.ask(self.sign(MESSAGE % b"strict", "strict.example"))
        self.assertEqual(done.returncode, 0)
        lines = done.stdout.decode().splitlines()
        for line in ("SPF of HELO mail.strict.example: none",
                     "SPF of MAIL FROM anna@strict.example: pass "
                     "(ip4:192.0.2.0/24)",
                     "  ip4:192.0.2.0/24: pass",
                     "DKIM 0 of strict.example, selector s1, rsa-sha256: pass",
                     "policy: strict.example has p=reject; asked for: none",
                     "disposition: none",
                     "Authentication-Results: mx1.example.org;",
                     "\tdmarc=pass (p=reject, done: none) "
                     "header.from=strict.example"):
            self.assertIn(line, lines)

    def test_what_is_no_message(self):
        for text in (b"", b"\n", b"no header\n", b"From anna\n\n",
                     b"From: \xff\x1b[31m@x\n\n\x1b"):
            done = self.ask(text)
            self.assertIn(done.returncode, (0, 1, 75), text)
            self.assertNotIn(b"\x1b", done.stdout)
        done = subprocess.run(
            [lab.program("belfry"), "verdict", "/nowhere/at/all"],
            capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nowhere/at/all: No such file", done.stderr)


if __name__ == "__main__":
    harness.main()
