"""contrib/postfix: the script puts Belfry beside a real Postfix in each of the
ways it has, mail goes through both, its verdict and signature are right by
python3-dkim and pyspf, and undo leaves no trace."""
import os
import re
import smtplib
import subprocess
import sys
import unittest

REPO = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(REPO, "tests", "e2e"))
import milter_kit  # noqa: E402 (before the others: it may start anew)
import harness  # noqa: E402
import lab  # noqa: E402
import postfix  # noqa: E402

SCRIPT = os.path.join(REPO, "contrib", "postfix", "belfry-postfix")
HELO = "good.example"
# Where mail goes that does not go by Belfry: `other`, a sink.
SETTINGS = """myhostname = mail.example.org
relayhost = [127.0.0.1]:OTHER
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
NON_SMTPD
milter_default_action = accept
"""


def letter(author, to="ben@example.net"):
    return (f"From: Anna <anna@{author}>\r\nTo: {to}\r\n"
            f"Subject: for {to}\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n"
            f"Message-ID: <1@{author}>\r\n\r\nhello\r\n").encode()


@unittest.skipUnless(postfix.can_run(), "Postfix can't be run here")
class Script(milter_kit.Keys):
    """A Postfix whose services are locked into its queue directory, as
    Debian's are."""
    NON_SMTPD = ""

    def setUp(self):
        super().setUp()
        self.other = lab.Sink().start()
        self.addCleanup(self.other.stop)
        self.mta = postfix.Instance("contrib", SETTINGS.replace(
            "OTHER", str(self.other.port)).replace(
                "NON_SMTPD", self.NON_SMTPD))
        self.mta.write("master.cf", postfix.locked_in(postfix.MASTER))
        self.addCleanup(self.mta.stop)

    def script(self, *arguments, status=0):
        done = subprocess.run([SCRIPT, "-c", self.mta.etc, *arguments],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, status, done)
        return done

    def settings(self):
        """All that main.cf and master.cf say."""
        return [subprocess.run(["postconf", "-c", self.mta.etc, option],
                               capture_output=True, text=True,
                               check=True).stdout for option in ("-n", "-M")]

    def setting(self, name):
        return subprocess.run(["postconf", "-c", self.mta.etc, "-h", name],
                              capture_output=True, text=True,
                              check=True).stdout.strip()

    def mail(self, to, author="example.org", sender=None,
             client="127.0.0.1", content=None, helo=True, forward=None):
        """The code of the answer to it, from an address of loopback."""
        with smtplib.SMTP("127.0.0.1", self.mta.port, timeout=60,
                          source_address=(client, 0)) as session:
            if helo:
                session.ehlo(HELO)
            if forward:
                self.assertEqual(session.docmd("XFORWARD", forward)[0], 250)
            code, _ = session.mail(f"anna@{author}" if sender is None
                                   else sender)
            if code == 250:
                session.rcpt(to)
                code, _ = session.data(content or letter(author, to))
            return code

    def change(self, *settings):
        subprocess.run(["postconf", "-c", self.mta.etc, "-e", *settings],
                       check=True)

    def sendmail(self, author, to):
        """As a program of this machine does."""
        subprocess.run(["sendmail", "-C", self.mta.etc, "-i", "-f",
                        f"anna@{author}", to],
                       input=letter(author, to).replace(b"\r", b""), check=True)

    def results(self, message):
        """{method or identity of SPF: result} of Authentication-Results."""
        field = message.header("Authentication-Results")
        found = {}
        for part in re.sub(r"\s+", " ", field).split(";")[1:]:
            method, result = re.match(r" (\w+)=(\w+)", part).groups()
            identity = re.search(r"\b(smtp\.\w+)=", part)
            name = identity[1] if identity else method
            self.assertNotIn(name, found, field)
            found[name] = result
        return found


# A stranger's address, sender and author; whether it is signed, and what is
# found: SPF, DKIM, DMARC.
STRANGERS = [
    ("127.0.0.2", "anna@good.example", "good.example", True,
     ("pass", "pass", "pass")),
    ("127.0.0.3", "anna@good.example", "good.example", True,
     ("fail", "pass", "pass")),
    ("127.0.0.3", "anna@good.example", "good.example", False,
     ("fail", "none", "fail")),
    ("127.0.0.3", "anna@none.example", "none.example", False,
     ("none", "none", "none")),
    ("127.0.0.2", "", "good.example", False, ("pass", "none", "pass")),
    ("127.0.0.2", "anna@ours.example", "ours.example", False,
     ("fail", "none", "none")),
]


class Judged:
    """For a Script."""

    def judge(self, to, sink):
        """Mail of strangers by way of Postfix: what arrives in SINK says what
        python3-dkim and pyspf find, and is signed by nobody of ours."""
        for n, (client, sender, author, signed, found) in enumerate(STRANGERS):
            with self.subTest(n):
                content = letter(author, to)
                if signed:
                    content = self.sign(content)
                self.assertEqual(self.mail(to, sender=sender, client=client,
                                           content=content), 250)
                message = sink.wait(n + 1)[n]
                said = self.results(message)
                self.assertEqual((said.get("smtp.mailfrom",
                                           said["smtp.helo"]), said["dkim"],
                                  said["dmarc"]), found)
                for identity, name in (("smtp.mailfrom", sender),
                                       ("smtp.helo", "")):
                    if identity in said:
                        self.assertEqual(self.spf(client, name, HELO),
                                         said[identity])
                self.assertEqual(self.signatures(message.content),
                                 [True] if signed else [])


class Milter(Script, Judged, milter_kit.Case):
    def begin(self):
        """Where the script looks for it, if not told otherwise."""
        path = os.path.join(self.mta.folder, "spool", "belfry", "milter.sock")
        self.prepare({"milter": {"socket": f"unix:{path}"}})
        self.addCleanup(self.mta.stop) # before the milter
        self.milter.start()
        self.mta.start()
        before = self.settings()
        self.assertNotIn("there is no", self.script("apply", "milter").stderr)
        return before

    def test(self):
        before = self.begin()
        self.judge("ben@example.net", self.other)
        self.mail("ben@example.net", "ours.example")
        self.sendmail("ours.example", "ben@example.net")
        ours = self.other.wait(len(STRANGERS) + 2)[len(STRANGERS):]
        for message in ours:
            self.assertEqual(self.signatures(message.content), [True, True])
            self.assertNotIn(b"Authentication-Results", message.content)
        self.milter.stop()
        self.assertEqual(self.mail("ben@example.net") // 100, 4)
        self.script("undo", "milter")
        self.assertEqual(self.settings(), before)
        self.assertEqual(self.mail("ben@example.net", "ours.example"), 250)
        last = self.other.wait(len(STRANGERS) + 3)[-1]
        self.assertEqual(self.signatures(last.content), [])


class Apply(Script, Judged, harness.Case):
    NON_SMTPD = "non_smtpd_milters = unix:nobody"

    def relay(self, role="submission", **config):
        """belfryd, which listens for this Postfix."""
        self.prepare(self.signing(config))
        self.belfryd.config["listeners"][0].update(role=role,
                                                   xforward=["loopback"])
        self.belfryd.write_config()
        self.belfryd.start()
        return f"[127.0.0.1]:{self.belfryd.smtp}"

    def test_smarthost(self):
        """What leaves is signed, and the log knows whose it was; not what a
        stranger sends."""
        self.change("smtpd_authorized_xforward_hosts = 127.0.0.0/8")
        self.mta.start()
        before = self.settings()
        self.script("apply", "smarthost", self.relay())
        self.mail("ben@example.net", "ours.example", client="127.0.0.4")
        message = self.sink.wait(1)[0]
        self.assertEqual(self.signatures(message.content), [True, True])
        self.wait_events(1, "accept", origin="unknown[127.0.0.4]")
        self.sendmail("ours.example", "ben@example.net")
        message = self.sink.wait(2)[1]
        self.assertEqual(self.signatures(message.content), [True, True])
        self.assertEqual(self.mail("ben@example.net", "ours.example",
                                   forward="ADDR=203.0.113.9 "
                                   "SOURCE=REMOTE"), 250)
        message = self.sink.wait(3)[2]
        self.assertEqual(self.signatures(message.content), [])
        self.wait_events(1, "accept", origin="unknown[203.0.113.9]")
        self.assertEqual(len(self.other.messages), 0)
        self.script("undo", "smarthost")
        self.assertEqual(self.settings(), before)
        self.mail("carl@example.net")
        self.other.wait(1)

    def test_transport(self):
        """What comes for these domains is judged by who sent it to Postfix;
        other mail goes on as before."""
        self.mta.start()
        before = self.settings()
        self.script("apply", "transport", "-r", self.relay(
            role="inbound", postmaster="anna@example.org",
            domains=["hooks.example.org", "alerts.example.org"],
            routes=[{"match": "*.example.org", "deliver": "smtp",
                     "via": [self.sink.hop()]}]),
                    "hooks.example.org", "alerts.example.org")
        self.judge("app@hooks.example.org", self.sink)
        self.mail("app@alerts.example.org", "good.example", client="127.0.0.2")
        self.assertEqual(self.sink.wait(len(STRANGERS) + 1)[-1].header("To"),
                         "app@alerts.example.org")
        self.mail("ben@example.net")
        self.assertEqual(self.other.wait(1)[0].header("To"),
                         "ben@example.net")
        self.script("undo", "transport")
        self.assertEqual(self.settings(), before)

    def test_not_postfix_own(self):
        """Who says no HELO is not judged by that of Postfix, and what its own
        machine sends not by Postfix's address."""
        self.change("smtp_helo_name = strict.example")
        self.mta.start()
        self.script("apply", "transport", "-r", self.relay(
            role="inbound", postmaster="anna@example.org",
            domains=["hooks.example.org"],
            routes=[{"match": "*.example.org", "deliver": "smtp",
                     "via": [self.sink.hop()]}],
            verdict={"spf": {"reject_fail": True},
                     "dmarc": {"on_reject": "reject"}}),
                    "hooks.example.org")
        to = "app@hooks.example.org"
        self.mail(to, "good.example", client="127.0.0.2", helo=False)
        self.assertEqual(self.results(self.sink.wait(1)[0]), {
            "smtp.mailfrom": "pass", "dkim": "none", "dmarc": "pass"})
        self.mail(to, "none.example", sender="", client="127.0.0.2",
                  helo=False)
        self.assertEqual(self.results(self.sink.wait(2)[1]), {
            "spf": "none", "dkim": "none", "dmarc": "none"})
        self.sendmail("strict.example", to)
        message = self.sink.wait(3)[2]
        self.assertNotIn(b"Authentication-Results", message.content)
        self.assertEqual(self.other.messages, []) # no bounce

    def test_milter_settings(self):
        before = self.settings()
        said = self.script("-n", "apply", "milter").stdout
        self.assertIn("main.cf: smtpd_milters = unix:belfry/milter.sock", said)
        self.assertEqual(self.settings(), before)
        said = self.script("apply", "milter", "unix:belfry/other.sock").stderr
        self.assertIn(f"there is no {self.mta.folder}/spool/belfry/other.sock",
                      said)
        self.assertEqual(self.setting("smtpd_milters"),
                         "unix:belfry/other.sock")
        self.assertEqual(self.setting("non_smtpd_milters"),
                         "unix:belfry/other.sock, unix:nobody")
        self.assertEqual(self.setting("milter_default_action"), "tempfail")
        self.assertIn("milter\n", self.script("status").stdout)
        self.script("undo", "milter")
        self.assertEqual(self.settings(), before)

    def test_what_was_changed_since_stays(self):
        self.script("apply", "smarthost", "[127.0.0.1]:2600")
        self.change("relayhost = [mail.example.net]")
        said = self.script("undo", "smarthost").stderr
        self.assertIn("relayhost has been changed since", said)
        self.assertEqual(self.setting("relayhost"), "[mail.example.net]")

    def test_refused(self):
        before = self.settings()
        self.script("apply", "nothing", status=64)
        self.script("apply", "transport", status=64)
        self.script("apply", "smarthost", "no-port", status=1)
        self.script("undo", "smarthost", status=1)
        self.script("apply", "smarthost")
        said = self.script("apply", "smarthost", status=1).stderr
        self.assertIn("undo smarthost", said)
        self.script("undo", "smarthost")
        self.assertEqual(self.settings(), before)
        self.assertEqual(self.script("status").stdout,
                         f"nothing is applied in {self.mta.etc}\n")


if __name__ == "__main__":
    harness.main()
