"""DKIM with real name servers and other implementations: `belfry dkim`, a key
replaced without a gap as docs/dkim.md says, and signatures made by one and
verified by another, both ways: python3-dkim, and OpenDKIM's opendkim-testmsg.
"""
import base64
import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

import harness
from harness import lab
from nsd import NSD, Nsd

DEBIAN = "/usr/bin/python3"  # whose packages only it finds
try:
    import dkim
except ImportError:
    if sys.executable != DEBIAN and os.path.exists(DEBIAN):
        os.execv(DEBIAN, [DEBIAN, *sys.argv])
    dkim = None

TESTMSG = shutil.which("opendkim-testmsg", path="/usr/sbin:/usr/bin")
DOMAIN = "example.org"

DATE = b"Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n"
MESSAGES = {
    "plain": b"From: Anna <anna@example.org>\r\nTo: ben@example.net\r\n"
             b"Subject: Is dinner ready?\r\n" + DATE +
             b"Message-ID: <1@example.org>\r\n\r\nHi.\r\n",
    "empty": b"From: anna@example.org\r\nTo: ben@example.net\r\n\r\n",
    "blank": DATE + b"From: anna@example.org\r\nSubject: \r\n\r\n\r\n\r\n \r\n",
    "folded": DATE + b"From: Anna\r\n <anna@example.org>\r\nSubject: a\r\n\tb \r\n  c\r\n"
              b"References: <1@example.org>\r\n <2@example.org>\r\n\r\n"
              b"  a  b\t\r\n\r\n\r\n c \r\n\r\n\r\n",
    "eight bits": DATE + "From: anna@example.org\r\nSubject: \u00e4\r\n\r\n"
                  "\u00e4\u00f6\r\n".encode(),
    "long lines": DATE + b"From: anna@example.org\r\nTo: " +
                  b", ".join(b"%d@example.net" % i for i in range(60)) +
                  b"\r\n\r\n" + b"x" * 990 + b"\r\n" + b"y z " * 200 + b"\r\n",
    "large": DATE + b"From: anna@example.org\r\n\r\n" +
             b"".join(b"line %d \t of  some\r\n" % i for i in range(20000)),
}

# OpenDKIM signs and verifies no others.
DATED = {name: message for name, message in MESSAGES.items()
         if DATE in message}


def txt(name, port):
    """The TXT of NAME, asked of 127.0.0.1 at PORT; its strings joined."""
    labels = b"".join(bytes([len(label)]) + label
                      for label in name.rstrip(b".").split(b"."))
    query = struct.pack("!6H", 7, 0, 1, 0, 0, 0) + labels + b"\0\0\x10\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(5)
        s.sendto(query, ("127.0.0.1", port))
        answer = s.recv(4096)
    if struct.unpack("!H", answer[6:8])[0] == 0:
        return None
    at = len(query) + 12  # the name is a pointer
    end = at + struct.unpack("!H", answer[at - 2:at])[0]
    text = b""
    while at < end:
        text += answer[at + 1:at + 1 + answer[at]]
        at += 1 + answer[at]
    return text


class Case(unittest.TestCase):
    def setUp(self):
        if NSD is None:
            self.skipTest("nsd is not installed")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.nsd = Nsd({f"{DOMAIN}.": ""}).start()
        self.addCleanup(self.nsd.stop)
        self.conf = self.path("belfry.yaml")
        self.records = {}

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_program(self, *arguments, given=None, status=0):
        done = subprocess.run(arguments, input=given, capture_output=True,
                              timeout=60, check=False)
        self.assertEqual(done.returncode, status,
                         (arguments, done.stdout, done.stderr))
        return done.stdout

    def belfry(self, *arguments, status=0):
        return self.run_program(lab.program("belfry"), "-c", self.conf, "dkim",
                                *arguments, status=status).decode()

    def key(self, selector, kind="rsa", *more):
        path = self.path(f"{selector}.pem")
        self.belfry("genkey", "--type", kind, *more, path)
        return path

    def named(self, selector):
        return ("--key", self.path(f"{selector}.pem"), "--selector", selector,
                "--domain", DOMAIN)

    def publish(self, selector, record=None):
        """What `belfry dkim record` prints, as it is, or RECORD."""
        self.records[selector] = record if record is not None else \
            self.belfry("record", *self.named(selector))
        self.publish_all()

    def publish_all(self):
        self.nsd.change(f"{DOMAIN}.", "\n".join(self.records.values()) + "\n")
        lab.wait_for(self.is_published, "nsd to read the zone")

    def is_published(self):
        serial = str(self.nsd.serial - 1)
        query = struct.pack("!6H", 7, 0, 1, 0, 0, 0) + \
            b"\7example\3org\0\0\6\0\1"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(5)
            s.sendto(query, ("127.0.0.1", self.nsd.port))
            answer = s.recv(4096)
        return struct.pack("!I", int(serial)) in answer

    def configure(self, *selectors):
        rule = {"match": DOMAIN, "selectors": [
            {"name": s, "key_file": self.path(f"{s}.pem")} for s in selectors]}
        with open(self.conf, "w", encoding="ascii") as file:
            json.dump({"hostname": "relay1.example.org",
                       "dns": {"servers": [f"127.0.0.1@{self.nsd.port}"]},
                       "dkim": {"sign": [rule] if selectors else []},
                       "delivery": {"smarthost": [
                           {"host": "127.0.0.1", "port": 1}]}}, file)

    def sign(self, message):
        return self.run_program(lab.program("dkim_tool"), "sign", self.conf,
                                given=message)

    def verify(self, message):
        """Result by selector."""
        rows = self.run_program(lab.program("dkim_tool"), "verify", self.conf,
                                given=message).decode().splitlines()
        return {row.split()[1]: row.split()[3] for row in rows}

    def python_verifies(self, message, index=0):
        d = dkim.DKIM(message)
        return d.verify(index, dnsfunc=lambda name, timeout=5: txt(
            name, self.nsd.port))


class Commands(Case):
    def check(self, status, state, text, *more):
        row = json.loads(self.belfry("check", "--json", *self.named("s1"),
                                     status=status))
        self.assertEqual((row["name"], row["state"]),
                         ("s1._domainkey.example.org", state))
        self.assertIn(text, row["text"])
        self.assertEqual([w.split(":")[0] for w in row["warnings"]],
                         list(more))
        people = self.belfry("check", *self.named("s1"), status=status)
        self.assertIn(row["text"], people)

    def test_a_key_and_its_record(self):
        self.configure()
        for kind, bits in (("rsa", 2048), ("ed25519", 256)):
            path = self.path("s1.pem")
            row = json.loads(self.belfry("genkey", "--json", "--type", kind,
                                         path))
            self.assertEqual((row["file"], row["bits"]), (path, bits))
            self.assertEqual(os.stat(path).st_mode & 0o007, 0)
            self.belfry("genkey", path, status=1)  # never written over
            record = json.loads(self.belfry("record", "--json",
                                            *self.named("s1")))
            self.assertEqual("".join(record["strings"]), record["value"])
            self.assertTrue(all(len(s) <= 255 for s in record["strings"]))
            self.assertTrue(record["value"].endswith(row["public_key"]))
            self.publish("s1")
            self.check(0, "ok", f"{bits} bits")
            # The relay does not make it, and openssl reads it.
            self.run_program("openssl", "pkey", "-noout", "-in", path)
            os.unlink(path)

    def test_what_is_wrong(self):
        self.configure()
        self.key("s1")
        self.check(1, "missing", "no key there")
        self.publish("s1", 's1._domainkey TXT "v=spf1 -all"')
        self.check(1, "missing", "but no key")
        self.publish("s1", 's1._domainkey TXT "v=DKIM1; p="')
        self.check(1, "revoked", "revoked")
        self.publish("s1", 's1._domainkey TXT "v=DKIM1; k=rsa; p=!"')
        self.check(1, "malformed", "base64")
        self.key("other")
        other = self.belfry("record", *self.named("other"))
        mine = self.belfry("record", *self.named("s1"))
        self.publish("s1", other.replace("other.", "s1."))
        self.check(1, "mismatch", "another key")
        self.publish("s1", mine + "\n" + other.replace("other.", "s1."))
        self.check(1, "several", "more than one")
        self.publish("s1", self.belfry("record", "--testing",
                                       *self.named("s1")))
        self.check(0, "ok", "2048", "t=y")
        self.publish("s1", mine.replace("k=rsa;", "k=rsa; t=s;"))
        self.check(0, "ok", "2048", "t=s")
        os.unlink(self.path("s1.pem"))
        self.check(1, "unreadable", "s1.pem")
        self.key("s1", "rsa", "--bits", "1024")
        self.publish("s1")
        self.check(0, "ok", "1024", "a short key")

    def test_the_dns_does_not_say(self):
        self.configure()
        self.key("s1")
        self.nsd.stop()
        self.check(75, "temperror", "the DNS does not say")

    def test_all_of_the_configuration(self):
        for selector, kind in (("s1", "rsa"), ("e1", "ed25519")):
            self.configure()
            self.key(selector, kind)
        self.configure("s1", "e1")
        self.publish("both", self.belfry("record"))
        rows = [json.loads(line) for line in self.belfry(
            "check", "--json").splitlines()]
        self.assertEqual([(r["selector"], r["state"]) for r in rows],
                         [("s1", "ok"), ("e1", "ok")])
        del self.records["both"]
        self.publish("s1")
        rows = [json.loads(line) for line in self.belfry(
            "check", "--json", status=1).splitlines()]
        self.assertEqual([r["state"] for r in rows], ["ok", "missing"])

    def test_names(self):
        """A record is printed as a zone can have it, or not at all."""
        self.configure()
        path = self.key("s1")
        for selector, domain, name in (
                ("s1", "Ours.example.", "s1._domainkey.ours.example"),
                ("a.s_1", "münchen.example",
                 "a.s_1._domainkey.xn--mnchen-3ya.example"),
                ("s 1", "ours.example", None), ("s1.", "ours.example", None),
                ("sü", "ours.example", None), ("", "ours.example", None),
                ("s1", "ours example", None), ("s1", "ours..example", None),
                ("s1", "", None), ("s1", ".", None),
                ("s1", "[192.0.2.1]", None), ("s1", "-a.example", None),
                ("s1", "a." * 120 + "example", None)):
            for command in "record", "check":
                if name and command == "check":
                    continue
                with self.subTest(selector=selector, domain=domain):
                    said = self.belfry(command, "--key", path, "--selector",
                                       selector, "--domain", domain,
                                       status=0 if name else 64)
                    if name:
                        self.assertTrue(said.startswith(name + ". IN TXT"),
                                        said)

    def test_called_wrongly(self):
        self.configure()
        self.belfry("genkey", status=64)
        self.belfry("genkey", "--type", "dsa", self.path("x"), status=64)
        self.belfry("genkey", "--bits", "512", self.path("x"), status=64)
        self.belfry("record", "--key", self.path("x"), status=64)
        self.belfry("check", "--testing", status=64)
        self.belfry("check", "x", status=64)
        self.belfry("check", status=78)  # nothing is configured


class Rotation(Case):
    """Each step of docs/dkim.md: whatever was signed so far, by any key, passes
    at any time until its key is revoked."""

    def setUp(self):
        super().setUp()
        if dkim is None:
            self.skipTest("python3-dkim is not installed")
        self.mails = []

    def mail(self):
        self.mails.append(self.sign(MESSAGES["plain"]))
        self.all_pass()

    def all_pass(self):
        for mail in self.mails:
            self.assertTrue(self.python_verifies(mail), mail)
            self.assertEqual(set(self.verify(mail).values()), {"pass"}, mail)

    def test_without_a_gap(self):
        # The first key: the DNS has it before it signs.
        self.configure()
        self.key("s2026")
        self.belfry("check", *self.named("s2026"), status=1)
        self.publish("s2026")
        self.belfry("check", *self.named("s2026"))
        self.configure("s2026")
        self.belfry("check")
        self.mail()

        # 1, 2: the new one beside it.
        self.key("s2027", "ed25519")
        self.belfry("check", *self.named("s2027"), status=1)
        self.mail()
        self.publish("s2027")
        self.mail()
        self.belfry("check", *self.named("s2027"))

        # 3: it signs. What the old one signed is still on its way.
        self.configure("s2027")
        self.belfry("check")
        self.mail()
        self.assertEqual(self.verify(self.mails[-1]), {"s2027": "pass"})

        # 4, 5: nothing of the old key is on its way, and it goes.
        self.mails = [self.mails[-1]]
        old = self.sign_with("s2026")
        self.publish("s2026", 's2026._domainkey TXT "v=DKIM1; p="')
        os.unlink(self.path("s2026.pem"))
        self.mail()
        self.belfry("check")
        self.assertEqual(self.verify(old), {"s2026": "permerror"})

    def sign_with(self, selector):
        self.configure(selector)
        mail = self.sign(MESSAGES["plain"])
        self.configure("s2027")
        return mail

    def test_the_wrong_order_has_a_gap(self):
        """The test could not tell otherwise."""
        self.configure()
        self.key("s2026")
        self.configure("s2026")
        with self.assertRaises(AssertionError):
            self.mail()


class Python(Case):
    def setUp(self):
        super().setUp()
        if dkim is None:
            self.skipTest("python3-dkim is not installed")
        self.configure()
        self.key("s1")
        self.key("e1", "ed25519")
        self.configure("s1", "e1")
        self.publish("both", self.belfry("record"))

    def test_we_sign(self):
        for name, message in MESSAGES.items():
            with self.subTest(name=name):
                mail = self.sign(message)
                self.assertTrue(mail.endswith(message))
                for index in (0, 1):
                    self.assertTrue(self.python_verifies(mail, index))
                self.assertEqual(self.verify(mail),
                                 {"s1": "pass", "e1": "pass"})

    def test_it_signs(self):
        with open(self.path("s1.pem"), "rb") as file:
            rsa = file.read()
        secret = subprocess.run(
            ["openssl", "pkey", "-in", self.path("e1.pem"), "-outform", "DER"],
            capture_output=True, check=True).stdout[-32:]
        keys = {"s1": (rsa, b"rsa-sha256"),
                "e1": (base64.b64encode(secret), b"ed25519-sha256")}
        forms = [(h, b) for h in (b"relaxed", b"simple")
                 for b in (b"relaxed", b"simple")]
        for name, message in MESSAGES.items():
            for selector, (key, algorithm) in keys.items():
                for form in forms:
                    with self.subTest(name=name, selector=selector, form=form):
                        field = dkim.sign(
                            message, selector.encode(), DOMAIN.encode(), key,
                            canonicalize=form, signature_algorithm=algorithm)
                        self.assertEqual(self.verify(field + message),
                                         {selector: "pass"})

    def test_the_library_refuses_what_was_changed(self):
        mail = self.sign(MESSAGES["plain"])
        self.assertFalse(self.python_verifies(
            mail.replace(b"dinner", b"supper")))
        self.assertFalse(self.python_verifies(
            mail.replace(b"To: ben", b"From: eve@example.com\r\nTo: ben")))


class OpenDkim(Case):
    def setUp(self):
        super().setUp()
        if TESTMSG is None:
            self.skipTest("opendkim-tools is not installed")
        self.configure()
        self.key("s1")
        self.configure("s1")
        self.publish("s1")

    def test_it_signs(self):
        """With SHA-1 only: of the library itself see the unit tests."""
        for name, message in DATED.items():
            with self.subTest(name=name):
                mail = self.run_program(
                    TESTMSG, "-C", "-d", DOMAIN, "-k", self.path("s1.pem"),
                    "-s", "s1", given=message)
                self.assertIn(b"a=rsa-sha1", mail)
                self.assertEqual(self.verify(mail), {"s1": "permerror"})

    def test_we_sign(self):
        """It asks port 53: in a network of its own."""
        if subprocess.run(["unshare", "-nm", "true"], capture_output=True,
                          check=False).returncode:
            self.skipTest("unshare is not allowed here")
        for i, message in enumerate(DATED.values()):
            with open(self.path(f"{i}.eml"), "wb") as file:
                file.write(self.sign(message))
        self.run_program("unshare", "-nm", sys.executable,
                         os.path.abspath(__file__), "--inside", self.folder,
                         self.records["s1"])


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 1))


def inside(folder, record):
    loopback_up()
    resolv = os.path.join(folder, "resolv.conf")
    with open(resolv, "w", encoding="ascii") as file:
        file.write("nameserver 127.0.0.1\n")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "--bind", resolv,
                    os.path.realpath("/etc/resolv.conf")], check=True)
    nsd = Nsd({f"{DOMAIN}.": record + "\n"}, also=["127.0.0.1@53"]).start()
    try:
        for i in range(len(DATED)):
            with open(os.path.join(folder, f"{i}.eml"), "rb") as file:
                mail = file.read()
            for message, good in ((mail, True),
                                  (mail.replace(b"anna@", b"eve@"), False)):
                done = subprocess.run([TESTMSG, "-C"], input=message,
                                      capture_output=True, check=False)
                if (done.returncode == 0) != good:
                    print(i, good, done, file=sys.stderr)
                    return 1
        return 0
    finally:
        nsd.stop()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        sys.exit(inside(*sys.argv[2:]))
    harness.main()
