"""The drop folder: what sendmail leaves while belfryd is down is taken up later,
once, and what is no message of ours does no harm."""
import os
import signal
import subprocess
import sys
import time
import unittest

import harness
import lab
from sendmail_test import FakeSubmit, SendmailCase


def drop_file(content=b"Subject: x\r\n\r\nhello\r\n", sender="anna@example.org",
              to=("ben@example.net",), size=None, version=1):
    """A file as sendmail leaves it."""
    lines = [f"belfry-drop {version}", f"sender {sender}",
             *(f"recipient {r}" for r in to),
             f"size {len(content) if size is None else size:018}", "", ""]
    return "\n".join(lines).encode() + content


class DropCase(SendmailCase):
    def prepare(self, config=None):
        belfryd = super().prepare(config)
        self.folder = os.path.join(belfryd.config["state_dir"], "drop")
        self.write_conf(origin="home.example.org")
        return belfryd

    def write_conf(self, **keys):
        keys.setdefault("drop_dir", self.folder) \
            if hasattr(self, "folder") else None
        super().write_conf(**keys)

    def make_folder(self):
        """belfryd makes it at its first start."""
        self.belfryd.start()
        self.assertEqual(self.belfryd.stop(), 0)

    def put(self, number, content=None, mode=0o640):
        """A file whose name ends in NUMBER; its path."""
        path = os.path.join(self.folder, f"{number:032x}")
        with open(path + ".tmp", "wb") as file:
            file.write(drop_file() if content is None else content)
        if lab.IS_ROOT:
            os.chown(path + ".tmp", 0, os.stat(self.folder).st_gid)
        os.chmod(path + ".tmp", mode)
        os.rename(path + ".tmp", path)
        return path

    def names(self):
        return sorted(os.listdir(self.folder))

    def wait_gone(self):
        lab.wait_for(lambda: not self.names(),
                     lambda: f"an empty folder, not {self.names()}")


class Down(DropCase):
    def test_taken_on_start(self):
        self.prepare()
        self.make_folder()
        self.assertEqual(os.stat(self.folder).st_mode & 0o7777, 0o3733)
        self.sendmail("-i", "-f", "shop@example.org", "ben@example.net",
                      "carl", text=b"Subject: x\nBcc: z@y\n\n.\n.dot\n" +
                      b"a line\n" * 30000)
        names = self.names()
        self.assertEqual(len(names), 1)
        self.assertRegex(names[0], "^[0-9a-f]{32}$")
        self.assertEqual(os.stat(os.path.join(
            self.folder, names[0])).st_mode & 0o7777, 0o640)
        self.belfryd.start()
        message = self.sink.wait(1)[0]
        self.assertEqual(message.sender, "shop@example.org")
        self.assertEqual(message.recipients,
                         ["ben@example.net", "carl@home.example.org"])
        self.assertEqual(message.header("Sender"),
                         f"<{self.login}@relay.example.org>")
        self.assertIsNone(message.header("Bcc"))
        self.assertTrue(message.content.endswith(
            b"\r\n\r\n.\r\n.dot\r\n" + b"a line\r\n" * 30000))
        self.wait_gone()
        self.wait_events(1, "drop", status="taken")

    def test_no_origin(self):
        """Then belfryd completes what has no domain."""
        self.prepare()
        self.make_folder()
        self.write_conf()
        self.sendmail("root", text="x\n")
        self.belfryd.start()
        message = self.sink.wait(1)[0]
        self.assertEqual(message.sender, f"{self.login}@relay.example.org")
        self.assertEqual(message.recipients, ["root@relay.example.org"])
        self.assertIsNone(message.header("Sender"))

    def test_dsn(self):
        self.prepare()
        self.make_folder()
        self.sendmail("-N", "never", "-R", "hdrs", "-V", "x", "ben", text="x\n")
        with open(os.path.join(self.folder, self.names()[0]), "rb") as file:
            text = file.read()
        self.assertIn(b"\nmail-parameters RET=HDRS ENVID=x\n", text)
        self.assertIn(b"\nrcpt-parameters NOTIFY=never\n", text)
        self.belfryd.start()
        self.sink.wait(1)
        self.wait_gone()

    def test_utf8(self):
        self.prepare()
        self.make_folder()
        self.sendmail("-R", "hdrs", "-f", "änne@example.org", "bén@example.net",
                      text="x\n")
        with open(os.path.join(self.folder, self.names()[0]), "rb") as file:
            self.assertIn(b"\nmail-parameters RET=HDRS SMTPUTF8\n",
                          file.read())
        self.belfryd.start()
        self.wait_events(1, "drop", status="taken")
        self.wait_gone()

    def test_utf8_returned(self):
        """Refused, and the sender's address is beyond ASCII, too."""
        self.prepare({"delivery": {"only_recipients": ["example.org"]}})
        self.make_folder()
        self.sendmail("-f", "änne@example.org", "bén@example.net", text="x\n")
        self.belfryd.start()
        self.wait_events(1, "drop", status="returned")
        self.wait_gone()

    def test_never(self):
        """Refused, and the sender wants to hear nothing of it."""
        self.prepare({"delivery": {"only_recipients": ["example.org"]}})
        self.make_folder()
        self.sendmail("-N", "never", "-f", "anna@example.org",
                      "ben@example.net", text="x\n")
        self.sendmail("-N", "delay,success", "-f", "anna@example.org",
                      "ben@example.net", text="x\n")
        self.sendmail("-N", "failure", "-V", "x y", "-f", "anna@example.org",
                      "carl@example.net", text="x\n")
        self.belfryd.start()
        self.wait_events(2, "drop", status="untold")
        self.wait_gone()
        report, = self.sink.wait(1)
        self.assertEqual(report.recipients, ["anna@example.org"])
        self.assertIn(b"carl@example.net", report.content)
        self.assertIn(b"Original-Envelope-Id: x y", report.content)

    def test_send(self):
        self.prepare()
        self.make_folder()
        done = self.belfryd.cli("send", "-", "--from", "a@b", "--to",
                                "ben@example.net", text="Subject: x\n\nx\n")
        self.assertIn("left for it in", done.stdout)
        done = self.belfryd.cli("send", "-", "--from", "a@b", "--to", "b@c",
                                "--wait", text="x\n", check=False)
        self.assertEqual(done.returncode, 69)
        self.belfryd.start()
        self.sink.wait(1)
        self.wait_gone()

    def test_send_goes_away(self):
        """As sendmail does: a pipe, too, is read again from its beginning."""
        self.prepare()
        self.make_folder()
        fake = FakeSubmit(self.belfryd.config["submit_socket"])
        self.addCleanup(fake.stop)
        for answers in ({"banner": "421 4.3.2 shutting down"},
                        {"RCPT": "close"}, {".": "close"},
                        {".": "421 4.3.2 shutting down"}):
            with self.subTest(answers):
                fake.answers = answers
                done = self.belfryd.cli(
                    "send", "-", "--from", "a@b", "--to", "ben@example.net",
                    text="Subject: x\n\nall of it\n")
                self.assertIn("left for it in", done.stdout)
                name, = self.names()
                path = os.path.join(self.folder, name)
                with open(path, "rb") as file:
                    self.assertTrue(file.read().endswith(
                        b"\n\nSubject: x\r\n\r\nall of it\r\n"))
                os.unlink(path)

    def test_nowhere(self):
        """Neither belfryd nor a folder."""
        self.prepare()
        done = self.sendmail("ben@example.net", text="x\n", status=75)
        self.assertIn(b"can't reach belfryd", done.stderr)
        self.assertIn(b"nor leave the message", done.stderr)

    def test_goes_away(self):
        """It hangs up behind the content: better twice than never."""
        self.prepare()
        self.make_folder()
        fake = FakeSubmit(self.belfryd.config["submit_socket"])
        self.addCleanup(fake.stop)
        for answers in ({"banner": "421 4.3.2 shutting down"},
                        {"RCPT": "close"}, {".": "close"}):
            with self.subTest(answers):
                fake.answers = answers
                self.sendmail("-f", "root", "ben@example.net", text="x\n")
                names = self.names()
                self.assertEqual(len(names), 1)
                os.unlink(os.path.join(self.folder, names[0]))


class Taken(DropCase):
    def setUp(self):
        super().setUp()
        self.prepare()

    def test_while_running(self):
        self.belfryd.start()
        self.put(1)
        self.assertEqual(self.sink.wait(1, timeout=10)[0].recipients,
                         ["ben@example.net"])
        self.wait_gone()

    def test_many(self):
        self.make_folder()
        for number in range(600):
            self.put(number, drop_file(to=[f"r{number}@example.net"]))
        self.belfryd.start()
        found = self.sink.wait(600)
        self.assertEqual({r for m in found for r in m.recipients},
                         {f"r{n}@example.net" for n in range(600)})
        self.wait_gone()

    def test_once(self):
        """The file is back after its message was taken, as after a crash
        between the commit and the unlink."""
        self.belfryd.start()
        self.put(1)
        self.sink.wait(1)
        self.wait_gone()
        self.put(1)
        self.wait_gone()
        self.wait_empty()
        self.assertEqual(len(self.sink.messages), 1)
        # Another content under that name is not what was taken.
        for _ in range(2):
            self.put(1, drop_file(b"Subject: other\r\n\r\nx\r\n"))
            self.wait_gone()
        self.wait_events(2, "drop", status="again")
        self.wait_empty()
        self.assertEqual([m.header("Subject") for m in self.sink.messages],
                         ["x", "other"])

    def test_bad_ones_go(self):
        self.belfryd.config["drop"] = {"keep_bad": "1s"}
        self.belfryd.write_config()
        self.belfryd.start()
        self.put(1, b"rubbish")
        bad = f"bad.{1:032x}"
        lab.wait_for(lambda: self.names() == [bad], self.names)
        path = os.path.join(self.folder, bad)
        lab.wait_for(lambda: time.time() - os.stat(path).st_ctime > 1.1,
                     "its time to be over")
        self.put(2)
        self.sink.wait(1)
        self.wait_gone()
        self.wait_events(1, "drop_bad", removed="1")

    def test_quota(self):
        self.belfryd.config["drop"] = {"messages": 50}
        self.belfryd.write_config()
        self.belfryd.start()
        for number in range(60):
            self.put(number)
        self.sink.wait(50)
        lab.wait_for(lambda: len(self.names()) == 10, self.names)
        self.wait_events(1, "drop_quota", files="50")
        if not lab.IS_ROOT:
            return
        # Others are not kept waiting by it.
        self.write_conf(submit_socket="/nonexistent")
        self.sendmail("other@example.net", text="x\n")
        self.sink.wait(51)


class Returned(DropCase):
    """What nobody can be refused any more."""

    def setUp(self):
        super().setUp()
        self.prepare({"delivery": {
            "only_recipients": ["example.net", "example.org"]}})
        self.make_folder()

    def test_recipient(self):
        self.put(1, drop_file(to=["ben@example.net", "dora@no.example.com"]))
        self.belfryd.start()
        found = {m.sender: m for m in self.sink.wait(2)}
        self.assertEqual(found["anna@example.org"].recipients,
                         ["ben@example.net"])
        report = found[""]
        self.assertEqual(report.recipients, ["anna@example.org"])
        self.assertIn(b"dora@no.example.com", report.content)
        self.assertIn(b"Status: 5.7.1", report.content)
        self.assertIn(b"\r\nSubject: x\r\n", report.content)
        self.assertNotIn(b"ben@example.net", report.content)
        self.wait_gone()
        self.wait_events(1, "drop", status="returned")

    def test_message(self):
        self.put(1, drop_file(b"Subject: x\r\n\r\na bare \n LF\r\n"))
        self.belfryd.start()
        report = self.sink.wait(1)[0]
        self.assertEqual((report.sender, report.recipients),
                         ("", ["anna@example.org"]))
        self.assertIn(b"Status: 5.6.0", report.content)
        self.wait_gone()

    def test_too_large(self):
        self.belfryd.config["limits"] = {"message_size": "64K",
                                         "header_size": "8K"}
        self.belfryd.write_config()
        self.put(1, drop_file(b"Subject: x\r\n\r\n" + b"x\r\n" * 100000))
        self.belfryd.start()
        self.assertIn(b"Status: 5.3.4", self.sink.wait(1)[0].content)
        self.wait_gone()

    def test_told_once(self):
        """The file is back after its report was taken, as after a crash."""
        self.belfryd.start()
        refused = drop_file(to=["dora@no.example.com"])
        for times in (1, 2):
            # The date of a report has seconds.
            lab.wait_for(lambda: int(time.time()) % 2 == times % 2, "a date")
            self.put(1, refused)
            self.wait_events(times, "drop", status="returned")
            self.wait_gone()
        self.wait_empty()
        self.assertEqual(len(self.sink.messages), 1)

    def test_nobody_to_tell(self):
        self.put(1, drop_file(sender="", to=["x@no.example.com"]))
        self.put(2, drop_file(sender="x@no.example.com",
                              to=["x@no.example.com"]))
        self.belfryd.start()
        lab.wait_for(lambda: self.names() == [f"bad.{n:032x}"
                                              for n in (1, 2)], self.names)
        self.wait_events(2, "drop", status="bad")

    def test_full(self):
        """It stays and is tried again."""
        self.belfryd.config["store"]["max_size"] = "16M"
        self.belfryd.config["limits"] = {"message_size": "7M"}
        self.belfryd.config["delivery"].update(harness.SOON["delivery"])
        self.belfryd.write_config()
        self.sink.stop()
        body = b"Subject: x\r\n\r\n" + b"x" * 60 + b"\r\n"
        for number in range(6):
            self.put(number, drop_file(body + (b"y" * 62 + b"\r\n") * 60000))
        self.belfryd.start()
        lab.wait_for(lambda: self.belfryd.events("drop", status="kept"),
                     "a file that stays")
        self.assertTrue(self.names())
        # What fits is not kept waiting by what does not.
        small = os.path.basename(self.put(9))
        self.wait_events(1, "drop", file=small, status="taken")
        self.assertTrue(self.names())
        self.sink.start()
        self.sink.wait(7, timeout=120)
        self.wait_gone()


class Parts(DropCase):
    """More recipients than one message may have, once aliases are expanded."""

    def setUp(self):
        super().setUp()
        self.prepare({"aliases": {
            f"team{t}": [f"t{t}-{n}@example.net"
                                     for n in range(900)] for t in range(3)},
                      "delivery": {"only_recipients": [
                          "example.net", "example.org", "relay.example.org"]}})
        self.make_folder()

    def found(self, sender):
        return sorted(r for m in self.sink.messages if m.sender == sender
                      for r in m.recipients)

    def test_parts(self):
        members = [f"t{t}-{n}@example.net" for t in range(3)
                   for n in range(900)]
        no = ["dora@no.example.com", "eva@no.example.com"]
        content = b"Subject: x\r\n\r\n" + b"a line\r\n" * 30000
        file = drop_file(content, to=[
            no[0], *(f"team{t}@relay.example.org" for t in range(3)), no[1]])
        self.put(1, file)
        self.put(2)
        self.belfryd.start()
        self.wait_gone()
        self.wait_empty()
        self.assertEqual(self.found("anna@example.org"),
                         sorted(["ben@example.net", *members]))
        self.wait_events(1, "drop", status="part")
        self.wait_events(1, "drop", status="returned")
        report, = [m for m in self.sink.messages if m.sender == ""]
        for one in no:
            self.assertIn(one.encode(), report.content)
        self.assertNotIn(b"team0@", report.content)
        for message in self.sink.messages:
            if {members[0], members[-1]} & set(message.recipients):
                self.assertTrue(message.content.endswith(content[14:]))
        # Back again, as after a crash before the unlink: none comes twice.
        count = len(self.sink.messages)
        self.put(1, file)
        self.wait_events(2, "drop", status="returned")
        self.wait_gone()
        self.wait_empty()
        self.assertEqual(len(self.sink.messages), count)


class Changed(DropCase):
    """The configuration is another one when the file is taken up again, as
    after a crash before the unlink."""

    def setUp(self):
        super().setUp()
        self.prepare({"limits": {"recipients": 4}, "aliases": {
            "team": ["ben@example.net"]}})
        self.belfryd.start()

    def take(self, file, times=1, status="taken", **keys):
        self.belfryd.config.update(keys)
        self.belfryd.write_config()
        if keys:
            count = len(self.belfryd.events("reload"))
            self.belfryd.signal(signal.SIGHUP)
            self.wait_events(count + 1, "reload")
        self.put(1, file)
        self.wait_events(times, "drop", status=status)
        self.wait_gone()
        self.wait_empty()
        return sorted(r for m in self.sink.messages if m.sender != ""
                      for r in m.recipients)

    def test_limit(self):
        to = sorted(f"r{n}@example.net" for n in range(10))
        file = drop_file(to=to)
        self.assertEqual(self.take(file), to)
        self.assertEqual(self.take(file, 2, limits={"recipients": 100}), to)
        self.assertEqual(self.belfryd.events("drop", status="bad"), [])

    def test_alias(self):
        """Better twice than never; and whoever is new gets it, too."""
        file = drop_file(to=["team@relay.example.org"])
        self.assertEqual(self.take(file), ["ben@example.net"])
        names = ["ben@example.net", "carl@example.net"]
        for times in (2, 3):
            self.assertEqual(self.take(file, times, aliases={
                "team": names}), sorted([names[0], *names]))
        self.wait_events(2, "drop", status="again")

    def test_refused(self):
        """More are refused now: a report tells of all of them."""
        file = drop_file(to=["ben@example.net", "carl@no.example.com",
                             "dora@not.example.com"])
        here = ["example.net", "example.org", "not.example.com"]
        delivery = dict(self.belfryd.config.get("delivery", {}))
        for times, domains in ((1, here), (2, here[:2])):
            self.take(file, times, "returned", delivery={
                **delivery, "only_recipients": domains})
        self.assertIn(b"dora@not.example.com", [
            m for m in self.sink.messages if m.sender == ""][1].content)


class Hostile(DropCase):
    def setUp(self):
        super().setUp()
        self.prepare()
        self.make_folder()

    def path(self, number):
        return os.path.join(self.folder, f"{number:032x}")

    def test_what_is_no_file(self):
        secret = os.path.join(self.belfryd.folder, "secret")
        with open(secret, "wb") as file:
            file.write(drop_file())
        os.symlink(secret, self.path(1))
        os.symlink("/dev/zero", self.path(2))
        os.symlink("nowhere", self.path(3))
        os.mkfifo(self.path(4))
        os.mkdir(self.path(5))
        with open(os.path.join(self.folder, "x"), "wb") as file:
            file.write(drop_file())
        os.mkdir(os.path.join(self.folder, "bad.x"))
        if lab.IS_ROOT:
            os.mknod(self.path(6), 0o20666, os.makedev(1, 5))
        before = self.names()
        self.belfryd.start()
        self.put(9)
        self.sink.wait(1)
        lab.wait_for(lambda: self.names() == before, self.names)
        self.wait_events(1, "drop_odd", entries=str(len(before) - 1))
        self.wait_empty()
        self.assertEqual(len(self.sink.messages), 1)

    def test_what_is_no_message(self):
        good = drop_file()
        rows = [b"", b"\0" * 70000, b"From: a@b\r\n\r\nx\r\n", good[:40],
                good[:-1], good + b"x", drop_file(size=1),
                drop_file(version=2), drop_file(to=[]),
                drop_file(to=["a@b"] * 1001), b"x" * 2000000,
                drop_file(sender="a\x01b"), drop_file(sender="x" * 2000),
                good.replace(b"sender", b"Sender"),
                good.replace(b"\n\nS", b"\nS")]
        for number, row in enumerate(rows):
            self.put(number, row)
        self.put(100, drop_file(sender="a b> SIZE=1"))
        self.put(101)
        os.link(self.path(101), os.path.join(self.belfryd.folder, "other"))
        with open(self.path(102), "wb") as file:
            os.chmod(file.fileno(), 0o640)
            file.truncate(1 << 40)
        with open(self.path(103), "wb") as file:
            file.write(drop_file(b"", size=1 << 40))
            file.truncate((1 << 40) + len(drop_file(b"")))
        if lab.IS_ROOT:
            for number in (102, 103):
                os.chown(self.path(number), 0, os.stat(self.folder).st_gid)
        self.belfryd.start()
        self.put(200)
        self.sink.wait(1)
        expected = {f"bad.{n:032x}" for n in
                    [*range(len(rows)), 100, 101, 102]}
        lab.wait_for(lambda: expected <= set(self.names()),
                     lambda: str(expected - set(self.names())))
        # A good envelope, and too much behind it: its sender hears of it.
        self.assertIn("", [m.sender for m in self.sink.wait(2)])
        self.assertEqual({m.sender for m in self.sink.messages},
                         {"", "anna@example.org"})
        self.assertEqual(len(self.sink.messages), 2)

    @unittest.skipUnless(lab.IS_ROOT, "root makes what others can't read")
    def test_unreadable(self):
        path = self.put(1, mode=0o600)
        self.belfryd.start()
        self.wait_events(1, "drop", status="kept")
        self.assertEqual(self.names(), [os.path.basename(path)])

    @unittest.skipUnless(lab.IS_ROOT, "root makes what others can't read")
    def test_status_shows_what_stays(self):
        self.put(1, mode=0o600)
        self.put(2, b"rubbish")
        os.mkdir(os.path.join(self.folder, "stray"))
        self.belfryd.start()
        self.wait_events(1, "drop", status="kept")
        lab.wait_for(lambda: f"bad.{2:032x}" in self.names(), self.names)
        self.put(3)  # it looks again
        lab.wait_for(lambda: self.belfryd.api("GET", "status")["drop"] ==
                     {"bad": 1, "kept": 1, "odd": 1}, "what stays")
        done = self.belfryd.cli("status", "--check", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("drop folder", done.stdout)
        self.assertIn("1 not taken yet, 1 set aside as bad",
                      self.belfryd.cli("status").stdout)

    def test_of_another(self):
        """Who moves a file into the folder need not own it."""
        bad = [1]
        self.put(1, mode=0o666)
        if lab.IS_ROOT:
            bad += [2, 3]
            for number, mode in ((2, 0o666), (3, 0o644)):
                path = os.path.join(self.belfryd.folder, "another")
                with open(path, "wb") as file:
                    file.write(drop_file())
                os.chown(path, 0, os.stat(self.folder).st_gid + 1)
                os.chmod(path, mode)
                os.rename(path, self.path(number))
        self.belfryd.start()
        self.put(9)
        self.sink.wait(1)
        lab.wait_for(lambda: self.names() == [f"bad.{n:032x}" for n in bad],
                     self.names)
        self.wait_events(len(bad), "drop", status="bad")
        self.wait_empty()
        self.assertEqual(len(self.sink.messages), 1)

    def test_stale(self):
        path = self.path(1) + ".tmp"
        for age, number in ((25 * 3600, 1), (3600, 2)):
            path = self.path(number) + ".tmp"
            with open(path, "wb") as file:
                file.write(b"half")
            when = time.time() - age
            os.utime(path, (when, when))
        self.belfryd.start()
        lab.wait_for(lambda: self.names() == [os.path.basename(path)],
                     self.names)

    def test_changing(self):
        """Somebody goes on writing: it is taken as it is at some time, whole,
        or not at all."""
        path = self.put(1, drop_file(b"Subject: x\r\n\r\n" + b"a" * 62 +
                                     b"\r\n"))
        writer = subprocess.Popen(
            [sys.executable, "-c",
             "import os, sys, time\n"
             f"fd = os.open({path!r}, os.O_WRONLY)\n"
             "print('x', flush=True)\n"
             "while True: os.pwrite(fd, b'b', os.fstat(fd).st_size - 3)\n"],
            stdout=subprocess.PIPE)
        try:
            writer.stdout.readline()
            self.belfryd.start()
            lab.wait_for(lambda: self.belfryd.events("drop"), "a decision")
        finally:
            writer.kill()
            writer.wait()
            writer.stdout.close()
        for message in self.sink.messages:
            self.assertRegex(message.content,
                             rb"\r\n\r\na{61}[ab]\r\n$")


if __name__ == "__main__":
    harness.main()
