"""A message all the way through: in by SMTP, out to a sink."""
import glob
import unittest

import harness
import lab

FAST_CLOCK = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")


class Delivery(harness.Case):
    # smtplib makes line ends of its own of what it is given, so these end in
    # CRLF throughout; dots at the beginning are its business and ours.
    BODIES = [
        ("plain", b"Hello.\r\n"),
        ("dots", b".\r\n..\r\n...\r\n.x\r\n\r\n.\r\n"),
        ("an empty body", b""),
        ("no empty line at its end", b"\r\n\r\n\r\n"),
        ("8-bit and control characters",
         bytes(range(1, 10)) + b"\x0b\x0c" + bytes(range(14, 256)) + b"\r\n"),
        ("a line of 20,000", b"x" * 20000 + b"\r\nafter\r\n"),
        ("many lines", b"0123456789.\r\n.\r\n" * 40000),
        ("tabs and blanks at the end", b"a \t\r\n\t \r\n \r\n"),
    ]

    def test_bytes(self):
        self.start()
        for n, (name, body) in enumerate(self.BODIES, 1):
            with self.subTest(name):
                sent = harness.message(name, body=body)
                self.send(sent, options=["BODY=8BITMIME"])
                got = self.sink.wait(n)[-1]
                self.assertTrue(got.content.endswith(sent),
                                got.content[:2000])
                added = got.content[:-len(sent)]
                self.assertTrue(added.startswith(b"Received: "), added)
                self.assertNotIn(b"\r\n\r\n", added)
                self.assertEqual(got.sender, "anna@example.org")
                self.assertEqual(got.recipients, ["ben@example.net"])

    def test_missing_fields_are_added(self):
        self.start()
        self.send(b"From: anna@example.org\r\nSubject: bare\r\n\r\nHi\r\n")
        got = self.sink.wait(1)[0]
        self.assertTrue(got.header("Date"))
        self.assertRegex(got.header("Message-ID"), r"^<\S+@\S+>$")
        self.assertTrue(got.content.endswith(b"\r\n\r\nHi\r\n"))

    def test_recipients_share_a_transaction(self):
        self.start()
        to = [f"r{n}@example.net" for n in range(30)]
        self.send(to=to)
        got = self.sink.wait(1)
        self.wait_empty()
        self.assertEqual(len(self.sink.messages), 1)
        self.assertEqual(sorted(got[0].recipients), sorted(to))
        self.wait_events(30, "deliver", status="delivered")

    def test_by_domain(self):
        other = lab.Sink().start()
        self.addCleanup(other.stop)
        self.start({"delivery": {"by_domain": [
            {"match": "other.example", "via": [other.hop()]}]}})
        self.send(to=["a@other.example", "b@example.net"])
        self.assertEqual(other.wait(1)[0].recipients, ["a@other.example"])
        self.assertEqual(self.sink.wait(1)[0].recipients, ["b@example.net"])

    def test_routes(self):
        """`routes` stands before by_domain, which stands before smarthost."""
        inner, other = lab.Sink().start(), lab.Sink().start()
        self.addCleanup(inner.stop)
        self.addCleanup(other.stop)
        self.start({
            "recipient_delimiter": "-",
            "routes": [{"match": "sales@inner.example", "deliver": "smtp",
                        "via": [inner.hop()]}],
            "delivery": {"by_domain": [
                {"match": "inner.example", "via": [other.hop()]}]}})
        self.send(to=["sales-eu@inner.example", "a@inner.example",
                      "b@example.net"])
        self.assertEqual(inner.wait(1)[0].recipients,
                         ["sales-eu@inner.example"])
        self.assertEqual(other.wait(1)[0].recipients, ["a@inner.example"])
        self.assertEqual(self.sink.wait(1)[0].recipients, ["b@example.net"])

    def test_failover(self):
        dead = {"host": "127.0.0.1", "port": lab.free_port()}
        self.start({"delivery": {"smarthost": [dead, self.sink.hop()]}})
        self.send()
        self.sink.wait(1)


class Trouble(harness.Case):
    def test_sink_comes_back(self):
        self.sink.stop()
        self.start(harness.SOON)
        self.send()
        lab.wait_for(lambda: self.belfryd.events("destination_down"),
                     "the destination to be seen down")
        self.assertEqual(len(self.queue()), 1)
        self.sink.start()
        self.sink.wait(1)
        self.wait_empty()
        lab.wait_for(lambda: self.belfryd.events("destination_up"),
                     "the destination to be seen up")

    def test_deferred(self):
        times = []

        def script(verb, argument):
            if verb == "RCPT" and "later@" in argument:
                times.append(argument)
                if len(times) < 3:
                    return "451 4.2.1 not yet"
            return None

        self.sink.script = script
        self.start(harness.SOON)
        self.send(to=["now@example.net", "later@example.net"])
        first = self.sink.wait(1)[0]
        self.assertEqual(first.recipients, ["now@example.net"])
        second = self.sink.wait(2)[1]
        self.assertEqual(second.recipients, ["later@example.net"])
        self.wait_empty()
        self.assertEqual(len(times), 3)
        deferred = self.wait_events(2, "deliver", status="deferred")
        self.assertEqual({d["dsn"] for d in deferred}, {"4.2.1"})

    def test_bounce(self):
        self.sink.script = lambda verb, argument: (
            "550 5.1.1 no such user"
            if verb == "RCPT" and "nobody@" in argument else None)
        self.start(harness.SOON)
        self.send(harness.message("bounce me", subject="original"),
                  to=["nobody@example.net", "ben@example.net"])
        got = self.sink.wait(2)
        self.wait_empty()
        self.assertEqual(len(self.sink.messages), 2)
        report = next(m for m in got if m.sender == "")
        self.assertEqual(report.recipients, ["anna@example.org"])
        self.assertIn("multipart/report", report.header("Content-Type"))
        for part in (b"Final-Recipient: rfc822; nobody@example.net",
                     b"Action: failed", b"Status: 5.1.1",
                     b"550 5.1.1 no such user", b"Subject: original"):
            self.assertIn(part.lower(), report.content.lower())
        self.assertNotIn(b"ben@example.net",
                         report.content.split(b"message/rfc822")[0]
                         .split(b"text/rfc822-headers")[0])

    # A report that quoted what was refused would be refused for the same.
    REFUSED = [
        ("by a filter", {".": "554 5.7.1 a virus"}, b"VIRUS\r\n"),
        ("by a filter of few words", {".": "554 a virus"}, b"VIRUS\r\n"),
        ("for its size", {"EHLO": "250-sink\r\n250 SIZE 5000"},
         b"VIRUS\r\n" * 700),
        ("for its octets", {"EHLO": "250 sink"}, b"VIRUS \xe4\r\n"),
    ]

    def test_content_refused(self):
        answers = {}

        def script(verb, argument):
            if verb == "." and b"VIRUS" not in argument.content:
                return None
            return answers.get(verb)

        self.sink.script = script
        for n, (name, said, body) in enumerate(self.REFUSED, 1):
            with self.subTest(name):
                answers.clear()
                answers.update(said)
                self.start(lab.merge(harness.SOON, {
                    "delivery": {"strict_8bit": True}}))
                self.send(harness.message("original", subject=name, body=body))
                report = self.sink.wait(n)[-1]
                self.wait_empty()
                self.assertEqual(report.sender, "")
                self.assertIn(f"Subject: {name}\r\n".encode(), report.content)
                self.assertIn(b"text/rfc822-headers", report.content)
                self.assertEqual(self.belfryd.events("double_bounce"), [])
                self.belfryd.stop()

    def test_copy_refused(self):
        """Of a copy only the log tells: who waits hears of the mail."""
        self.sink.script = lambda verb, argument: (
            "550 5.1.1 the archive is gone"
            if verb == "RCPT" and "archive@" in argument else None)
        self.start(lab.merge(harness.SOON, {"routes": [
            {"match": "example.net", "deliver": "smtp",
             "via": [{**self.sink.hop(), "name": "inner"}],
             "bcc": ["archive@example.com"]}]}))
        self.belfryd.cli("send", "-", "--from", "anna@example.org", "--to",
                         "ben@example.net", "--wait",
                         text="Subject: x\n\nHi\n")
        self.wait_events(1, "deliver", status="bounced")
        self.wait_empty()
        self.assertEqual([m.recipients for m in self.sink.messages],
                         [["ben@example.net"]])
        self.assertEqual(self.belfryd.events("double_bounce"), [])

    def test_success(self):
        """Asked for: relayed, since the sink does not offer DSN; one report
        for both. Not asked for: nothing."""
        self.start(harness.SOON)
        with self.client() as client:
            client.sendmail(
                "anna@example.org", ["ben@example.net", "carl@example.net"],
                harness.message("tell me", subject="original"),
                mail_options=["RET=HDRS", "ENVID=QQ+2B314"],
                rcpt_options=["NOTIFY=SUCCESS,FAILURE",
                              "ORCPT=rfc822;team+2Bx@example.net"])
        report = next(m for m in self.sink.wait(2) if m.sender == "")
        self.wait_empty()
        self.assertEqual(len(self.sink.messages), 2)
        for part in (b"Original-Envelope-Id: QQ+314",
                     b"Final-Recipient: rfc822; ben@example.net",
                     b"Final-Recipient: rfc822; carl@example.net",
                     b"Original-Recipient: rfc822;team+x@example.net",
                     b"Action: relayed", b"Subject: original"):
            self.assertIn(part, report.content)
        self.assertNotIn(b"tell me", report.content)
        self.send()
        self.sink.wait(3)
        self.wait_empty()
        self.assertEqual(len(self.sink.messages), 3)

    def test_expanded(self):
        """An alias for several: that it goes on is told, not what each of them
        says; a failure is."""
        self.sink.script = lambda verb, argument: (
            "550 5.1.1 no such user" if verb == "RCPT" and "ben@" in argument
            else None)
        self.start(lab.merge(harness.SOON, {
            "domains": ["ours.example"], "postmaster": "carl@example.net",
            "aliases": {"team@ours.example": [
                "ben@example.net", "carl@example.net"]}}))
        with self.client() as client:
            client.sendmail(
                "anna@example.org", ["team@ours.example"],
                harness.message("to all", subject="original"),
                rcpt_options=["NOTIFY=SUCCESS,FAILURE"])
        self.wait_empty()
        got = self.sink.messages
        self.assertEqual([m.recipients for m in got if m.sender],
                         [["carl@example.net"]])
        # In one report, or two.
        told = b"".join(m.content for m in got if not m.sender)
        self.assertEqual(told.count(b"\r\nAction: expanded\r\n"), 1)
        self.assertEqual(told.count(b"\r\nAction: failed\r\n"), 1)
        self.assertIn(b"Final-Recipient: rfc822; team@ours.example", told)
        self.assertNotIn(b"carl@", told)

    @unittest.skipUnless(FAST_CLOCK, "libfaketime is not installed")
    def test_delayed(self):
        """The warning, once: a start has ten minutes of grace, which are short
        by a fast clock. Then it gets through."""
        if "asan" in lab.program("belfryd") or "tsan" in lab.program("belfryd"):
            self.skipTest("a sanitizer wants to be loaded first")
        waits = [True]
        self.sink.script = lambda verb, argument: (
            "451 4.2.0 not now" if verb == "RCPT" and waits and
            "ben@" in argument else None)
        self.prepare({"delivery": {"warn_after": "5m", "retry": {
            "first": "1m", "max": "1m"}}}).start(wrapper=[
                "env", "FAKETIME=+0 x60", "LD_PRELOAD=" + FAST_CLOCK[0]])
        with self.client() as client:
            client.sendmail("anna@example.org", ["ben@example.net"],
                            harness.message("late", subject="original"))
            client.sendmail("anna@example.org", ["ben@example.net"],
                            harness.message("late too"),
                            rcpt_options=["NOTIFY=FAILURE"])
        report = self.sink.wait(1, timeout=60)[0]
        self.assertEqual((report.sender, report.recipients),
                         ("", ["anna@example.org"]))
        for part in (b"Action: delayed", b"Status: 4.2.0", b"not now",
                     b"Final-Recipient: rfc822; ben@example.net",
                     b"Will-Retry-Until: ", b"Subject: original"):
            self.assertIn(part, report.content)
        waits.clear()
        self.sink.wait(3)
        self.wait_empty()
        self.assertEqual([m.sender for m in self.sink.messages].count(""), 1)

    def test_utf8(self):
        """The sink does not offer SMTPUTF8: the address bounces."""
        self.start(harness.SOON)
        with self.client() as client:
            client.sendmail("anna@example.org",
                            ["r\u00e9my@example.net", "ben@b\u00fccher.example"],
                            harness.message("accents"),
                            mail_options=["SMTPUTF8"])
        got = self.sink.wait(2)
        self.wait_empty()
        report = next(m for m in got if m.sender == "")
        mail = next(m for m in got if m.sender != "")
        self.assertEqual(mail.recipients, ["ben@xn--bcher-kva.example"])
        for part in (b"Status: 5.6.7",
                     b"Final-Recipient: utf-8; r\\x{E9}my@example.net",
                     "r\u00e9my@example.net".encode()):
            self.assertIn(part, report.content)

    def test_nobody_to_tell(self):
        self.sink.script = lambda verb, argument: (
            "550 5.1.1 no such user" if verb == "RCPT" else None)
        self.start(harness.SOON)
        self.send(sender="")
        lab.wait_for(lambda: self.belfryd.events("double_bounce"),
                     "a double_bounce in the log")
        self.wait_empty()
        self.assertEqual(self.sink.messages, [])

    def test_bounce_that_bounces(self):
        self.sink.script = lambda verb, argument: (
            "550 5.1.1 no such user" if verb == "RCPT" else None)
        self.start(harness.SOON)
        self.send()
        lab.wait_for(lambda: self.belfryd.events("double_bounce"),
                     "a double_bounce in the log")
        self.wait_empty()
        self.assertEqual(self.sink.messages, [])

    def test_close_after_the_dot(self):
        """In doubt, again: the sink took it and hung up without a word."""
        seen = []

        def script(verb, argument):
            if verb == ".":
                seen.append(argument)
                if len(seen) == 1:
                    return "close"
            return None

        self.sink.script = script
        self.start(harness.SOON)
        self.send()
        self.sink.wait(1)
        self.wait_empty()
        self.assertEqual(len(seen), 2)


if __name__ == "__main__":
    harness.main()
