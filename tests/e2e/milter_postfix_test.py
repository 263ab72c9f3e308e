"""belfry-milter before a real Postfix, whose mail goes on to a sink: judged,
signed, killed and reloaded."""
import os
import re
import smtplib
import socket
import subprocess
import unittest

import milter_kit
import harness
import lab
import postfix

try:
    import dns.resolver
    import spf
except ImportError:
    spf = None

SETTINGS = """myhostname = mail.peer.example
relayhost = [127.0.0.1]:SINK
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
smtputf8_enable = yes
message_size_limit = 104857600
smtpd_milters = MILTER
non_smtpd_milters = MILTER
milter_default_action = tempfail
milter_connect_timeout = 2s
"""
BODY = b"Hello, Ben.\r\n\r\n  two  spaces\t\r\n.\r\n..\r\n\r\n\r\n"


def message(author, subject="hello", more=b"", body=BODY):
    return (b"From: Anna <anna@" + author.encode() + b">\r\n"
            b"To: ben@example.net,\r\n\tcarl@example.net\r\n"
            b"Subject: " + subject.encode() + b"\r\n"
            b"Date: Thu, 1 Jan 2026 00:00:00 +0000\r\n"
            b"X-Odd:no space\r\nX-Folded: a\r\n  b\t\r\n c \r\n" + more +
            f"Message-ID: <{abs(hash(subject))}@{author}>\r\n\r\n".encode()
            + body)


@unittest.skipUnless(postfix.can_run(),
                     "Postfix is not installed, or there is no root to "
                     "start it")
class Case(milter_kit.Case):
    def start(self, config=None):
        self.sink = lab.Sink().start()
        self.addCleanup(self.sink.stop)
        # Before the milter, whose end is looked over last.
        self.prepare(config)
        text = SETTINGS.replace("SINK", str(self.sink.port)).replace(
            "MILTER", self.milter.socket)
        self.milter.start()
        self.postfix = postfix.Instance("milter", text)
        self.addCleanup(self.postfix.stop)
        self.postfix.start()
        return self.milter

    def client(self, address):
        client = smtplib.SMTP("127.0.0.1", self.postfix.port, timeout=60,
                              source_address=(address, 0))
        self.addCleanup(client.close)
        client.ehlo("client.example")
        return client

    def send(self, content, sender, address="127.0.0.2", options=()):
        """(code, text) of the answer to the content."""
        client = self.client(address)
        for step in (client.mail(sender, list(options)),
                     client.rcpt("ben@example.net")):
            if step[0] != 250:
                return step
        said = client.data(content)
        client.quit()
        return said

    def arrive(self, count=1):
        return self.sink.wait(count)[count - 1]

    def results(self, content):
        head = content.split(b"\r\n\r\n", 1)[0].decode("latin-1") + "\r\n"
        return [re.sub(r"\s+", " ", value) for value in re.findall(
            r"(?mi)^Authentication-Results:((?:.*\r\n)(?:[ \t].*\r\n)*)",
            head)]


class Judged(Case):
    def test_good(self):
        """Signed by the sender; three fields speak in our name, whatever the
        case, and one in another's."""
        self.start()
        forged = (b"Authentication-Results: MX.Example.ORG; spf=pass one\r\n"
                  b"authentication-results: (x) mx.example.org 1; dkim=pass\r\n"
                  b"Authentication-Results: other.example; spf=fail\r\n"
                  b"AUTHENTICATION-RESULTS:\r\n mx.example.org;\r\n\tdmarc=pass "
                  b"three\r\n")
        content = self.sign(message("good.example", more=forged))
        self.assertEqual(self.send(content, "anna@good.example")[0], 250)
        got = self.arrive().content
        ours, other = self.results(got)
        self.assertIn("other.example; spf=fail", other)
        for part in ("mx.example.org;", "spf=pass", "dkim=pass",
                     "header.d=good.example", "dmarc=pass"):
            self.assertIn(part, ours)
        # On top of all, also of what this Postfix says of itself.
        self.assertTrue(got.startswith(b"Authentication-Results: mx.example"),
                        got[:300])
        # Nothing else has changed: the signature is as good as before.
        self.assertEqual(self.signatures(got), [True])
        self.assertNotIn(b"X-Belfry-Quarantine", got)
        line, = self.milter.events("verdict")
        self.assertEqual(
            (line["client"], line["spf"], line["dkim"], line["dmarc"],
             line["disposition"]),
            ("127.0.0.2", "pass", "good.example:pass", "pass",
             "none"))
        self.assertIn(f"{line['mta_id']}: ", self.postfix.log())
        self.assertEqual(self.milter.metric("belfry_milter_messages_total",
                                            disposition="none"), 1)

    @unittest.skipUnless(spf, "python3-spf is not installed")
    def test_spf(self):
        """The result that arrives is the one that pyspf has of it."""
        self.start()
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], self.nsd.port
        dns.resolver.default_resolver = resolver
        rows = [("good", "127.0.0.2", "pass"), ("good", "127.0.0.3", "fail"),
                ("soft", "127.0.0.2", "pass"),
                ("soft", "127.0.0.3", "neutral"),
                ("soft", "127.0.0.4", "softfail"),
                ("loop", "127.0.0.2", "permerror"),
                ("macro", "127.0.0.2", "pass"),
                ("macro", "127.0.0.3", "fail"), ("none", "127.0.0.2", "none")]
        for n, (name, address, result) in enumerate(rows):
            with self.subTest(name, address=address):
                sender = f"anna@{name}.example"
                self.send(message(f"{name}.example", str(n)), sender, address)
                self.assertIn(f"spf={result} ",
                              self.results(self.arrive(n + 1).content)[0])
                self.assertEqual(
                    spf.check2(address, sender, "client.example")[0], result)

    def test_forged_oddly(self):
        """As nobody should write it, and Postfix takes it for a field."""
        self.start()
        forged = (b"Authentication-Results : mx.example.org; spf=pass one\r\n"
                  b"Authentication-Results: other.example; spf=pass stays\r\n"
                  b"Authentication-Results\t :mx.example.org; a=pass two\r\n"
                  b"Authentication-Results:\r\n"
                  b"\tmx.example.org; a=pass three\r\n"
                  b"Authentication-Results:\x0b mx.example.org; a=pass\r\n"
                  b"Authentication-Results: \"mx.example\\.org\"; a=pass\r\n")
        self.assertEqual(self.send(message("good.example", more=forged),
                                   "anna@good.example")[0], 250)
        got = self.arrive().content
        for text in (b"one", b"two", b"three", b"; a=pass"):
            self.assertNotIn(text + b"\r\n", got)
        self.assertIn(b"stays\r\n", got)

    def test_altered(self):
        self.start()
        content = self.sign(message("good.example")) + b"and more\r\n"
        self.send(content, "anna@good.example", "127.0.0.3")
        got = self.arrive().content
        self.assertIn("dkim=fail", self.results(got)[0])
        self.assertIn("spf=fail", self.results(got)[0])
        self.assertIn("dmarc=fail", self.results(got)[0])
        self.assertRegex(got.decode(), r"(?m)^X-Belfry-Quarantine: \S")

    def test_policies(self):
        """Each disposition as Postfix hears it."""
        self.start({"verdict": {"dmarc": {"on_reject": "reject",
                                          "on_quarantine": "hold"}}})
        code, said = self.send(message("strict.example"), "a@strict.example")
        self.assertEqual((code, said[:7]), (550, b"5.7.26 "))
        self.assertEqual(
            self.send(message("odd.example"), "a@odd.example")[0], 250)
        lab.wait_for(lambda: subprocess.run(
            ["postqueue", "-c", self.postfix.etc, "-j"], check=True,
            capture_output=True, text=True).stdout.count('"hold"') == 1,
            "the mail in hold")
        self.milter.config["verdict"]["dmarc"].update(
            on_reject="tempfail", on_quarantine="discard")
        self.milter.write_config()
        self.milter.reload()
        code, said = self.send(message("strict.example"), "a@strict.example")
        self.assertEqual((code, said[:7]), (451, b"4.7.26 "))
        self.assertEqual(
            self.send(message("odd.example"), "a@odd.example")[0], 250)
        self.assertEqual(
            self.send(message("none.example"), "a@none.example")[0], 250)
        self.arrive()
        self.assertEqual(len(self.sink.messages), 1)
        for what in ("reject", "hold", "tempfail", "discard", "none"):
            self.assertEqual(self.milter.metric(
                "belfry_milter_messages_total", disposition=what), 1)

    def test_utf8(self):
        self.start()
        content = message("good.example", body="grüße\r\n".encode(),
                          more="X-Name: jürgen\r\n".encode())
        self.assertEqual(self.send(content, "jürgen@good.example", options=[
            "SMTPUTF8", "BODY=8BITMIME"])[0], 250)
        lab.wait_for(lambda: self.milter.events("verdict"), "the verdict")
        self.assertEqual(self.milter.events("verdict")[0]["from"],
                         "jürgen@good.example")

    def test_one_too_many(self):
        self.start({"milter": {"sessions": 1}})
        # Whether Postfix is there was found by a connection.
        lab.wait_for(lambda: "disconnect from" in self.postfix.log() and
                     self.milter.metric("belfry_milter_sessions") == 0,
                     "it to be gone")
        first = self.client("127.0.0.2")
        with self.assertRaises(smtplib.SMTPResponseException) as refused:
            second = self.client("127.0.0.2")
            raise smtplib.SMTPResponseException(
                *second.mail("anna@good.example"))
        self.assertEqual(refused.exception.smtp_code // 100, 4)
        self.assertEqual(
            self.milter.metric("belfry_milter_sessions_refused_total"), 1)
        first.quit()
        lab.wait_for(lambda: self.milter.metric("belfry_milter_sessions") == 0,
                     "the first to be gone")
        self.assertEqual(
            self.send(message("good.example"), "a@good.example")[0], 250)

    def test_inet(self):
        self.start({"milter": {"socket": f"127.0.0.1:{lab.free_port()}"}})
        for i in range(3):
            self.send(message("good.example", f"m{i}"), "anna@good.example")
        self.assertIn("spf=pass", self.results(self.arrive(3).content)[0])


class Signed(Case):
    def test_ours(self):
        """As python3-dkim sees it, and nothing else is added."""
        self.start()
        forged = b"Authentication-Results: mx.example.org; spf=pass\r\n"
        content = message("ours.example", more=forged)
        self.send(content, "anna@ours.example", "127.0.0.1")
        got = self.arrive().content
        self.assertEqual(self.signatures(got), [True, True])
        self.assertEqual(got.count(b"Authentication-Results"), 1)
        self.assertTrue(got.startswith(b"DKIM-Signature: "), got[:100])
        # From is covered once more than it is there.
        self.assertNotIn(True, self.signatures(got.replace(
            b"\r\nSubject:", b"\r\nFrom: eve@example.com\r\nSubject:")))
        line, = self.milter.events("sign")
        self.assertEqual((line["domain"], line["selectors"], line["ours"]),
                         ("ours.example", "r1,e1", "network"))

    def test_shapes(self):
        """8 bits, UTF-8, no body at all, empty lines at the end."""
        self.start()
        rows = [("bits", {"body": b"gr\xfc\xdfe\r\n"}, ["BODY=8BITMIME"]),
                ("utf8", {"body": "grüße\r\n".encode(),
                          "more": "X-A: jürgen\r\n".encode()},
                 ["SMTPUTF8", "BODY=8BITMIME"]),
                ("none", {"body": b""}, []),
                ("lines", {"body": b"\r\n" * 50}, []),
                ("large", {"body": b"x" * 70 + b"\r\n" + b"abc \r\n" * 200000},
                 [])]
        with_utf8 = lambda verb, argument: (
            "250-sink\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE"
            if verb == "EHLO" else None)
        self.sink.script = with_utf8
        for n, (name, parts, options) in enumerate(rows):
            with self.subTest(name):
                said = self.send(message("ours.example", name, **parts),
                                 "anna@ours.example", "127.0.0.1", options)
                self.assertEqual(said[0], 250, said)
                self.assertEqual(self.signatures(self.arrive(n + 1).content),
                                 [True, True])

    def test_unsigned(self):
        self.start()
        self.send(message("good.example"), "a@good.example", "127.0.0.1")
        got = self.arrive().content
        self.assertNotIn(b"DKIM-Signature", got)
        self.assertNotIn(b"Authentication-Results", got)
        self.assertIn("no rule", self.milter.events("unsigned")[0]["reason"])

    def test_local(self):
        """What a program of the machine hands over."""
        self.start()
        subprocess.run(
            ["sendmail", "-C", self.postfix.etc, "-f", "anna@ours.example",
             "-i", "ben@example.net"],
            input=message("ours.example").replace(b"\r\n", b"\n"), check=True)
        self.assertEqual(self.signatures(self.arrive().content), [True, True])


class Changes(Case):
    def test_killed(self):
        """Nothing passes while it is down."""
        self.start()
        self.send(message("good.example", "before"), "a@good.example")
        self.arrive()
        client = self.client("127.0.0.2") # its session dies with the milter
        self.milter.kill()
        self.assertEqual(client.mail("a@good.example")[0] // 100, 4)
        try:
            said = self.send(message("good.example", "down"), "a@good.example")
        except smtplib.SMTPResponseException as refused:
            said = (refused.smtp_code, refused.smtp_error)
        self.assertEqual(said[0] // 100, 4, said)
        self.milter.start() # the socket of the dead one is in the way
        self.assertEqual(
            self.send(message("good.example", "after"), "a@good.example")[0],
            250)
        self.assertIn(b"Subject: after", self.arrive(2).content)
        self.assertEqual(len(self.sink.messages), 2)

    def test_killed_in_data(self):
        self.start()
        client = self.client("127.0.0.2")
        client.mail("a@good.example")
        client.rcpt("ben@example.net")
        self.milter.kill()
        self.assertEqual(client.data(message("good.example"))[0] // 100, 4)
        self.assertEqual(self.sink.messages, [])

    def test_reload_in_data(self):
        """What began with the old configuration ends with it."""
        self.start()
        client = self.client("127.0.0.2")
        client.mail("a@good.example")
        client.rcpt("ben@example.net")
        client.docmd("DATA")
        self.milter.config["verdict"] = {"authserv_id": "new.example"}
        self.milter.write_config()
        self.milter.reload()
        client.send(message("good.example", body=b"x\r\n") + b".\r\n")
        self.assertEqual(client.getreply()[0], 250)
        self.assertIn("mx.example.org;",
                      self.results(self.arrive().content)[0])
        self.send(message("good.example", "2"), "a@good.example")
        self.assertIn("new.example;",
                      self.results(self.arrive(2).content)[0])

    def test_reload_broken(self):
        self.start()
        self.milter.write_config("hostname: [\n")
        self.milter.reload("reload_refused")
        self.assertEqual(self.milter.metric(
            "belfry_config_last_reload_successful"), 0)
        self.send(message("ours.example"), "a@ours.example", "127.0.0.1")
        self.assertEqual(self.signatures(self.arrive().content), [True, True])
        self.milter.config["dkim"]["sign"][0]["selectors"].pop()
        self.milter.config["milter"]["socket_mode"] = "0600"
        self.milter.write_config()
        self.assertEqual(self.milter.reload()["restart_for"],
                         "milter.socket_mode")
        self.send(message("ours.example", "2"), "a@ours.example", "127.0.0.1")
        self.assertEqual(self.signatures(self.arrive(2).content), [True])

    def test_aborted(self):
        """The client goes away at each stage, and after RSET goes on."""
        self.start()
        steps = [b"EHLO client.example\r\n", b"MAIL FROM:<a@good.example>\r\n",
                 b"RCPT TO:<ben@example.net>\r\n", b"DATA\r\n",
                 message("good.example", body=b"cut off\r\n")]
        for n in range(len(steps) + 1):
            with socket.create_connection(
                    ("127.0.0.1", self.postfix.port), 20,
                    source_address=("127.0.0.2", 0)) as s:
                s.recv(1000)
                for i, step in enumerate(steps[:n]):
                    s.sendall(step)
                    if i < 4:
                        s.recv(1000)
        client = self.client("127.0.0.2")
        for _ in range(3):
            client.mail("a@good.example")
            client.rcpt("ben@example.net")
            client.rset()
        client.mail("anna@good.example")
        client.rcpt("ben@example.net")
        self.assertEqual(client.data(message("good.example"))[0], 250)
        client.quit()
        self.arrive()
        lab.wait_for(lambda: self.milter.metric("belfry_milter_sessions") == 0,
                     "all sessions to end")
        self.assertEqual(len(self.milter.events("verdict")), 1)

    def test_ended(self):
        """SIGTERM with a client in the middle: no crash, and a tempfail."""
        self.start()
        client = self.client("127.0.0.2")
        client.mail("a@good.example")
        client.rcpt("ben@example.net")
        self.assertEqual(self.milter.stop(nudge=False), 0)
        self.assertFalse(os.path.exists(self.milter.path))
        self.assertEqual(client.data(message("good.example"))[0] // 100, 4)


class Memory(Case):
    def test_memory(self):
        """50 MiB take no more than a small one, verified and signed."""
        if {"asan", "tsan"} & set(lab.program("x").split(os.sep)):
            self.skipTest("a sanitizer takes memory of its own")
        self.start()
        for n, (author, address) in enumerate(
                (("good.example", "127.0.0.2"), ("ours.example", "127.0.0.1"))):
            self.send(message(author, f"small {n}"), f"a@{author}", address)
        before = self.milter.memory()
        body = (b"y" * 998 + b"\r\n") * (50 * 1024 * 1024 // 1000)
        for n, (author, address) in enumerate(
                (("good.example", "127.0.0.2"), ("ours.example", "127.0.0.1"))):
            content = message(author, f"large {n}", body=body)
            if author == "good.example":
                content = self.sign(content)
            self.assertEqual(self.send(content, f"a@{author}", address)[0],
                             250)
            self.assertEqual(
                self.signatures(self.arrive(n + 3).content)[0], True)
        self.assertLess(self.milter.memory() - before, 4096)


if __name__ == "__main__":
    harness.main()
