"""`sendmail` as the programs call it that send mail: each as a user without
rights, through the submit socket of a running belfryd."""
import os
import pwd
import shutil
import smtplib
import socket
import subprocess
import threading
import unittest

import harness
import lab

USER = "games" # any account that may do nothing


class SendmailCase(harness.Case):
    def prepare(self, config=None):
        belfryd = super().prepare(config)
        self.program = lab.copy_program(
            "belfry", os.path.join(belfryd.folder, "sendmail"))
        self.conf = os.path.join(belfryd.folder, "sendmail.conf")
        self.write_conf(origin="home.example.org")
        return belfryd

    def write_conf(self, **keys):
        keys.setdefault("submit_socket", self.belfryd.config["submit_socket"])
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write(lab.yaml(keys).lstrip("\n") + "\n")

    @property
    def login(self):
        return USER if lab.IS_ROOT else pwd.getpwuid(os.geteuid()).pw_name

    def run_as_user(self, command, text, **options):
        """COMMAND by the user without rights, not by root."""
        if lab.IS_ROOT:
            # Nor does that user see what the sanitizer's options name.
            env = dict(options.get("env") or os.environ)
            env.pop("TSAN_OPTIONS", None)
            options.update(user=USER, group=USER, extra_groups=[], env=env)
        text = text.encode() if isinstance(text, str) else text
        return subprocess.run(
            command, input=text, capture_output=True, timeout=60, check=False,
            cwd="/", **options)

    def sendmail(self, *options, text="", status=0, **more):
        done = self.run_as_user(
            [self.program, "-C", self.conf, *options], text, **more)
        self.assertEqual(done.returncode, status, done.stderr.decode())
        return done

    def sent(self, *options, text):
        """The one message that came of it."""
        before = len(self.sink.messages)
        self.sendmail(*options, text=text)
        return self.sink.wait(before + 1)[before]


class Callers(SendmailCase):
    def setUp(self):
        super().setUp()
        self.start()

    def test_cron(self):
        """Debian's cron, output with a progress bar and a NUL in it."""
        message = self.sent(
            "-i", "-FCronDaemon", "-B8BITMIME", "-oem", "root",
            text=b"From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@h> "
                 b"backup\nMIME-Version: 1.0\n\n10%\r50%\r100%\n.\n\x00end\n")
        self.assertEqual(message.recipients, ["root@home.example.org"])
        self.assertEqual(message.sender, f"{self.login}@home.example.org")
        self.assertEqual(message.header("From"),
                         "root@home.example.org (Cron Daemon)")
        self.assertEqual(message.header("To"), "root@home.example.org")
        self.assertTrue(message.content.endswith(
            b"\r\n\r\n10% 50% 100%\r\n.\r\n end\r\n"), message.content)

    def test_cronie(self):
        message = self.sent(
            "-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t", "-f", "root",
            text="From: \"(Cron Daemon)\" <root>\nTo: anna@example.net\n"
                 "Subject: x\n\nout\n")
        self.assertEqual(message.sender, "root@home.example.org")
        self.assertEqual(message.recipients, ["anna@example.net"])
        self.assertEqual(message.header("From"),
                         '"(Cron Daemon)" <root@home.example.org>')
        # The kernel knows who it was.
        self.assertEqual(message.header("Sender"),
                         f"<{self.login}@relay.example.org>")

    def test_php(self):
        """mail(): headers end in CRLF, the body's lines in LF."""
        message = self.sent(
            "-t", "-i", "-fshop@example.org",
            text="To: Ben <ben@example.net>\r\nSubject: order\r\n"
                 "Bcc: boss@example.net\r\nFrom: shop@example.org\r\n"
                 "X-PHP-Originating-Script: 33:a.php\r\n\r\nline\n.\nmore\n")
        self.assertEqual(message.sender, "shop@example.org")
        self.assertEqual(sorted(message.recipients),
                         ["ben@example.net", "boss@example.net"])
        self.assertIsNone(message.header("Bcc"))
        self.assertTrue(message.content.endswith(b"\r\nline\r\n.\r\nmore\r\n"))

    def test_mutt(self):
        message = self.sent(
            "-oem", "-oi", "-f", "anna@example.org", "--", "ben@example.net",
            "carl@example.net", text="From: Anna <anna@example.org>\n"
            "To: ben@example.net\nBcc: carl@example.net\n\nhello\n")
        self.assertEqual(message.recipients,
                         ["ben@example.net", "carl@example.net"])
        self.assertIsNone(message.header("Bcc"))

    def test_closed_input(self):
        """Not an empty message."""
        done = self.run_as_user(["sh", "-c", 'exec "$@" <&-', "sh",
                                 self.program, "-C", self.conf, "a@b.example"],
                                None)
        self.assertEqual(done.returncode, os.EX_IOERR)
        self.assertEqual(self.queue(), [])
        self.assertEqual(self.sink.messages, [])
        done = subprocess.run(
            ["sh", "-c", 'exec "$@" <&-', "sh", lab.program("belfry"), "-c",
             self.belfryd.config_file, "send", "-", "--from", "a@b.example",
             "--to", "c@d.example"], capture_output=True, check=False)
        self.assertIn(b"nothing was submitted", done.stderr)
        self.assertNotEqual(done.returncode, 0)

    def test_mailx(self):
        """No From, recipients with commas, a dot ends it."""
        message = self.sent("ben@example.net, Carl <carl@example.net>", "dora",
                            text="Subject: x\n\nhello\n.\nnever seen\n")
        self.assertEqual(message.recipients,
                         ["ben@example.net", "carl@example.net",
                          "dora@home.example.org"])
        self.assertIn(f"{self.login}@home.example.org",
                      message.header("From"))
        self.assertTrue(message.content.endswith(b"\r\n\r\nhello\r\n"))
        self.assertIsNotNone(message.header("Date"))
        self.assertIsNotNone(message.header("Message-ID"))

    def test_echo(self):
        """No header at all."""
        message = self.sent("-f", "", "-F", "It's me", "ben@example.net",
                            text="just text: really\nmore")
        self.assertEqual(message.sender, "")
        self.assertEqual(message.header("From"),
                         "MAILER-DAEMON@home.example.org")
        self.assertTrue(message.content.endswith(
            b"\r\n\r\njust text: really\r\nmore\r\n"), message.content)

    def test_resent(self):
        """mutt's bounce with -t: the new recipients, not the old ones."""
        message = self.sent(
            "-t", text="Resent-From: me@example.org\nResent-To: new@example.net"
            "\nFrom: old@example.org\nTo: old@example.net\n\nx\n")
        self.assertEqual(message.recipients, ["new@example.net"])

    def test_smtp(self):
        """-bs: Python's smtplib as the mail program at the other end."""
        ours, theirs = socket.socketpair()
        options = {"user": USER, "group": USER, "extra_groups": []} \
            if lab.IS_ROOT else {}
        process = subprocess.Popen(
            [self.program, "-C", self.conf, "-bs"], stdin=theirs,
            stdout=theirs, cwd="/", **options)
        theirs.close()
        client = smtplib.SMTP()
        client.sock, client.file = ours, None
        self.addCleanup(client.close)
        self.assertEqual(client.getreply()[0], 220)
        client.ehlo("localhost")
        client.sendmail("anna@example.org", ["ben@example.net"],
                        "Subject: x\r\n\r\n.hello\r\n")
        client.quit()
        self.assertEqual(process.wait(30), 0)
        message = self.sink.wait(1)[0]
        self.assertEqual(message.header("Sender"),
                         f"<{self.login}@relay.example.org>")
        self.assertIn(b"\r\n.hello\r\n", message.content)

    def test_large(self):
        body = (b"0123456789" * 7 + b"\n") * 40000
        message = self.sent("-i", "ben@example.net",
                            text=b"Subject: x\n\n" + body)
        self.assertTrue(message.content.endswith(
            b"\r\n\r\n" + body.replace(b"\n", b"\r\n")))

    def test_verbose(self):
        said = self.sendmail("-v", "ben@example.net", text="x\n").stderr
        self.assertIn(b"queued as ", said)

    @harness.need("git")
    def test_git_send_email(self):
        if not os.path.exists(os.path.join(subprocess.check_output(
                ["git", "--exec-path"], text=True).strip(),
                "git-send-email")) or subprocess.call(
                    ["perl", "-MMail::Address", "-e", "1"],
                    stderr=subprocess.DEVNULL):
            self.skipTest("git send-email is not installed")
        folder = os.path.join(self.belfryd.folder, "repo")
        os.mkdir(folder)
        os.chmod(folder, 0o777)
        patch = os.path.join(folder, "0001.patch")
        with open(patch, "w", encoding="utf-8") as file:
            file.write("From 0123456789012345678901234567890123456789 Mon Sep "
                       "17 00:00:00 2001\nFrom: Anna <anna@example.org>\n"
                       "Date: Thu, 1 Jan 2026 00:00:00 +0000\n"
                       "Subject: [PATCH] x\n\nbody\n---\n a | 1 +\n")
        wrapper = os.path.join(folder, "sendmail")
        with open(wrapper, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\nexec {self.program} -C {self.conf} "
                       "\"$@\"\n")
        os.chmod(wrapper, 0o755)
        done = self.run_as_user(
            ["git", "send-email", f"--smtp-server={wrapper}", "--quiet",
             "--from=Anna <anna@example.org>", "--to=ben@example.net",
             "--cc=carl@example.net", "--confirm=never", "--suppress-cc=all",
             patch], "", env={"HOME": folder, "PATH": os.environ["PATH"],
                              "GIT_CONFIG_NOSYSTEM": "1",
                              "EMAIL": "anna@example.org"})
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        message = self.sink.wait(1)[0]
        self.assertEqual(message.recipients,
                         ["ben@example.net", "carl@example.net"])
        self.assertEqual(message.header("Subject"), "[PATCH] x")

    def test_utf8(self):
        """To an address beyond ASCII; the sink can't, so it comes back."""
        self.sendmail("-f", "anna@example.org", "bén@example.net", text="x\n")
        report = self.sink.wait(1)[0]
        self.assertEqual(report.recipients, ["anna@example.org"])
        self.assertIn(b"5.6.7", report.content)

    def test_never(self):
        """-N never: nobody is told of what fails."""
        for wish, told in (("never", 0), ("success", 0), ("failure", 1)):
            self.sendmail("-N", wish, "-f", "anna@example.org",
                          "bén@example.net", text="x\n")
            self.wait_empty()
            self.assertEqual(len(self.sink.messages), told, wish)

    def test_called_by_path(self):
        """`belfry sendmail` with the operator's file."""
        self.belfryd.cli("sendmail", "-t", text="To: root\n\nx\n")
        self.assertEqual(self.sink.wait(1)[0].recipients,
                         ["root@relay.example.org"])


class FakeSubmit:
    """A submit socket that says what a test wants: `answers` by verb, "close"
    hangs up. What it heard is in `heard`."""

    def __init__(self, path):
        self.answers, self.heard = {}, []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(path)
        os.chmod(path, 0o666)
        self.socket.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer = self.socket.accept()[0]
            except OSError:
                return
            try:
                with peer, peer.makefile("rwb") as file:
                    self.talk(file)
            except OSError:
                pass # sendmail hung up

    def say(self, file, verb, usual):
        text = self.answers.get(verb, usual)
        if text != "close":
            file.write(text.encode() + b"\r\n")
            file.flush()
        return text != "close"

    def talk(self, file):
        goes_on = self.say(file, "banner", "220 fake.example.org ESMTP Belfry")
        while goes_on:
            line = file.readline().decode()
            verb = line.split(" ")[0].strip()
            if not line or verb == "QUIT":
                return
            self.heard.append(line.strip())
            usual = {"DATA": "354 go on", "EHLO": "250-fake.example.org\r\n"
                     "250-DSN\r\n250 ENHANCEDSTATUSCODES"}
            goes_on = self.say(file, verb, usual.get(verb, "250 2.0.0 ok"))
            if goes_on and verb == "DATA" and "DATA" not in self.answers:
                while file.readline() not in (b".\r\n", b""):
                    pass
                goes_on = self.say(file, ".", "250 2.0.0 queued as X")

    def stop(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class Answers(SendmailCase):
    """What it says to belfryd, and what belfryd's answers mean."""

    def setUp(self):
        super().setUp()
        self.prepare()
        self.fake = FakeSubmit(self.belfryd.config["submit_socket"])
        self.addCleanup(self.fake.stop)

    def test_dsn(self):
        self.sendmail("-N", "delay,FAILURE", "-R", "hdrs", "-V", "a b+c",
                      "-f", "a@b", "c@d", text="x\n")
        self.assertEqual(self.fake.heard[1:3], [
            "MAIL FROM:<a@b> RET=HDRS ENVID=a+20b+2Bc",
            "RCPT TO:<c@d> NOTIFY=delay,FAILURE"])

    def test_utf8(self):
        """An address beyond ASCII needs SMTPUTF8, a domain does not."""
        self.fake.answers["EHLO"] = ("250-fake.example.org\r\n250-SMTPUTF8\r\n"
                                     "250 DSN")
        rows = [
            (["-f", "a@b", "ben@münchen.example"],
             ["MAIL FROM:<a@b>", "RCPT TO:<ben@xn--mnchen-3ya.example>"]),
            (["-f", "a@b", "c@d", "bén@example.net"],
             ["MAIL FROM:<a@b> SMTPUTF8", "RCPT TO:<c@d>",
              "RCPT TO:<bén@example.net>"]),
            (["-f", "änne@example.org", "-R", "hdrs", "c@d"],
             ["MAIL FROM:<änne@example.org> RET=HDRS SMTPUTF8",
              "RCPT TO:<c@d>"]),
        ]
        for options, said in rows:
            with self.subTest(options):
                self.fake.heard.clear()
                self.sendmail(*options, text="x\n")
                self.assertEqual(self.fake.heard[1:-1], said)

    def test_no_dsn(self):
        self.fake.answers["EHLO"] = "250 fake.example.org"
        self.sendmail("-N", "never", "-R", "full", "-V", "x", "-f", "a@b",
                      "c@d", text="x\n")
        self.assertEqual(self.fake.heard[1:3],
                         ["MAIL FROM:<a@b>", "RCPT TO:<c@d>"])

    def test_origin(self):
        """Without one of its own belfryd completes."""
        self.write_conf()
        self.sendmail("-f", "root", "anna", text="x\n")
        self.assertEqual(self.fake.heard[1:3], [
            "MAIL FROM:<root>", "RCPT TO:<anna>"])

    def test_statuses(self):
        rows = [
            ({"RCPT": "550 5.1.1 nobody"}, 67, "ben@example.net: 550 5.1.1"),
            ({"RCPT": "550 5.7.1 not you"}, 69, "550 5.7.1 not you"),
            ({"RCPT": "451 4.2.0 later"}, 75, "451 4.2.0 later"),
            ({"RCPT": "452 4.5.3 too many"}, 69, "452 4.5.3 too many"),
            ({"MAIL": "550 5.7.1 not you"}, 69, "550 5.7.1 not you"),
            ({"MAIL": "452 4.3.1 full"}, 75, "452 4.3.1 full"),
            ({"DATA": "451 4.3.0 later"}, 75, "DATA: 451"),
            ({".": "554 5.6.0 no"}, 65, "the message: 554 5.6.0 no"),
            ({".": "452 4.3.1 full"}, 75, "the message: 452"),
            ({"EHLO": "502 5.5.1 no"}, 76, "EHLO: 502"),
            ({"EHLO": "rubbish"}, 75, "an answer that is not SMTP"),
        ]
        for answers, status, says in rows:
            with self.subTest(answers):
                self.fake.answers = answers
                done = self.sendmail("ben@example.net", text="x\n",
                                     status=status)
                self.assertIn(says.encode(), done.stderr)

    def test_every_refusal(self):
        """Several recipients: all that are refused are named."""
        self.fake.answers = {"RCPT": "550 5.1.1 nobody"}
        done = self.sendmail("a@b", "c@d", text="x\n", status=67)
        self.assertIn(b"a@b: 550", done.stderr)
        self.assertIn(b"c@d: 550", done.stderr)
        self.assertNotIn("DATA", self.fake.heard)

    def test_hangs_up(self):
        """After a refusal: that is not being gone, the caller is told."""
        usual = self.fake.say
        for last in ("421 4.7.0 too many errors", "close"):
            with self.subTest(last):
                verbs = iter(["550 5.1.1 nobody", last])
                self.fake.say = lambda file, verb, text: (
                    self.say_next(usual, file, verb, text, verbs))
                done = self.sendmail("a@b", "c@d", "e@f", text="x\n",
                                     status=67)
                self.assertIn(b"a@b: 550", done.stderr)

    def say_next(self, usual, file, verb, text, verbs):
        if verb == "RCPT":
            self.fake.answers["RCPT"] = next(verbs)
        return usual(file, verb, text)


class Refused(SendmailCase):
    """How it ends when nothing is sent."""

    def check(self, status, says, *options, text="Subject: x\n\nx\n"):
        done = self.sendmail(*options, text=text, status=status)
        self.assertIn(says.encode(), done.stderr)
        self.assertTrue(done.stderr.startswith(b"sendmail: "), done.stderr)

    def test_wrong(self):
        self.start()
        self.check(64, "no recipient")
        self.check(64, "only -bm, -bp and -bs", "-bd")
        self.check(64, "only -q by itself", "-q30m")
        self.check(64, "no recipients with", "-bp", "ben")
        self.check(64, "never, or some of", "-N", "sometimes", "ben")
        self.check(64, "full or hdrs", "-R", "some", "ben")
        self.check(64, "invalid option", "-Z", "ben")
        self.check(64, "a..b@c is no address", "a..b@c")
        self.check(64, "the sender a b is no address", "-f", "a b", "ben")
        self.check(65, "no recipient in To, Cc and Bcc", "-t")
        self.check(65, "To: words that are no address", "-t",
                   text="To: Anna Smith\n\nx\n")
        self.check(65, "552 5.3.4 header too big", "ben@example.net",
                   text="X: y\n" * 60000 + "\nx\n")
        self.check(65, "the header is too large", "ben@example.net",
                   text="X: y\n" * 300000)
        self.write_conf(socket="/x")
        done = self.sendmail("ben@example.net", text="x\n", status=78)
        self.assertIn(b"unknown key", done.stderr)
        self.assertEqual(self.queue(), [])

    def test_refused(self):
        self.start({"delivery": {"only_recipients": ["example.net"]}})
        self.check(69, "ben@example.com: 550 5.7.1", "ben@example.com",
                   "anna@example.net")
        self.assertEqual(self.queue(), [])
        self.assertEqual(self.sink.messages, [])

    def test_down(self):
        self.prepare()
        self.check(75, "can't reach belfryd", "ben@example.net")
        done = self.sendmail("-bs", status=75)
        self.assertTrue(done.stdout.startswith(b"421 "), done.stdout)

    def test_spool(self):
        """Where no temporary file can be written."""
        self.start()
        message = self.sendmail("ben@example.net", text="x\n",
                                env={"TMPDIR": "/proc"})
        self.assertEqual(message.stderr, b"")


class Queue(SendmailCase):
    def setUp(self):
        super().setUp()
        self.sink.script = lambda verb, argument: (
            "451 4.2.0 not now" if verb == "RCPT" else None)
        self.start({"delivery": {"retry": {"first": "1h", "max": "1h"}}})

    def as_operator(self, *options):
        return self.belfryd.cli("sendmail", *options, check=False)

    def test_list_and_flush(self):
        self.assertEqual(self.as_operator("-bp").stdout,
                         "Mail queue is empty\n")
        self.sendmail("-f", "anna@example.org", "ben@example.net",
                      "carl@example.net", text="x\n")
        self.wait_events(2, "deliver", status="deferred")
        row = self.queue()[0]
        lines = self.as_operator("-bp").stdout.splitlines()
        self.assertEqual(lines[0], "----Queue ID----- --Size-- ---Arrival "
                         "Time---- --Sender/Recipient------")
        self.assertRegex(lines[1], rf"^{row['queue_id']}     +"
                         rf"{row['message_size']} \w{{3}} \w{{3}} [ \d]\d "
                         r"\d\d:\d\d:\d\d anna@example\.org$")
        self.assertRegex(lines[2], r"^ *\(.*451 4\.2\.0 not now.*\)$")
        self.assertEqual(lines[3], " " * 47 + "ben@example.net")
        self.assertEqual(lines[4], " " * 47 + "carl@example.net")
        self.assertEqual(lines[-1], "-- 0 Kbytes in 1 Request.")
        self.sink.script = lambda verb, argument: None
        done = self.as_operator("-q", "-v")
        self.assertEqual((done.returncode, done.stderr),
                         (0, "1 message tried now\n"))
        self.sink.wait(1)
        self.wait_empty()

    def test_flush_where_the_next_hop_was_down(self):
        self.sink.stop()
        for _ in range(2):
            self.sendmail("-f", "anna@example.org", "ben@example.net",
                          text="x\n")
        self.wait_events(1, "destination_down")
        lab.wait_for(lambda: {m["queue_name"] for m in self.queue()} ==
                     {"deferred"}, self.queue)
        self.assertNotIn("*", self.as_operator("-bp").stdout)
        self.sink = lab.Sink(port=self.sink.port).start()
        self.addCleanup(self.sink.stop)
        self.as_operator("-q")
        self.sink.wait(2)
        self.wait_empty()

    @unittest.skipUnless(lab.IS_ROOT, "only root can become somebody else")
    def test_not_allowed(self):
        belfry = os.path.join(self.belfryd.folder, "belfry")
        shutil.copy(self.program, belfry)
        for option in ("-bp", "-q"):
            done = self.run_as_user(
                [belfry, "-c", self.belfryd.config_file, "sendmail", option],
                "")
            self.assertEqual(done.returncode, 77, done.stderr)
            self.assertIn(b"not allowed to use", done.stderr)


if __name__ == "__main__":
    harness.main()
