"""contrib/postfix: the script puts Belfry beside a real Postfix in each of the
ways it has, mail goes through both, and undo leaves no trace."""
import os
import smtplib
import subprocess
import sys
import unittest

REPO = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(REPO, "tests", "e2e"))
import harness  # noqa: E402
import lab  # noqa: E402
import postfix  # noqa: E402

SCRIPT = os.path.join(REPO, "contrib", "postfix", "belfry-postfix")
# Where mail goes that does not go by Belfry: `other`, a sink.
SETTINGS = """myhostname = mail.example.org
relayhost = [127.0.0.1]:OTHER
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
non_smtpd_milters = unix:nobody
milter_default_action = accept
"""


@unittest.skipUnless(postfix.can_run(), "Postfix can't be run here")
class Apply(harness.Case):
    def setUp(self):
        super().setUp()
        self.other = lab.Sink().start()
        self.addCleanup(self.other.stop)
        self.mta = postfix.Instance("contrib", SETTINGS.replace(
            "OTHER", str(self.other.port)))
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

    def mail(self, to):
        with smtplib.SMTP("127.0.0.1", self.mta.port, timeout=60) as client:
            client.sendmail("anna@example.org", [to],
                            f"Subject: for {to}\n\nhello\n")

    def relay(self):
        """belfryd, which listens for this Postfix."""
        self.prepare()
        self.belfryd.config["listeners"][0]["xforward"] = ["loopback"]
        self.belfryd.write_config()
        self.belfryd.start()
        return f"[127.0.0.1]:{self.belfryd.smtp}"

    def test_smarthost(self):
        self.mta.start()
        before = self.settings()
        self.script("apply", "smarthost", self.relay())
        self.mail("ben@example.net")
        self.assertEqual(self.sink.wait(1)[0].header("Subject"),
                         "for ben@example.net")
        self.assertEqual(len(self.other.messages), 0)
        self.script("undo", "smarthost")
        self.assertEqual(self.settings(), before)
        self.mail("carl@example.net")
        self.other.wait(1)

    def test_transport(self):
        self.mta.start()
        before = self.settings()
        self.script("apply", "transport", "-r", self.relay(),
                    "hooks.example.org", "alerts.example.org")
        self.mail("app@alerts.example.org")
        self.mail("ben@example.net")
        self.assertEqual(self.sink.wait(1)[0].header("Subject"),
                         "for app@alerts.example.org")
        self.assertEqual(self.other.wait(1)[0].header("Subject"),
                         "for ben@example.net")
        self.script("undo", "transport")
        self.assertEqual(self.settings(), before)

    def test_milter_settings(self):
        before = self.settings()
        said = self.script("-n", "apply", "milter").stdout
        self.assertIn("main.cf: smtpd_milters = unix:belfry/milter.sock", said)
        self.assertEqual(self.settings(), before)
        self.script("apply", "milter", "unix:belfry/other.sock")
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
        subprocess.run(["postconf", "-c", self.mta.etc, "-e",
                        "relayhost = [mail.example.net]"], check=True)
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
