"""interop - the rows that every mail server must pass beside Belfry, as its next
hop and as its client.

A test of one server derives from Rows and names its `Peer`, which has
  port            where it takes mail
  start(), stop()
  mails(name)     what stands in the mailbox of NAME, a list of bytes, with LF
  empty()         takes all mail out of the mailboxes
  log()
and keeps this agreement: anna, ben and r0 to r29 at peer.example have mailboxes
there and nobody else has, which it says at RCPT; a message above LIMIT is too
big; mail for inner.example goes to belfryd's port `mx`, all else to `relay`.
"""
import contextlib
import os
import re
import shutil
import smtplib
import subprocess
import sys
import time
import unittest

import harness
import chroots
import lab

LIMIT = 200_000
OURS = [f"r{n}" for n in range(30)]
BODIES = {
    "plain": b"first\r\nsecond\r\n",
    "empty": b"",
    "8bit": "Grüße, 日本\r\n".encode() + b"latin \xe9\xff\r\n",
    "dots": b".\r\n..\r\n.one\r\n. \r\n\r\n.\r\n",
    "long": b"x" * 998 + b"\r\n" + b"." + b"y" * 997 + b"\r\n",
    "blanks": b"trailing \t \r\n\r\n \r\nFrom here\r\n>From there\r\n\r\n",
    "big": b"".join(b"%076d\r\n" % n for n in range(2000)),
}
UTF8 = "250-sink.example.net\r\n250-8BITMIME\r\n250 SMTPUTF8"
WITH_8BIT = ("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
             "Content-Transfer-Encoding: 8bit\r\n").encode()


def letter(name, sender="anna@example.org"):
    """The message whose subject and body BODIES has under NAME."""
    content = harness.message(name, subject=name, body=BODIES[name])
    return WITH_8BIT + content.replace(b"anna@example.org", sender.encode())


def utf8(address):
    """An address as the sink took it down, one octet a character."""
    return address.encode("latin-1").decode()


class ChrootPeer:
    """A server in a chroot of its own, of which a class gives the `name`, the
    `command`, which stays in the foreground, the `log_file`, and configure().
    Mailboxes are Maildirs at /mail/NAME of the chroot."""
    name = log_file = None
    command = []

    def __init__(self, relay, mx):
        self.port, self.process = lab.free_port(), None
        self.kept = contextlib.ExitStack()
        try:
            self.root = self.kept.enter_context(chroots.copy(self.name))
        except chroots.Unavailable as reason:
            raise unittest.SkipTest(
                f"{self.name} can't be had: {reason}") from None
        self.uid = {line.split(":")[0]: int(line.split(":")[2])
                    for line in self.read("etc/passwd").splitlines()}
        self.configure(relay, mx)

    def configure(self, relay, mx):
        raise NotImplementedError

    def path(self, *below):
        return os.path.join(self.root, *below)

    def read(self, name):
        try:
            with open(self.path(name), encoding="utf-8",
                      errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def write(self, name, text):
        chroots.write(self.root, name, text)

    def folder_of(self, name, owner, mode=0o755):
        os.makedirs(self.path(name), exist_ok=True)
        os.chown(self.path(name), self.uid[owner], self.uid[owner])
        os.chmod(self.path(name), mode)

    def start(self):
        with open(self.path("console"), "wb") as console:
            self.process = subprocess.Popen(
                ["chroot", self.root, *self.command],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                start_new_session=True)
        lab.wait_for(self.has_begun, self.name)

    def has_begun(self):
        if self.process.poll() is not None:
            raise lab.Failed(f"{self.name} ended: {self.log()}")
        return lab.listens(self.port)

    def log(self):
        return self.read("console") + self.read(self.log_file)

    def stop(self):
        """With all that it started, which is in its session."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)
        self.kept.close()

    def empty(self):
        for name in os.listdir(self.path("mail")):
            shutil.rmtree(self.path("mail", name))

    def mails(self, name):
        return maildir(self.path("mail", name))


def maildir(box):
    """The messages in BOX."""
    found = []
    for folder in ("new", "cur"):
        try:
            names = os.listdir(os.path.join(box, folder))
        except FileNotFoundError:
            continue
        for name in names:
            with open(os.path.join(box, folder, name), "rb") as file:
                found.append(file.read())
    return found


class Rows(harness.Case):
    Peer = None       # makes one of (relay, mx)
    of_class = False  # one peer for all tests: to start it takes seconds.
                      # Belfry comes and goes before it, at the same ports
    peer = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if cls.of_class:
            cls.start_peer(cls, cls.addClassCleanup)

    @classmethod
    def start_peer(cls, owner, add_cleanup):
        owner.relay, owner.mx = lab.free_port(), lab.free_port()
        owner.peer = cls.Peer(owner.relay, owner.mx)
        add_cleanup(owner.peer.stop)
        owner.peer.start()

    def setUp(self):
        super().setUp()
        if self.of_class:
            self.peer.empty()
        else:
            self.start_peer(self, self.addCleanup)
        self.addCleanup(self.show_peer, len(self.peer.log()))

    def show_peer(self, begin):
        if not self.went_well():
            sys.stderr.write("--- the peer's log\n"
                             f"{self.peer.log()[begin:][-8000:]}---\n")

    def start_relay(self, config=None):
        """Belfry, which stands before the peer and behind it: strangers may
        send to inner.example, which the sink serves."""
        self.start(lab.merge({
            "listeners": [
                {"name": "relay", "role": "submission",
                 "address": f"127.0.0.1:{self.relay}"},
                {"name": "mx", "role": "inbound", "verdict": "none",
                 "address": f"127.0.0.1:{self.mx}"}],
            "domains": ["inner.example"], "postmaster": "anna@inner.example",
            "routes": [
                {"match": r"/^(anna|ben|jürgen|r\d+)@inner\.example$/",
                 "deliver": "smtp", "via": [self.sink.hop()]}],
            "delivery": {"by_domain": [
                {"match": "peer.example",
                 "via": [{"name": "peer", "host": "127.0.0.1",
                          "port": self.peer.port}]}]},
        }, config or {}))

    # --- sending and looking ----------------------------------------------------

    def post(self, port, contents, sender, to, options=(), rcpt_options=()):
        """CONTENTS, each a message of its own, in one session; every recipient
        is accepted."""
        with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
            client.ehlo("client.example.org")
            for content in contents:
                self.step(client.mail(sender, list(options)))
                for rcpt in to:
                    self.step(client.rcpt(rcpt, list(rcpt_options)))
                self.step(client.data(content))

    def step(self, reply):
        self.assertEqual(reply[0] // 100, 2, reply)

    def to_peer(self, *contents, to=("anna@peer.example",), options=(),
                rcpt_options=()):
        """To Belfry, whose next hop the peer is."""
        self.post(self.relay, contents, "anna@example.org", to, options,
                  rcpt_options)

    def from_peer(self, *contents, to=("ben@inner.example",), options=(),
                  rcpt_options=()):
        """To the peer, whose next hop Belfry is."""
        self.post(self.peer.port, contents, "anna@peer.example", to, options,
                  rcpt_options)

    def mails(self, count, name="anna"):
        lab.wait_for(lambda: len(self.peer.mails(name)) >= count,
                     lambda: f"{count} mails at {name}'s, not "
                     + str(self.peer.mails(name))[:4000])
        found = self.peer.mails(name)
        self.assertEqual(len(found), count, found)
        return found

    # --- as next hop ---------------------------------------------------------------

    def test_bodies_to_peer(self):
        """Whatever stands in it, the message that arrives ends in the message
        that was sent."""
        self.start_relay()
        sent = {name: letter(name) for name in BODIES}
        self.to_peer(*sent.values(), options=["BODY=8BITMIME"])
        for mail in self.mails(len(sent)):
            name = re.search(rb"(?m)^Subject: (.*)$", mail)[1].decode()
            self.assertTrue(
                mail.endswith(b"\n" + sent.pop(name).replace(b"\r\n", b"\n")),
                (name, mail[:4000]))
        self.wait_empty()

    def test_refused_recipient_to_peer(self):
        """Of 31 recipients in one transaction the peer refuses one: it is
        reported, with the peer's words, and the others have their mail."""
        self.start_relay()
        to = [f"{name}@peer.example" for name in OURS]
        to.insert(17, "nobody@peer.example")
        self.to_peer(letter("plain"), to=to)
        report = self.sink.wait(1)[0]
        self.wait_empty()
        for name in OURS:
            self.mails(1, name)
        lines = self.wait_events(
            31, "deliver", relay=f"127.0.0.1[127.0.0.1]:{self.peer.port}")
        self.assertEqual(len({line["id"] for line in lines}), 1)
        status = {line["to"]: line["status"] for line in lines}
        self.assertEqual(status.pop("nobody@peer.example"), "bounced")
        self.assertEqual(set(status.values()), {"delivered"})
        self.assertEqual(len(status), len(OURS))
        self.assertEqual(report.recipients, ["anna@example.org"])
        self.assertIn(b"Final-Recipient: rfc822; nobody@peer.example",
                      report.content)
        self.assertRegex(report.content, rb"\r\nStatus: 5\.[01]\.[01]\r\n")
        self.assertIn(b"\r\nDiagnostic-Code: smtp; 550 ", report.content)
        self.assertNotIn(b"Final-Recipient: rfc822; r1@", report.content)

    def test_size_to_peer(self):
        self.start_relay()
        self.to_peer(harness.message("", body=b"x" * 70 + b"\r\n" +
                                     b"y" * 78 + b"\r\n" * (LIMIT // 2)))
        report = self.sink.wait(1)[0]
        self.wait_empty()
        self.assertIn(b"Status: 5.3.4", report.content)
        self.assertEqual(self.peer.mails("anna"), [])

    def test_many_to_peer(self):
        self.start_relay()
        count = 60
        self.to_peer(*[harness.message(f"m{n}", subject=f"m{n}")
                       for n in range(count)])
        seen = {re.search(rb"(?m)^Subject: (.*)$", mail)[1]
                for mail in self.mails(count)}
        self.assertEqual(len(seen), count)
        self.wait_empty()

    def test_verify_at_peer(self):
        """Asked at RCPT whether it knows a recipient."""
        self.start_relay({
            "domains": ["peer.example"], "postmaster": "anna@peer.example",
            "routes": [{"match": "peer.example", "deliver": "smtp",
                        "verify": {"cache": "1d"},
                        "via": [{"host": "127.0.0.1",
                                 "port": self.peer.port}]}]})
        with smtplib.SMTP("127.0.0.1", self.mx, timeout=60) as client:
            client.ehlo("client.example.org")
            client.mail("carl@away.example")
            for _ in range(2): # the second time from memory
                self.assertEqual(client.rcpt("nobody@peer.example"), (
                    550, b"5.1.1 nobody has this address here"))
                self.step(client.rcpt("anna@peer.example"))
            self.step(client.data(letter("plain")))
        self.mails(1)
        self.wait_empty()
        found = [(line["to"], line["result"])
                 for line in self.belfryd.events("verify")]
        self.assertEqual(sorted(found), [("anna@peer.example", "good"),
                                         ("nobody@peer.example", "nobody")])

    # --- as client -------------------------------------------------------------------

    def test_bodies_from_peer(self):
        self.start_relay()
        sent = {name: letter(name) for name in BODIES}
        self.from_peer(*sent.values(), options=["BODY=8BITMIME"])
        for mail in self.sink.wait(len(sent)):
            content = sent.pop(mail.header("Subject"))
            self.assertTrue(mail.content.endswith(b"\r\n" + content),
                            mail.content[:4000])
            self.assertEqual(mail.recipients, ["ben@inner.example"])
        self.wait_empty()

    def test_submitted_from_peer(self):
        """As its smarthost, for mail to anywhere."""
        self.start_relay()
        self.from_peer(letter("plain"), to=["carl@away.example"])
        (mail,) = self.sink.wait(1)
        self.assertEqual(mail.recipients, ["carl@away.example"])
        self.assertEqual(mail.sender, "anna@peer.example")
        self.assertTrue(mail.content.endswith(b"\r\n" + letter("plain")))
        self.wait_events(1, "accept", listener="relay")

    def test_refused_recipient_from_peer(self):
        """Belfry refuses one of them: the peer tells, in Belfry's words."""
        self.start_relay()
        to = [f"{name}@inner.example" for name in OURS]
        to.insert(17, "nobody@inner.example")
        self.from_peer(letter("plain"), to=to)
        (report,) = self.mails(1)
        self.assertIn(b"nobody@inner.example", report)
        self.assertRegex(report, rb"550[- ]5\.1\.1\s+nobody\s+has\s+this")
        self.assertNotIn(b"r1@inner.example", report.split(b"\n\n", 1)[1]
                         .split(b"message/", 1)[0])
        self.wait_empty()
        self.assertEqual(sorted(r for mail in self.sink.messages
                                for r in mail.recipients),
                         sorted(f"{name}@inner.example" for name in OURS))

    def test_size_from_peer(self):
        self.start_relay({"limits": {"message_size": "50K",
                                     "header_size": "20K"}})
        self.from_peer(letter("big"))
        (report,) = self.mails(1)
        self.assertRegex(report, rb"(?i)\bsize\b|\b5\.3\.4\b|too (big|large)")
        self.assertIn(b"ben@inner.example", report)
        self.assertEqual(self.sink.messages, [])

    def test_refused_contents_from_peer(self):
        """Refused when all of it was sent, or while it is; the next message is
        taken."""
        self.start_relay({"limits": {"header_size": "20K",
                                     "received_fields": 10}})
        self.from_peer(b"".join(b"X-%d: %060d\r\n" % (n, n)
                                for n in range(400)) + letter("big"),
                       b"Received: from x by y; today\r\n" * 15 +
                       letter("plain"), letter("dots"))
        reports = b"".join(self.mails(2))
        self.assertRegex(reports, rb"552[ -]5\.3\.4\s+header\s+too\s+big")
        self.assertRegex(reports, rb"554[ -]5\.4\.6\s+too\s+many\s+Received")
        (mail,) = self.sink.wait(1)
        self.assertEqual(mail.header("Subject"), "dots")
        self.wait_empty()

    def test_no_recipient_is_left_from_peer(self):
        """All refused at RCPT, while the content may be on its way."""
        self.start_relay()
        self.from_peer(letter("big"), letter("plain"),
                       to=["nobody@inner.example", "none@inner.example"])
        self.from_peer(letter("dots"))
        (mail,) = self.sink.wait(1)
        self.assertEqual(mail.header("Subject"), "dots")
        lab.wait_for(lambda: b"".join(self.peer.mails("anna")).count(
            b"Final-Recipient:") == 4, lambda: "four to be told of in "
            + str(self.peer.mails("anna")))
        self.wait_events(1, "accept")

    def test_many_from_peer(self):
        self.start_relay()
        count = 60
        self.from_peer(*[harness.message(f"m{n}", subject=f"m{n}")
                         for n in range(count)])
        seen = {mail.header("Subject") for mail in self.sink.wait(count, 60)}
        self.assertEqual(len(seen), count)
        self.wait_empty()
        self.assertEqual(len(self.sink.messages), count)


class RetryRows:
    """For a peer that tries again within a second, as it was told to. Its
    waiting() lists what is in its queue; its hurry() has it tried now: after a
    session that broke it may leave a message for a minute, told or not."""

    def wait_for_peer(self, check, what, timeout=60):
        """Until CHECK is true and it has nothing left to send."""
        hurried = time.monotonic()

        def done():
            nonlocal hurried
            if check() and not self.peer.waiting():
                return True
            if time.monotonic() > hurried + 1:
                self.peer.hurry()
                hurried = time.monotonic()
            return False
        lab.wait_for(done, lambda: f"{what()}, {self.peer.waiting()}", timeout)

    def arrived(self):
        return sorted(r for mail in self.sink.messages
                      for r in mail.recipients)

    def test_too_many_recipients_from_peer(self):
        """It brings in further messages what is too many for one."""
        self.start_relay({"limits": {"recipients": 12}})
        to = sorted(f"{name}@inner.example" for name in OURS)
        self.from_peer(letter("plain"), to=to)
        self.wait_for_peer(lambda: self.arrived() == to, self.arrived)
        self.assertEqual(self.peer.mails("anna"), [])

    def test_many_unknown_from_peer(self):
        """Hung up on in the middle of its recipients: those that exist get
        their mail all the same, and the others come back."""
        self.start_relay()
        unknown = [f"no{n}@inner.example" for n in range(30)]
        to = [f"{name}@inner.example" for name in OURS]
        self.from_peer(letter("plain"),
                       to=[r for both in zip(unknown, to) for r in both])
        self.wait_for_peer(lambda: self.arrived() == sorted(to), self.arrived)
        self.assertEqual(
            {r for r in unknown for mail in self.peer.mails("anna")
             if b"Final-Recipient: rfc822" in mail and
             b";" + r.encode() in mail.replace(b"; ", b";")}, set(unknown))
        self.assertEqual(len(self.belfryd.events("refuse", code="421")), 1)

    def test_kill_under_load_from_peer(self):
        """Belfry is killed while the peer sends: all of it arrives."""
        self.start_relay(harness.SOON)
        for begin in (0, 50, 100):
            self.from_peer(*[harness.message(f"m{n}", subject=f"m{n}")
                             for n in range(begin, begin + 50)])
            self.belfryd.kill()
            self.belfryd.start()
        self.wait_for_peer(
            lambda: len({mail.header("Subject") for mail in
                         self.sink.messages}) == 150,
            lambda: f"150 mails, not {len(self.sink.messages)}")
        self.wait_empty()
        self.assertEqual(self.peer.mails("anna"), [])


class DsnRows:
    """For a peer that offers DSN (RFC 3461)."""
    tells_what_was_asked = True # ENVID and ORCPT, in its reports
    ASKED = {"options": ["RET=HDRS", "ENVID=a+2Bb"],
             "rcpt_options": ["NOTIFY=SUCCESS,FAILURE",
                              "ORCPT=rfc822;first+2Blist@elsewhere.example"]}

    # Exim leaves the xtext of it as it is.
    AS_ASKED = [rb"Original-Envelope-Id: *a\+(2B)?b",
                rb"Original-Recipient: *rfc822; *"
                rb"first\+(2B)?list@elsewhere\.example"]

    def check_report(self, report, action, reporter, recipient, asked=True):
        """A report says these, and with ASKED what was asked for."""
        status = report.replace(b"\r\n", b"\n")
        for line in [rb"Reporting-MTA: *dns; *" + reporter,
                     rb"Final-Recipient: *rfc822; *" + recipient,
                     rb"Action: *" + action,
                     *(self.AS_ASKED if asked else [])]:
            self.assertRegex(status, rb"(?mi)^" + line, report)
        self.assertNotIn(b"\nsecond", status)

    def test_dsn_to_peer(self):
        """Success is the peer's to tell, and nobody tells it twice."""
        self.start_relay()
        self.to_peer(letter("plain"), **self.ASKED)
        self.mails(1)
        report = self.sink.wait(1)[0]
        self.wait_empty()
        self.assertEqual(len(self.sink.messages), 1)
        self.assertEqual(report.recipients, ["anna@example.org"])
        self.check_report(report.content, b"(delivered|relayed)",
                          rb"mail\.peer\.example", rb"anna@peer\.example",
                          self.tells_what_was_asked)

    def test_dsn_from_peer(self):
        """What is behind Belfry offers no DSN: Belfry tells it was relayed."""
        self.start_relay()
        self.from_peer(letter("plain"), **self.ASKED)
        self.sink.wait(1)
        (report,) = self.mails(1)
        self.check_report(report, b"relayed", rb"relay\.example\.org",
                          rb"ben@inner\.example")
        self.wait_empty()

    def test_dsn_of_failure_from_peer(self):
        """Refused behind Belfry, which had taken it."""
        self.sink.script = lambda verb, argument: (
            "554 5.7.1 not here" if verb == "RCPT" else None)
        self.start_relay()
        self.from_peer(letter("plain"), **self.ASKED)
        (report,) = self.mails(1)
        self.check_report(report, b"failed", rb"relay\.example\.org",
                          rb"ben@inner\.example")
        self.assertIn(b"554 5.7.1 not here", report)
        self.wait_empty()

    def test_never(self):
        """Refused by the peer, and behind Belfry: nobody is told."""
        self.sink.script = lambda verb, argument: (
            "554 5.7.1 not here" if verb == "RCPT" else None)
        self.start_relay()
        never = {"rcpt_options": ["NOTIFY=NEVER"]}
        self.to_peer(letter("plain"), to=["nobody@peer.example"], **never)
        self.wait_events(1, "deliver", to="nobody@peer.example",
                         status="bounced")
        self.from_peer(letter("plain"), **never)
        self.wait_events(1, "deliver", to="ben@inner.example",
                         status="bounced")
        self.wait_empty()
        self.to_peer(letter("plain")) # whatever came before is there by now
        self.assertIn(b"\nsecond", self.mails(1)[0])
        self.wait_events(3, "accept")


class Utf8Rows:
    """For a peer that offers SMTPUTF8 (RFC 6531) and has a mailbox jürgen."""

    def test_utf8_to_peer(self):
        self.start_relay()
        content = letter("8bit").replace(b"ben@", "jürgen@".encode())
        self.to_peer(content, to=["jürgen@peer.example"],
                     options=["SMTPUTF8", "BODY=8BITMIME"])
        (mail,) = self.mails(1, "jürgen")
        self.assertTrue(mail.endswith(b"\n" + content.replace(b"\r\n",
                                                              b"\n")), mail)
        self.wait_empty()

    def test_utf8_from_peer(self):
        self.sink.script = lambda verb, argument: (
            UTF8 if verb == "EHLO" else None)
        self.start_relay()
        content = letter("8bit").replace(b"ben@", "jürgen@".encode())
        self.from_peer(content, to=["jürgen@inner.example"],
                       options=["SMTPUTF8", "BODY=8BITMIME"])
        (mail,) = self.sink.wait(1)
        self.assertEqual([utf8(r) for r in mail.recipients],
                         ["jürgen@inner.example"])
        self.assertTrue(mail.content.endswith(b"\r\n" + content))

    def test_utf8_that_ends(self):
        """The host behind Belfry has no SMTPUTF8: the sender at the peer is
        told, in a report that the peer can take."""
        self.start_relay()
        self.from_peer(letter("plain"), to=["jürgen@inner.example"],
                       options=["SMTPUTF8"])
        (report,) = self.mails(1)
        self.assertIn(b"Status: 5.6.7", report)
        self.assertIn("jürgen@inner.example".encode(), report)
        self.assertEqual(self.sink.messages, [])
        self.wait_empty()

    def test_utf8_sender_is_told(self):
        """A report to an address beyond ASCII, by way of the peer."""
        self.start_relay()
        self.post(self.peer.port, [letter("plain")], "jürgen@peer.example",
                  ["jürgen@inner.example"], ["SMTPUTF8"])
        (report,) = self.mails(1, "jürgen")
        self.assertIn(b"Status: 5.6.7", report)
        self.assertIn(b"message/global-delivery-status", report)
        self.wait_empty()

    def test_utf8_dsn_to_peer(self):
        """An ORCPT of type utf-8, and a report that needs SMTPUTF8, or that
        Exim sends without: it leaves what came as it is, and calls each
        recipient rfc822."""
        self.sink.script = lambda verb, argument: (
            UTF8 if verb == "EHLO" else None)
        self.start_relay()
        self.to_peer(letter("plain"), to=["jürgen@peer.example"],
                     options=["SMTPUTF8"],
                     rcpt_options=["NOTIFY=SUCCESS",
                                   r"ORCPT=utf-8;m\x{FC}ller@inner.example"])
        (report,) = self.sink.wait(1)
        for line in (r"Original-Recipient: utf-8; *m(ü|\\x{FC})ller@inner",
                     "Final-Recipient: (utf-8|rfc822); *jürgen@peer.example",
                     "Action: delivered"):
            self.assertRegex(report.content, b"(?m)^" + line.encode())
        self.wait_empty()
