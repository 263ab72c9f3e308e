"""Messages that end on this machine: in Maildirs and programs, or with an LMTP
server. The last argument: how often kills come under load (5)."""
import collections
import mailbox
import os
import signal
import subprocess
import time

import harness
import lab


class Maildir(harness.Case):
    def start_with_boxes(self, path="boxes/{local}", config=None):
        """The folder for boxes lies beside the state and is the daemon's."""
        belfryd = self.prepare(config)
        boxes = os.path.join(belfryd.folder, "boxes")
        os.mkdir(boxes, 0o700)
        if lab.IS_ROOT:
            os.chown(boxes, os.stat(belfryd.folder).st_uid, -1)
        belfryd.config["routes"] = [{
            "match": "inner.example", "deliver": "maildir",
            "path": os.path.join(belfryd.folder, path)}]
        belfryd.write_config()
        belfryd.start()
        return boxes

    def test_delivers(self):
        boxes = self.start_with_boxes()
        queue_id = self.send(to=["Anna+list@inner.example",
                                 "ben@inner.example", "c@example.net"])
        self.wait_empty()
        self.sink.wait(1)
        self.assertEqual(sorted(os.listdir(boxes)), ["anna", "ben"])
        for name, to in (("anna", "Anna+list@inner.example"),
                         ("ben", "ben@inner.example")):
            folder = os.path.join(boxes, name)
            self.assertEqual(os.stat(folder).st_mode & 0o7777, 0o700)
            (file,) = os.listdir(os.path.join(folder, "new"))
            path = os.path.join(folder, "new", file)
            self.assertRegex(file, rf"^\d+\.M\d+Q{queue_id}_\d\.relay\."
                             rf"example\.org,S={os.path.getsize(path)}$")
            with open(path, "rb") as opened:
                content = opened.read()
            self.assertTrue(content.startswith(
                b"Return-Path: <anna@example.org>\nDelivered-To: "
                + to.encode() + b"\nReceived: "), content[:200])
            self.assertTrue(content.endswith(b"\n\nhello\n"))
            self.assertNotIn(b"\r", content)
            self.assertEqual(os.listdir(os.path.join(folder, "tmp")), [])
        (line,) = self.wait_events(1, "deliver", to="ben@inner.example")
        self.assertEqual(line["status"], "delivered")
        self.assertTrue(line["relay"].endswith("/boxes/ben"))
        self.assertEqual(self.belfryd.metric(
            "belfry_deliveries_total", agent="maildir", result="delivered"),
            2)

    def test_disk_comes_back(self):
        self.start_with_boxes(path="boxes/disk/{local}", config=harness.SOON)
        self.send(to=["anna@inner.example"])
        lab.wait_for(lambda: self.belfryd.events("maildir_failed"),
                     "a delivery that failed")
        disk = os.path.join(self.belfryd.folder, "boxes", "disk")
        os.mkdir(disk)
        if lab.IS_ROOT:
            os.chown(disk, os.stat(self.belfryd.folder).st_uid, -1)
        self.wait_empty()
        self.assertEqual(len(mailbox.Maildir(os.path.join(disk, "anna"),
                                             create=False)), 1)

    def test_kill(self):
        """Killed under load: all that was taken is there, whole, and once,
        since nobody took it out of new/ meanwhile."""
        boxes = self.start_with_boxes()
        acked = harness.KilledLoad(self, ["a@inner.example",
                                          "b@inner.example"]).run()
        for box in ("a", "b"):
            found = collections.Counter()
            for name in os.listdir(os.path.join(boxes, box, "new")):
                path = os.path.join(boxes, box, "new", name)
                self.assertTrue(name.endswith(
                    f",S={os.path.getsize(path)}"), name)
                with open(path, "rb") as opened:
                    subject = [line for line in opened
                               if line.startswith(b"Subject: ")]
                found[subject[0][9:].strip().decode()] += 1
            self.assertLessEqual(set(acked), set(found))
            # What was taken but not acknowledged is sent again as a message
            # of its own, with the next number: each number is there once.
            self.assertEqual(max(found.values()), 1)


class Pipe(harness.Case):
    """Each delivery appends a line to a file of the daemon's."""

    SCRIPT = """#!/bin/sh
# WHAT FILE ARGUMENTS: note them with the input's subject, number of lines that
# begin with 0 and last line; end as WHAT says.
what=$1; file=$2; shift 2
sum=$(awk '/^Subject: / {s = $2} /^0/ {n++} {l = $0}
END {print s, n + 0, l}')
echo "$what $sum $*" >>"$file"
echo "said of $what"
case $what in slow) sleep 60;; esac
exit ${what#exit}
"""

    def start_with(self, what, *arguments, config=None, **keys):
        belfryd = self.prepare(config)
        script = os.path.join(belfryd.folder, "deliver.sh")
        with open(script, "w", encoding="ascii") as file:
            file.write(self.SCRIPT)
        os.chmod(script, 0o755)
        self.file = os.path.join(belfryd.folder, "delivered")
        with open(self.file, "w", encoding="ascii"):
            pass
        os.chmod(self.file, 0o666)
        belfryd.config["routes"] = [{
            "match": "inner.example", "deliver": "pipe",
            "command": [script, what, self.file, *arguments], **keys}]
        belfryd.write_config()
        return self.begin(belfryd)

    def begin(self, belfryd):
        return belfryd.start()

    def lines(self):
        with open(self.file, encoding="utf-8") as file:
            return file.read().splitlines()

    def spawner(self):
        """The process id of the daemon's only child."""
        found = subprocess.run(["pgrep", "-P", str(self.belfryd.pid)],
                               capture_output=True, text=True, check=True)
        (pid,) = found.stdout.split()
        return int(pid)

    def test_delivers(self):
        self.start_with("exit0", "{from}", "{local}", "{extension}", "$HOME")
        self.send(to=["anna+x@inner.example", "ben@inner.example",
                      "c@example.net"])
        self.wait_empty()
        lines = sorted(self.lines())
        self.assertEqual(len(lines), 2)
        self.assertEqual(lines, [
            "exit0 a 0 hello anna@example.org anna x $HOME",
            "exit0 a 0 hello anna@example.org ben  $HOME"])
        (line,) = self.wait_events(1, "deliver", to="ben@inner.example")
        self.assertEqual(line["status"], "delivered")
        self.assertEqual(self.belfryd.metric(
            "belfry_deliveries_total", agent="pipe", result="delivered"), 2)

    def test_bounces(self):
        self.start_with("exit67")
        self.send(to=["anna@inner.example"])
        report = self.sink.wait(1)[0]
        self.assertEqual(report.sender, "")
        self.assertIn(b"5.1.1", report.content)
        words = b" ".join(report.content.split())
        self.assertIn(b"deliver.sh: status 67, no such user: said of exit67",
                      words)
        self.assertNotIn(self.belfryd.folder.encode(), words)

    def test_defers(self):
        self.start_with("exit75", config=harness.SOON)
        self.send(to=["anna@inner.example"])
        lab.wait_for(lambda: len(self.lines()) >= 3, "three tries")
        (waiting,) = self.queue()
        self.assertEqual(waiting["sender"], "anna@example.org")

    def test_stop_ends_it(self):
        self.start_with("slow", time="10m")
        self.send(to=["anna@inner.example"])
        lab.wait_for(self.lines, "the program to run")
        begin = time.monotonic()
        self.assertEqual(self.belfryd.stop(), 0)
        self.assertLess(time.monotonic() - begin, 20)
        self.assert_nothing_runs()

    def test_kill_ends_it(self):
        self.start_with("slow", time="10m")
        self.send(to=["anna@inner.example"])
        lab.wait_for(self.lines, "the program to run")
        self.belfryd.kill()
        self.assert_nothing_runs()
        self.belfryd.start()
        self.assertEqual(len(self.queue()), 1)

    def test_kill_under_load(self):
        """All that was taken is delivered, and nothing that looks whole and
        is not."""
        self.start_with("exit0", "{from}")
        load = harness.KilledLoad(self, ["anna@inner.example"])
        acked = load.run()
        seen = set()
        for line in self.lines():
            self.assertRegex(line, r"^exit0 m\d+ \d+ end anna@example\.org$")
            name, lines = line.split()[1:3]
            self.assertEqual(int(lines),
                             load.content(int(name[1:])).count(b"\r\n0"))
            seen.add(name)
        self.assertLessEqual(set(acked), seen)

    def assert_nothing_runs(self):
        script = os.path.join(self.belfryd.folder, "deliver.sh")
        lab.wait_for(lambda: subprocess.run(
            ["pgrep", "-f", script], check=False,
            stdout=subprocess.DEVNULL).returncode, "the end of the program")

    def test_the_spawner_is_killed(self):
        """It can't be had again, so the service manager is to start all
        anew."""
        self.start_with("exit0")
        os.kill(self.spawner(), signal.SIGKILL)
        self.assertEqual(self.belfryd.process.wait(30), 1)
        (line,) = self.belfryd.events("spawner_lost")
        self.assertEqual(line["signal"], "9")
        self.belfryd.start()
        self.send(to=["anna@inner.example"])
        self.wait_empty()
        self.assertEqual(len(self.lines()), 1)

    def test_holds_nothing_of_ours(self):
        """Neither a port nor the store is open in the process that starts
        programs."""
        self.start_with("exit0")
        folder = f"/proc/{self.spawner()}/fd"
        if not os.access(folder, os.R_OK):
            self.skipTest("/proc of another account")
        kinds = sorted(os.readlink(os.path.join(folder, fd)).split(":")[0]
                       for fd in os.listdir(folder))
        # Its error output is the daemon's; one socket is for requests.
        self.assertEqual(kinds, sorted([
            "/dev/null", "/dev/null", self.belfryd.log_file, "socket",
            "anon_inode"]))


class Lmtp(harness.Case):
    """Each recipient has an answer of its own, behind the dot."""

    # What can be on its way at a kill: connections, with two recipients each.
    IN_FLIGHT = 20 * 2

    def script(self, verb, argument):
        """The mailbox of `b` is full at every third try."""
        if verb != "." or argument.recipients != ["b@inner.example"]:
            return None
        self.tries += 1
        return "452 4.2.2 full" if self.tries % 3 == 0 else None

    def test_kill(self):
        """All that was taken is there for each, whole; what is there twice was
        on its way at a kill; and nobody is told twice that it is."""
        self.tries = 0
        self.sink.script = self.script
        self.start(lab.merge(harness.SOON, {"routes": [{
            "match": "inner.example", "deliver": "lmtp",
            "via": [self.sink.hop()]}]}))
        load = harness.KilledLoad(self, ["a@inner.example",
                                         "b@inner.example"])
        acked = load.run()
        found = collections.Counter()
        for message in self.sink.messages:
            subject = message.header("Subject")
            self.assertTrue(message.content.endswith(
                load.content(int(subject[1:]))), subject)
            found[subject, message.recipients[0]] += 1
        for box in ("a@inner.example", "b@inner.example"):
            self.assertLessEqual({(subject, box) for subject in acked},
                                 set(found))
        self.assertLessEqual(sum(found.values()) - len(found),
                             harness.KILLS * self.IN_FLIGHT)
        told = collections.Counter(
            (line["id"], line["to"])
            for line in self.belfryd.events("deliver", status="delivered"))
        self.assertEqual([who for who, n in told.items() if n > 1], [])
        self.assertGreater(self.tries, 10)


if __name__ == "__main__":
    harness.main()
