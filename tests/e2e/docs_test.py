"""Each command that docs/ gives, run against a belfryd of its own."""
import json
import os
import pwd
import random
import re
import shutil
import smtplib
import subprocess
import tempfile
import unittest

import beside_page_test  # first: it may start anew, and its commands count
import alert_pages_test  # its commands count too
import documented
import ca
import harness
import lab
import relay_page_test  # its commands count too
from documented import DocCase, give_away
from nsd import NSD, Nsd

PROMETHEUS = "../contrib/prometheus/README.md"


class RedButton(DocCase):
    HEADING = "The red button"

    def test(self):
        belfryd = self.waiting()
        bad = [self.send(sender="news@example.org", to=[f"r{n}@example.net"])
               for n in range(5)]
        belfryd.cli("queue", "hold", bad[0])
        look, remove = range(2)
        said = self.run_block(look)
        for queue_id in bad:
            self.assertIn(queue_id, said)
        self.assertNotIn(self.ids[0], said)
        # The others went out, and nothing of the rest.
        self.sink.wait(3)
        lab.wait_for(lambda: len(self.queue()) == 5, "five held messages")
        self.assertEqual({m.sender for m in self.sink.messages},
                         {"anna@example.org"})
        self.run_block(remove)
        self.assertEqual(self.queue(), [])
        self.assertEqual(len(self.sink.messages), 3)


class Upgrade(DocCase):
    HEADING = "Upgrade"

    def test(self):
        belfryd = self.waiting()
        os.makedirs(self.elsewhere)
        give_away(self.elsewhere)
        said = self.run_block(0) + self.run_block(1)
        self.assertIn(": ok", said)
        self.assertIn("nothing to do", said)
        self.assertEqual([m["queue_id"] for m in self.queue()], self.ids)
        belfryd.cli("resume")
        self.sink.wait(3)
        self.wait_empty()


class Backup(DocCase):
    HEADING = "Backup and restore"

    def test(self):
        belfryd = self.waiting()
        make, put_back = range(2)
        self.assertIn("data.mdb", self.run_block(make))
        path = os.path.join(self.state, "alert.secret")
        with open(path, "rb") as file:
            secret = file.read()
        os.unlink(path)  # as on another machine
        self.run_block(put_back)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), secret)
        # What is put back waits for a person.
        self.assertEqual(len(self.queue()), 3)
        status = belfryd.cli("status").stdout
        self.assertRegex(status, r"(?m)^PAUSED, alerts too, .* put back as it "
                         r"was at 2\d\d\d-")
        self.assertTrue(self.belfryd.events("store_restored"))
        self.send()
        self.assertEqual(len(self.sink.messages), 0)
        belfryd.cli("queue", "remove", "--yes", self.ids[0])
        belfryd.cli("resume")
        self.sink.wait(3)
        self.wait_empty()
        # It is decided; the next start asks nothing.
        belfryd.stop()
        belfryd.start()
        self.assertNotIn("PAUSED", belfryd.cli("status").stdout)


def leave_mail(case):
    """What a program leaves in the drop folder while belfryd is away."""
    conf = os.path.join(case.belfryd.folder, "sendmail.conf")
    with open(conf, "w", encoding="utf-8") as file:
        file.write("submit_socket: /nonexistent\n"
                   f"drop_dir: {case.state}/drop\n")
    subprocess.run(
        [lab.program("belfry"), "sendmail", "-C", conf, "ben@example.net"],
        input=b"Subject: left\n\nx\n", check=True, timeout=60)


class DamagedStore(DocCase):
    HEADING = "A damaged store"

    def ends_well(self, line, done):
        # It finds what the page speaks of.
        found = line.startswith(("belfryd --verify", "belfryd --salvage"))
        self.assertIn(done.returncode, (0, 1) if found else (0,),
                      (line, done.stdout, done.stderr))

    def test(self):
        belfryd = self.waiting(5)
        belfryd.stop()
        documented.flip_bit(self.state, random.Random(1), sort=2)
        leave_mail(self)
        said = self.run_block(0)
        self.assertIn("messages", said)
        belfryd.cli("resume")
        lab.wait_for(lambda: "left" in [m.header("Subject")
                                        for m in self.sink.messages],
                     "the mail that was left")
        self.sink.wait(5)
        kept = os.listdir(self.state + ".damaged")
        self.assertEqual(sorted(kept), ["data.mdb", "generation"])


class DamagedMessage(DocCase):
    HEADING = "A damaged message"

    def ends_well(self, line, done):
        self.assertEqual(done.returncode,
                         1 if line.startswith("belfry queue export") else 0,
                         (line, done.stdout, done.stderr))

    def test(self):
        belfryd = self.waiting(2)
        body = b"".join(b"line %06d\r\n" % n for n in range(20000))
        bad = self.send(harness.message("", body=body))
        belfryd.stop()
        documented.flip_content(self.state, b"line 019999")
        belfryd.start()
        belfryd.cli("resume")
        self.sink.wait(2)
        self.wait_events(1, "corrupt", id=bad)
        self.names.append(("ID", bad))
        look, remove = range(2)
        said = self.run_block(look)
        self.assertIn("1 SET ASIDE (damaged)", said)
        self.assertIn("ben@example.net", said)
        self.assertIn("0 messages exported", said)
        self.assertIn("1 DAMAGED", said)
        out = os.path.join(belfryd.folder, "damaged")
        self.assertEqual(sorted(os.listdir(out)),
                         [f"{bad}.damaged.eml", f"{bad}.json"])
        with open(os.path.join(out, f"{bad}.damaged.eml"), "rb") as file:
            self.assertIn(b"line 010000", file.read())
        with open(os.path.join(out, f"{bad}.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["queue_name"], "corrupt")
        self.run_block(remove)
        self.assertEqual(self.queue(), [])
        self.assertEqual(len(self.sink.messages), 2)


class FullStore(DocCase):
    HEADING = "A full store"

    def prepare(self, config=None):
        belfryd = super().prepare(config)
        self.mount()
        return belfryd

    def mount(self):
        """A file system of 64 MiB, of which 51 are the reserve."""
        os.mkdir(self.state)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64M,mode=0711", "belfry-test",
             self.state], capture_output=True, text=True, check=False)
        if done.returncode:
            self.skipTest("nothing can be mounted here: "
                          + done.stderr.strip())
        self.addCleanup(self.unmount)
        give_away(self.state)

    def unmount(self):
        self.belfryd.stop()
        subprocess.run(["umount", self.state], check=True, timeout=60)

    def fill(self):
        """Until a message is refused; how many were taken. What is larger than
        these gives room back a moment later, when it is refused half-way."""
        client = self.client()
        body = (b"x" * 998 + b"\r\n") * 60
        for n in range(1000):
            code, said = client.mail("news@example.org")
            if code == 250:
                client.rcpt("ben@example.net")
                code, said = client.data(harness.message("", body=body))
            if code != 250:
                self.assertEqual((code, said[:6]), (452, b"4.3.1 "))
                # The session lives.
                self.assertEqual(client.noop()[0], 250)
                return n
        return self.fail("it never became full")

    def wait_room(self):
        lab.wait_for(lambda: "FULL" not in self.belfryd.cli("status").stdout,
                     "room")

    def test(self):
        belfryd = self.waiting(1)
        self.assertGreater(self.fill(), 50)
        look, remove, shrink = range(3)
        said = self.run_block(look)
        self.assertRegex(said, r"\(\d+ %\), 51M in reserve, FULL: mail is "
                         "refused")
        self.assertIn(self.ids[0], said)
        self.assertIn("belfry-test", said)
        self.assertEqual(belfryd.cli("status", "--check",
                                     check=False).returncode, 2)
        lab.wait_for(lambda: belfryd.events("store_full"), "its line")
        self.run_block(remove)
        self.wait_room()
        self.send()
        lab.wait_for(lambda: belfryd.events("store_room"), "its line")
        # More room for the file system is seen by itself.
        self.fill()
        subprocess.run(["mount", "-o", "remount,size=80M", self.state],
                       check=True)
        self.wait_room()
        belfryd.cli("queue", "remove", "--yes", "--from", "news@example.org")
        file = os.path.join(self.state, "data.mdb")
        before = os.stat(file).st_size
        self.run_line(self.blocks[shrink][0])
        self.names.insert(0, (self.state + ".new", belfryd.folder + "/new"))
        for line in self.blocks[shrink][1:]:
            self.run_line(line)
        self.assertLess(os.stat(file).st_size, before / 10)
        belfryd.cli("resume")
        self.sink.wait(2)
        self.wait_empty()


class Moving(DocCase):
    HEADING = "Moving a store"

    def test(self):
        belfryd = self.waiting()
        away, there = range(2)
        self.run_line(self.blocks[away][0])
        self.run_line(self.blocks[away][1])
        leave_mail(self)
        for line in self.blocks[away][2:]:
            self.run_line(line)
        belfryd.config["state_dir"] = os.path.join(belfryd.folder, "srv")
        belfryd.write_config()
        said = self.run_block(there)
        self.assertIn(": ok", said)
        for queue_id in self.ids:
            self.assertIn(queue_id, said)
        # It was moved, not put back: nothing waits for a person but our pause.
        self.assertFalse(belfryd.events("store_restored"))
        belfryd.cli("resume")
        self.sink.wait(4)
        self.wait_empty()
        self.assertFalse(os.path.exists(self.state + ".moved"))


class Hash(DocCase):
    PAGE, HEADING = "privacy.md", "The log"

    def test(self):
        self.start({"log": {"addresses": "hash"}})
        self.send()
        self.sink.wait(1)
        said = self.run_block(0).strip()
        self.wait_events(1, "accept", **{"from": said})


class Sendmail(DocCase):
    PAGE, HEADING = "sendmail.md", "sendmail"

    def programs(self):
        return {**super().programs(),
                "sendmail": [self.link, "-C", self.conf]}

    def prepare(self, config=None):
        belfryd = super().prepare(config)
        self.link = os.path.join(belfryd.folder, "sendmail")
        self.conf = os.path.join(belfryd.folder, "sendmail.conf")
        self.names = [("/usr/bin/belfry", lab.program("belfry")),
                      ("/usr/sbin/sendmail", self.link)]
        return belfryd

    def test(self):
        belfryd = self.start()
        (_, example), = documented.blocks(self.PAGE, "yaml")
        text = "\n".join(example) + "\n"
        for name in ("submit_socket", "drop_dir"):
            text = re.sub(f"(?m)^{name}: .*$", f"{name}: " + belfryd.config.get(
                name, self.state + "/drop"), text)
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write(text)
        with open(os.path.join(belfryd.folder, "message"), "w",
                  encoding="utf-8") as file:
            file.write("To: carl@example.org\n\nx\n")
        self.run_block(0)
        self.run_block(1)
        hello, second = sorted(self.sink.wait(2),
                               key=lambda m: m.recipients)
        user = pwd.getpwuid(os.geteuid()).pw_name
        self.assertEqual(hello.recipients, ["anna@example.org"])
        self.assertEqual(hello.header("Subject"), "hello")
        self.assertEqual(second.recipients, ["carl@example.org"])
        self.assertEqual(second.sender, f"{user}@example.org")


class Link(DocCase):
    """Two belfryd as the page has them, on addresses of loopback."""
    PAGE, HEADING = "link.md", "Certificates"
    ZONE = "mx.site1 A 127.0.0.21\nmx.site2 A 127.0.0.22\n"

    def setUp(self):
        super().setUp()
        if NSD is None:
            self.skipTest("nsd is not installed")
        self.nsd = Nsd({"example.org.": self.ZONE}).start()
        self.addCleanup(self.nsd.stop)
        self.port = lab.free_port()

    def certificates(self):
        """The page's commands, as on a machine that is neither."""
        self.prepare()
        self.etc = os.path.join(self.belfryd.folder, "etc")
        os.mkdir(self.etc)
        self.names = [("/etc/belfry", self.etc),
                      ("-o root -g belfry ",
                       "-o nobody " if lab.IS_ROOT else "")]
        self.run_block(0)
        self.run_block(1)
        for line in self.blocks[1]:
            self.run_line(line.replace("site1", "site2"))

    def site(self, number, sink):
        """The belfryd of a site, whose own mail goes to SINK."""
        (text,) = ("\n".join(lines) + "\n" for heading, lines in
                   documented.blocks(self.PAGE, "yaml")
                   if heading == "The first host")
        if number == 2:
            text = re.sub("site([12])", lambda m: f"site{3 - int(m[1])}", text)
        belfryd = self.prepare()
        self.configure(belfryd, text, (
            ('"127.0.0.1:25"', f'"127.0.0.1:{belfryd.smtp}"'),
            ('":26"', f'"127.0.0.2{number}:{self.port}"'),
            ("port: 26", f"port: {self.port}"),
            ("host: 10.1.0.5", f"host: 127.0.0.1, port: {sink.port}"),
            ("/etc/belfry", self.etc)))
        done = belfryd.cli("check")
        self.assertIn(": ok", done.stdout)
        return belfryd.start()

    def hand_over(self, number, sites, sinks):
        """Mail of site NUMBER to the other one, and what both log of it."""
        there = 3 - number
        self.belfryd = sites[number]
        rcpt = f"ben@site{there}.example.org"
        self.send(sender=f"anna@site{number}.example.org", to=[rcpt])
        message, = sinks[there].wait(1)
        self.assertRegex(message.header("Received"), "TLSv1.3")
        sent, = self.wait_events(1, "deliver", status="delivered",
                                 to=rcpt)
        self.assertEqual((sent["tls"], sent["verified"]), ("TLSv1.3", "yes"))
        self.belfryd = sites[there]
        shown, = self.wait_events(1, "tls")
        self.assertEqual((shown["name"], shown["certified"]),
                         (f"mx.site{number}.example.org", "yes"))
        self.wait_events(1, "accept", tls="TLSv1.3")

    def stranger(self):
        client = smtplib.SMTP("127.0.0.21", self.port, timeout=30)
        self.addCleanup(client.close)
        client.ehlo("stranger.example.org")
        self.assertEqual(client.mail("x@example.org")[0], 530)
        client.starttls()
        client.ehlo("stranger.example.org")
        client.mail("x@example.org")
        self.assertEqual(client.rcpt("ben@site1.example.org"),
                         (550, b"5.7.1 this client may not send here"))

    def test(self):
        self.certificates()
        sinks = {1: self.sink, 2: lab.Sink().start()}
        self.addCleanup(sinks[2].stop)
        sites = {n: self.site(n, sinks[n]) for n in (1, 2)}
        self.hand_over(1, sites, sinks)
        self.hand_over(2, sites, sinks)
        self.stranger()


class OpenDkim(DocCase):
    """Debian's own settings, with the tables that everybody has."""
    PAGE, HEADING = "opendkim.md", "OpenDKIM's settings"
    SETTINGS = """\
Syslog yes
SyslogSuccess yes
Canonicalization relaxed/simple
Mode sv
SubDomains no
OversignHeaders From
UserID opendkim
UMask 007
Socket inet:8891@localhost
PidFile /run/opendkim/opendkim.pid
TrustAnchorFile /usr/share/dns/root.key
KeyTable ETC/KeyTable
SigningTable refile:ETC/SigningTable
InternalHosts ETC/TrustedHosts
ExternalIgnoreList ETC/TrustedHosts
"""
    TABLES = {
        "KeyTable": "s1._domainkey.example.org example.org:s1:ETC/s1.private\n",
        "SigningTable": "*@example.org s1._domainkey.example.org\n"
                        "*@*.example.org s1._domainkey.example.org\n",
        "TrustedHosts": "127.0.0.1\n::1\nlocalhost\n10.1.0.0/16\n"}

    def test(self):
        etc = self.prepare().folder
        for name, text in {"opendkim.conf": self.SETTINGS,
                           **self.TABLES}.items():
            with open(os.path.join(etc, name), "w", encoding="utf-8") as file:
                file.write(text.replace("ETC", etc).replace(
                    "TrustAnchorFile", "#" if not os.path.exists(
                        "/usr/share/dns/root.key") else "TrustAnchorFile"))
        key = os.path.join(etc, "s1.private")
        self.belfryd.cli("dkim", "genkey", key)
        self.names += [("/etc/opendkim.conf", f"{etc}/opendkim.conf")]
        self.run_block(0)
        with open(os.path.join(etc, "opendkim.yaml"),
                  encoding="utf-8") as file:
            made = file.read()
        for part in (f"key_file: {key}", 'socket: "127.0.0.1:8891"',
                     "networks: [internal]"):
            self.assertIn(part, made)
        self.belfryd.write_config("hostname: mail.example.org\n" + made)
        self.belfryd.cli("check") # of no mistake


class Configurations(unittest.TestCase):
    """Each whole configuration that a page shows is one that belfryd takes,
    where the files are that it names below /etc/belfry; and so is each section
    `alerts`, behind a hostname."""
    VARIABLES = {"PUSHOVER_TOKEN": "t", "PUSHOVER_USER": "u"}

    def with_files(self, folder, text, users):
        """TEXT with FOLDER in place of /etc/belfry, and its files there."""
        maker = ca.CA(folder)
        for certificate, key in re.findall(
                r"certificate_file: /etc/belfry/([^\s,}]+)[\s,]+"
                r"key_file: /etc/belfry/([^\s,}]+)", text):
            pair = maker.cert("pair", "host.example.org")
            os.rename(pair["certificate_file"], maker.path(certificate))
            os.rename(pair["key_file"], maker.path(key))
        for name in re.findall(r"ca_file: /etc/belfry/([^\s,}]+)", text):
            shutil.copy(maker.file, maker.path(name))
        for name in set(re.findall(r"/etc/belfry/(dkim/[^\s,}]+)", text)):
            os.makedirs(os.path.dirname(maker.path(name)), exist_ok=True)
            subprocess.run([lab.program("belfry"), "dkim", "genkey",
                            maker.path(name)], check=True,
                           capture_output=True)
        for name in re.findall(r"/etc/belfry/([^\s,}\]]+)", text + users):
            if not os.path.exists(maker.path(name)):
                with open(maker.path(name), "w", encoding="utf-8") as file:
                    file.write(users.replace("/etc/belfry", folder)
                               if name == "users.yaml" else "{}\n")
                os.chmod(maker.path(name), 0o600)
        return text.replace("/etc/belfry", folder)

    def shown(self):
        for page in [*documented.pages(), "../contrib/postfix/README.md",
                     PROMETHEUS]:
            for _, lines in documented.blocks(page, "yaml"):
                text = "\n".join(lines) + "\n"
                if lines[0].startswith("hostname: "):
                    yield page, text
                elif "alerts:" in lines or (
                        page == PROMETHEUS and lines[0] == "http:"):
                    yield page, "hostname: mx.example.org\n" + text

    def test(self):
        shown = list(self.shown())
        self.assertGreater(len(shown), 25)
        for page, text in shown:
            with self.subTest(page=page, text=text), \
                    tempfile.TemporaryDirectory() as folder, \
                    tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                if "/etc/belfry" in text:
                    text = self.with_files(folder, text,
                                           self.users_of(page))
                file.write(text)
                file.flush()
                done = subprocess.run(
                    [lab.program("belfry"), "-c", file.name, "check"],
                    capture_output=True, text=True, timeout=60, check=False,
                    env=dict(os.environ, **self.VARIABLES))
                self.assertEqual(done.returncode, 0, done.stderr)
                if page == PROMETHEUS:
                    self.assertNotIn("warning", done.stdout + done.stderr)

    def users_of(self, page):
        """What PAGE has as /etc/belfry/users.yaml."""
        for _, lines in documented.blocks(page, "yaml"):
            if lines[0] == "# /etc/belfry/users.yaml":
                return "\n".join(lines) + "\n"
        return "{}\n"


class Complete(unittest.TestCase):
    def test_every_command_is_run(self):
        tested = {(c.PAGE, c.HEADING) for c in
                  [*DocCase.__subclasses__(),
                   *beside_page_test.Page.__subclasses__()]
                  if c is not beside_page_test.Page}
        self.assertEqual(tested, documented.headings())


if __name__ == "__main__":
    harness.main()
