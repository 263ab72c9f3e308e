"""contrib/postfix: the script puts Belfry beside a real Postfix in each of the
ways it has, mail goes through both, its verdict and signature are right by
python3-dkim and pyspf, and undo leaves no trace."""
import os
import re
import shutil
import signal
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
        # What was changed just now Postfix would wait for two seconds to read.
        self.env = self.postconf_that("old", f"""
{shutil.which("postconf")} "$@"
status=$?
touch -d @0 {self.mta.etc}/*.cf
exit $status
""", os.environ)

    def postconf_that(self, name, does, env):
        """ENV in which a script, which DOES so, is postconf."""
        folder = os.path.join(self.mta.folder, name)
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "postconf")
        with open(path, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\n" + does)
        os.chmod(path, 0o755)
        return {**env, "PATH": folder + ":" + env["PATH"]}

    def script(self, *arguments, status=0, env=None):
        before = self.mta.children()
        done = subprocess.run([SCRIPT, "-c", self.mta.etc, *arguments],
                              capture_output=True, text=True, check=False,
                              env=env or self.env)
        self.assertEqual(done.returncode, status, done)
        if arguments[0] in ("apply", "undo"):
            lab.wait_for(lambda: not before & self.mta.children(),
                         "what ran before the reload to end")
        return done

    def by_hand(self, *settings):
        subprocess.run(["postconf", "-c", self.mta.etc, *settings], check=True,
                       env=self.env)

    def settings(self):
        """All that main.cf and master.cf say."""
        return [subprocess.run(["postconf", "-c", self.mta.etc, option],
                               capture_output=True, text=True,
                               check=True).stdout for option in ("-n", "-M")]

    def setting(self, name, option="-h"):
        return subprocess.run(["postconf", "-c", self.mta.etc, option, name],
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
    NON_SMTPD = "non_smtpd_milters = $smtpd_milters"

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
        self.by_hand("-e", "smtpd_authorized_xforward_hosts = 127.0.0.0/8")
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
        self.by_hand("-e", "smtp_helo_name = strict.example")
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


BELFRY = "unix:belfry/milter.sock"
# Lists of both kinds before, with no socket of Belfry's or with it.
LISTS = [
    ("inet:127.0.0.1:5", "$smtpd_milters"),
    ("", "$smtpd_milters"),
    ("$non_smtpd_milters", "inet:127.0.0.1:5"),
    ("$common", "${common}"),
    (BELFRY, BELFRY),
    (BELFRY, "$smtpd_milters"),
    ("inet:127.0.0.1:5, " + BELFRY, ""),
    ("inet:127.0.0.1:5", BELFRY),
    ("$ours", "$smtpd_milters"),
    ("{ " + BELFRY + ", connect_timeout=1s }, unix:a", "inet:127.0.0.1:5"),
    ("unix:$queue_directory/belfry/milter.sock", "{ inet:127.0.0.1:5, "
     "default_action = accept } unix:b"),
]
# What is between apply and undo changed by hand; what the lists are after it.
CHANGED = [
    (BELFRY + ", inet:127.0.0.1:7", None, "inet:127.0.0.1:7", "unix:nobody"),
    ("inet:127.0.0.1:7 " + BELFRY + ",{ unix:a, connect_timeout=1s }", None,
     "inet:127.0.0.1:7, { unix:a, connect_timeout=1s }", "unix:nobody"),
    (BELFRY + " unix:a", "$smtpd_milters", "unix:a", "$smtpd_milters"),
    ("unix:a", None, "unix:a", "unix:nobody"),
    ("inet:127.0.0.1:5, " + BELFRY, BELFRY, "inet:127.0.0.1:5", ""),
]
# Not domains, or not understood as such by Postfix.
NO_DOMAINS = ["a.example b.example", "hooks.example.org,", "a,b", "x}y", "{",
              "ben@example.org", "a.example.", "a..example", "-a.example", "*",
              "a=b", "$mydomain", "", ".", "a.example\nb.example", "-n",
              "b\u00fcro.example", "a" * 64 + ".example"]
NO_HOPS = ["no-port", "::1", ":25", "[127.0.0.1]:", "a b:25", "127.0.0.1:25",
           "[::1]", "[127.0.0.1]:0", "[127.0.0.1]:65536", "[127.0.0.1]:smtp",
           "smtp:[127.0.0.1]:25", "[127.0.0.256]:25", "[]:25", "a,b:25",
           "[a.example:25", "{a}:25", "[127.0.0.1]:25\nx:25"]
HOPS = ["[127.0.0.1]:2600", "[::1]:25", "[ipv6:2001:db8::1]:2525",
        "mail.example.org:587", "[localhost]:2525"]
# How apply ends, and before which setting; the status it ends with.
ENDS = [
    ("smtpd_milters", "exit 1", 1),
    ("non_smtpd_milters", "kill -TERM $PPID", 1),
    ("milter_default_action", "kill -INT $PPID", 1),
    ("milter_protocol", "exit 1", 1),
    ("smtpd_milters", "kill -KILL $PPID; sleep 1", -9),
    ("milter_default_action", "kill -KILL $PPID; sleep 1", -9),
]


class Change(Script, harness.Case):
    """What the script does to main.cf and master.cf, whatever they say."""

    def refused(self, *arguments):
        """It says why, and nothing is changed or remembered."""
        before = self.settings()
        said = self.script(*arguments, status=1).stderr
        self.assertEqual(self.settings(), before)
        self.assertFalse(os.path.exists(self.mta.etc + "/belfry"))
        return said

    def milters(self, smtpd, non_smtpd):
        self.by_hand("-e", f"smtpd_milters = {smtpd}",
                     f"non_smtpd_milters = {non_smtpd}",
                     "common = unix:common", f"ours = {BELFRY}",
                     "milter_default_action = accept")

    def asks_once(self, name):
        words = re.split(r"[\s,{}]+", self.setting(name, "-hx").replace(
            f"unix:{self.mta.folder}/spool/", "unix:"))
        self.assertEqual(words.count(BELFRY), 1, words)

    def test_a_milter_once(self):
        for lists in LISTS:
            with self.subTest(lists):
                self.milters(*lists)
                before = self.settings()
                self.script("apply", "milter")
                self.asks_once("smtpd_milters")
                self.asks_once("non_smtpd_milters")
                self.script("undo", "milter")
                self.assertEqual(self.settings(), before)

    def test_nothing_to_do(self):
        self.milters(BELFRY, "$smtpd_milters")
        self.by_hand("-e", "milter_default_action = tempfail",
                     "milter_protocol = 6")
        before = self.settings()
        said = self.script("apply", "milter").stderr
        self.assertIn("nothing is changed", said)
        self.assertEqual(self.settings(), before)
        self.assertIn("nothing is applied", self.script("status").stdout)

    def test_lists_changed_since(self):
        """What is Belfry's goes, what was put there by hand stays."""
        for smtpd, non_smtpd, after, non_after in CHANGED:
            with self.subTest(smtpd):
                self.milters("inet:127.0.0.1:5",
                             "" if non_smtpd else "unix:nobody")
                self.script("apply", "milter")
                self.by_hand("-e", f"smtpd_milters = {smtpd}")
                if non_smtpd:
                    self.by_hand("-e", f"non_smtpd_milters = {non_smtpd}")
                self.script("undo", "milter")
                self.assertEqual(self.setting("smtpd_milters"), after)
                self.assertEqual(self.setting("non_smtpd_milters"), non_after)
                self.assertEqual(self.setting("milter_default_action"),
                                 "accept")
                self.assertIn("nothing is applied",
                              self.script("status").stdout)
                self.script("apply", "milter")
                self.asks_once("smtpd_milters")
                self.asks_once("non_smtpd_milters")
                self.script("undo", "milter")

    def test_a_milter_that_stays(self):
        """As long as Postfix asks it, no mail passes unjudged."""
        self.milters("inet:127.0.0.1:5", "")
        before = self.settings()
        service = f"127.0.0.1:{self.mta.port}/inet"
        stays = (("smtpd_milters", ["-e", "smtpd_milters = { " + BELFRY +
                                    ", connect_timeout = 1s }"],
                  ["-e", "smtpd_milters = inet:127.0.0.1:5"]),
                 (f"{service}/smtpd_milters",
                  ["-P", f"{service}/smtpd_milters={BELFRY}"],
                  ["-PX", f"{service}/smtpd_milters"]))
        for place, there, away in stays:
            with self.subTest(place):
                self.script("apply", "milter")
                self.by_hand(*there)
                for _ in range(2):
                    said = self.script("undo", "milter", status=1).stderr
                    self.assertIn(f"{place} still has {BELFRY}", said)
                    self.assertEqual(self.setting("non_smtpd_milters"), "")
                    self.assertEqual(self.setting("milter_default_action"),
                                     "tempfail")
                    self.assertIn("milter\n\tmilter_default_action = tempfail",
                                  self.script("status").stdout)
                self.by_hand(*away)
                self.script("undo", "milter")
                self.assertEqual(self.settings(), before)

    def test_values_changed_since(self):
        before = self.settings()
        self.script("apply", "smarthost", "[127.0.0.1]:2600")
        self.by_hand("-e", "relayhost = [mail.example.net]")
        for _ in range(2):
            said = self.script("undo", "smarthost", status=1).stderr
            self.assertIn("relayhost has been changed since", said)
            self.assertNotIn("taken back\n", said)
            self.assertIn(f"it was `relayhost = [127.0.0.1]:{self.other.port}",
                          said)
            self.assertEqual(self.setting("relayhost"), "[mail.example.net]")
            self.assertEqual(self.setting("smtp_send_xforward_command"), "no")
            self.assertIn("smarthost\n\trelayhost: changed since",
                          self.script("status").stdout)
        self.by_hand("-e", f"relayhost = [127.0.0.1]:{self.other.port}")
        self.script("undo", "smarthost")
        self.assertEqual(self.settings(), before)

    def test_forget(self):
        self.script("apply", "smarthost")
        before = self.settings()
        self.script("forget", "smarthost")
        self.assertEqual(self.settings(), before)
        self.assertIn("nothing is applied", self.script("status").stdout)
        self.script("forget", "smarthost", status=1)
        self.script("apply", "smarthost", "[127.0.0.1]:2600")

    def ended(self, at, how):
        """With a postconf that ends as HOW, once, when asked to set AT."""
        done = os.path.join(self.mta.folder, "ended")
        if os.path.exists(done):
            os.unlink(done)
        return self.postconf_that("ending", f"""
case "$*" in *"-e {at}="*) [ -e {done} ] || {{
	: >{done}
	{how}
}} ;;
esac
exec {self.mta.folder}/old/postconf "$@"
""", self.env)

    def test_ended_midway(self):
        """However apply ends, all is put back, or undo can do so."""
        # A shell's job in the background ignores it, and so do its children.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.milters("inet:127.0.0.1:5", "unix:nobody")
        before = self.settings()
        for at, how, status in ENDS:
            with self.subTest(at, how=how):
                self.script("apply", "milter", status=status,
                            env=self.ended(at, how))
                if status == -9:
                    self.script("apply", "milter", status=1)
                    self.script("undo", "milter")
                self.assertEqual(self.settings(), before)
                self.assertFalse(os.path.exists(self.mta.etc + "/belfry"))

    def test_not_taken_by_postfix(self):
        self.by_hand("-e", "mail_owner = nobody-is-called-so")
        self.assertIn("all is as it was", self.refused("apply", "milter"))

    def test_a_service_of_that_name(self):
        self.by_hand("-M", "belfry/unix=belfry unix - - n - 5 smtp "
                     "-o smtp_tls_security_level=encrypt")
        said = self.refused("apply", "transport", "hooks.example.org")
        self.assertIn("has a service belfry already", said)

    def test_a_service_that_is_needed(self):
        """It stays as long as routes lead to it."""
        before = self.settings()
        self.script("apply", "transport", "hooks.example.org")
        self.by_hand("-e", "transport_maps = inline:{ { hooks.example.org = "
                     "belfry:[127.0.0.1]:2525 }, { a.example = smtp:b } }")
        said = self.script("undo", "transport", status=1).stderr
        self.assertIn("transport_maps still has belfry:", said)
        self.assertIn("belfry ", self.settings()[1])
        self.by_hand("-X", "transport_maps")
        self.script("undo", "transport")
        self.assertEqual(self.settings(), before)

    def test_domains(self):
        for domain in NO_DOMAINS:
            with self.subTest(domain):
                self.assertIn("no domain", self.refused(
                    "apply", "transport", "a.example", domain))
        before = self.settings()
        domains = ["Hooks.Example.ORG", ".sub.example", "a_b.example", "x"]
        self.script("apply", "transport", *domains)
        for domain in domains:
            found = subprocess.run(
                ["postmap", "-c", self.mta.etc, "-q", domain,
                 self.setting("transport_maps")], capture_output=True,
                text=True, check=True).stdout
            self.assertEqual(found, "belfry:[127.0.0.1]:2525\n")
        self.script("undo", "transport")
        self.assertEqual(self.settings(), before)

    def test_hops(self):
        for hop in NO_HOPS:
            with self.subTest(hop):
                self.assertIn("a next hop is", self.refused(
                    "apply", "smarthost", hop))
                self.refused("apply", "transport", "-r", hop, "a.example")
        for hop in HOPS:
            with self.subTest(hop):
                said = self.script("-n", "apply", "smarthost", hop).stdout
                self.assertIn(f"relayhost = {hop}\n", said)
                self.script("apply", "transport", "-r", hop, "a.example")
                self.script("undo", "transport")
        for socket in ("unix:", "belfry/milter.sock", "unix:a unix:b",
                       "inet:8891", "unix:a,b"):
            with self.subTest(socket):
                self.assertIn("a socket is", self.refused("apply", "milter",
                                                          socket))

    def test_smarthost_and_tls(self):
        """Where Postfix insists on TLS, mail to a listener without waits."""
        hop = f"[127.0.0.1]:{self.other.port}"
        policy = f"inline:{{ {{ {hop} = may }} }}"
        for level in ("encrypt", "verify", "secure", "dane-only",
                      "fingerprint"):
            with self.subTest(level):
                self.by_hand("-e", f"smtp_tls_security_level = {level}")
                self.assertIn(policy, self.refused("apply", "smarthost", hop))
        self.by_hand("-e", "smtp_tls_security_level =", "smtp_enforce_tls=yes")
        self.refused("apply", "smarthost", hop)
        self.by_hand("-e", "smtp_tls_security_level=may")
        self.by_hand("-P", "relay/unix/smtp_tls_security_level=encrypt")
        self.refused("apply", "smarthost", hop)
        self.by_hand("-PX", "relay/unix/smtp_tls_security_level")
        self.by_hand("-e", "smtp_tls_wrappermode=yes")
        self.assertIn("wrappermode", self.refused("apply", "smarthost", hop))
        self.by_hand("-e", "smtp_tls_wrappermode=no",
                     "smtp_tls_security_level=encrypt",
                     "smtp_tls_policy_maps = inline:{ { a.example = none } }, "
                     + policy)
        self.refused("apply", "smarthost", "[127.0.0.1]:2600")
        self.mta.start()
        self.by_hand("-e", "relayhost =")
        self.script("apply", "smarthost", hop)
        self.mail("ben@example.net")
        self.other.wait(1)

    def test_what_it_does_not_reach(self):
        service = f"127.0.0.1:{self.mta.port}/inet"
        self.by_hand("-P", f"{service}/smtpd_milters=inet:127.0.0.1:9")
        said = self.script("-n", "apply", "milter").stderr
        self.assertIn(f"{service}/smtpd_milters = inet:127.0.0.1:9", said)
        self.assertNotIn("content_filter", said)
        self.by_hand("-P", f"{service}/smtpd_milters={BELFRY}",
                     f"{service}/content_filter=smtp:[127.0.0.1]:10024")
        said = self.script("-n", "apply", "milter").stderr
        self.assertNotIn("/smtpd_milters", said)
        self.assertIn("content_filter is set", said)
        self.by_hand("-M", "10025/inet=10025 inet n - n - - smtpd "
                     "-o smtpd_milters=")
        said = self.script("-n", "apply", "milter").stderr
        self.assertNotIn("content_filter", said)
        self.by_hand("-e", "smtpd_proxy_filter = 127.0.0.1:10024")
        said = self.script("-n", "apply", "milter").stderr
        self.assertIn("smtpd_proxy_filter is set", said)


if __name__ == "__main__":
    harness.main()
