"""The store's operations: backup, restore, a store that is lost or damaged; and
the commands that docs/operations.md gives for them."""
import json
import os
import random
import re
import shlex
import shutil
import smtplib
import struct
import subprocess
import unittest

import harness
import lab

# The documentation's paths, and what a test has in their place.
FLIPS = int(os.environ.get("STORE_FLIPS", "12"))
DOC = os.path.join(lab.REPO, "docs", "operations.md")


def doc_commands(heading):
    """The lines of the `sh` blocks below HEADING."""
    with open(DOC, encoding="utf-8") as file:
        text = file.read()
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", text,
                      re.M | re.S)
    blocks = re.findall(r"^```sh\n(.*?)^```", found[1], re.M | re.S)
    return [line for block in blocks for line in block.splitlines() if line]


class Case(harness.Case):
    def prepare(self, config=None):
        belfryd = super().prepare(config)
        self.state = belfryd.config["state_dir"]
        self.elsewhere = os.path.join(belfryd.folder, "elsewhere")
        return belfryd

    def run_doc(self, heading, names=()):
        """Run what the documentation says, here; the output."""
        said = []
        lines = doc_commands(heading)
        self.assertTrue(lines, heading)
        for line in lines:
            if line == "systemctl stop belfry":
                self.belfryd.stop()
            elif line == "systemctl start belfry":
                self.belfryd.start()
            else:
                said.append(self.run_line(line, names))
        return "".join(said)

    def run_line(self, line, names):
        for old, new in [
                *names, ("/var/lib/belfry", self.state),
                ("/var/backups/belfry", self.elsewhere),
                ("-o belfry", "-o nobody" if lab.IS_ROOT else "")]:
            line = line.replace(old, new)
        for name in ("belfryd", "belfry"):
            command = shlex.quote(lab.program(name))
            if name == "belfry":
                command += " -c " + shlex.quote(self.belfryd.config_file)
            line = re.sub(rf"(?<![\w/.-]){name} (?=[a-z-])",
                          lambda m, c=command: c + " ", line)
        done = subprocess.run(["sh", "-ec", line], capture_output=True,
                              text=True, timeout=60, check=False, cwd="/")
        # 1: it found what the page speaks of.
        self.assertIn(done.returncode, (0, 1), (line, done.stderr))
        return done.stdout

    def waiting(self, count=3):
        """A belfryd that has COUNT messages which nobody takes."""
        belfryd = self.prepare()
        belfryd.start()
        belfryd.cli("pause", "--reason", "a test", "--until-resumed")
        self.ids = [self.send(harness.message(f"number {n}"))
                    for n in range(count)]
        return belfryd


class Backup(Case):
    def test_as_documented(self):
        belfryd = self.waiting()
        said = self.run_doc("Backup and restore", names=[])
        self.assertIn("data.mdb", said)
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

    def test_says_what_it_did(self):
        belfryd = self.waiting(1)
        os.makedirs(self.elsewhere)
        self.assertIn("no backup yet", belfryd.cli("status").stdout)
        self.assertEqual(belfryd.metric(
            "belfry_backup_last_success_timestamp_seconds"), 0)
        if lab.IS_ROOT:
            refused = belfryd.cli("store", "backup", self.elsewhere,
                                  check=False)
            self.assertEqual(refused.returncode, 1)
            self.assertIn("Permission denied", refused.stderr)
            self.assertIn(f"-o belfry {self.elsewhere}", refused.stderr)
            shutil.chown(self.elsewhere, "nobody")
        done = belfryd.cli("store", "backup", "--json", self.elsewhere)
        told = json.loads(done.stdout)
        self.assertEqual(told["state"], "done")
        self.assertEqual(done.stderr, "")
        self.assertEqual(told["bytes"], os.stat(
            os.path.join(self.elsewhere, "data.mdb")).st_size)
        self.assertEqual(os.listdir(self.elsewhere), ["data.mdb"])
        self.wait_events(1, "backup")
        self.assertIn("last backup", belfryd.cli("status").stdout)
        belfryd.stop()
        belfryd.start()
        self.assertEqual(belfryd.metric(
            "belfry_backup_last_success_timestamp_seconds"),
            told["last_success_ms"] // 1000)
        done = belfryd.cli("store", "backup", self.state, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("the store itself", done.stderr)

    def test_upgrade(self):
        belfryd = self.start()
        told = json.loads(belfryd.cli("store", "upgrade", "--json").stdout)
        self.assertEqual(told, {"schema": 1, "newest": 1, "result": "newest"})
        self.assertIn("nothing to do", belfryd.cli("store", "upgrade").stdout)
        self.assertIn("schema 1", belfryd.cli("status").stdout)


class Notify(Case):
    CONFIG = {"postmaster": "anna@example.org",
              "notify": {"postmaster": ["double_bounce", "protocol"]}}

    def notices(self):
        return [m for m in self.sink.messages
                if (m.header("Subject") or "").startswith("Belfry at ")]

    def test_double_bounce(self):
        self.sink.script = lambda verb, argument: (
            "550 5.1.1 nobody" if verb == "RCPT" and "anna@" not in argument
            else None)
        self.start(self.CONFIG)
        for _ in range(3):
            self.send(sender="", to=["nobody@example.net"])
        self.wait_events(3, "double_bounce")
        lab.wait_for(self.notices, "a mail to the postmaster")
        notice, = self.notices()
        self.assertEqual(notice.sender, "")
        self.assertEqual(notice.recipients, ["anna@example.org"])
        self.assertEqual(notice.header("Auto-Submitted"), "auto-generated")
        self.assertIn(b"event=double_bounce", notice.content)
        self.assertIn(b"550 5.1.1 nobody", notice.content)
        # The next of this kind waits for an hour; another kind does not.
        self.send(sender="", to=["nobody@example.net"])
        self.wait_events(4, "double_bounce")
        client = self.client()
        client.sock.sendall(b"NOOP\nNOOP\r\n")
        lab.wait_for(lambda: len(self.notices()) == 2, "the second kind")
        self.assertIn(b"reason=line", self.notices()[1].content)

    def test_never_loops(self):
        self.sink.script = lambda verb, argument: (
            "550 5.1.1 nobody" if verb == "RCPT" else None)
        self.start(self.CONFIG)
        self.send(sender="", to=["nobody@example.net"])
        self.wait_events(1, "notify_failed", to="anna@example.org")
        self.wait_empty()
        self.wait_events(1, "double_bounce")
        self.assertEqual(self.belfryd.metric("belfry_double_bounces_total"), 1)

    def test_put_back(self):
        """It is seen while the store opens, before there is a queue."""
        belfryd = self.start({"postmaster": "anna@example.org",
                              "notify": {"postmaster": ["store"]}})
        belfryd.stop()
        os.unlink(os.path.join(self.state, "generation"))
        belfryd.start()
        self.assertIn("PAUSED", belfryd.cli("status").stdout)
        belfryd.cli("resume")
        lab.wait_for(self.notices, "a mail to the postmaster")
        notice, = self.notices()
        self.assertEqual(notice.recipients, ["anna@example.org"])
        self.assertIn(b"event=store_restored", notice.content)

    def test_needs_somebody(self):
        done = self.prepare({"notify": {"postmaster": ["store"]}}).cli(
            "check", check=False)
        self.assertEqual(done.returncode, 78)
        self.assertIn("needs a `postmaster`", done.stderr)


class RedButton(Case):
    def test_as_documented(self):
        belfryd = self.waiting()
        bad = [self.send(sender="news@example.org", to=[f"r{n}@example.net"])
               for n in range(5)]
        belfryd.cli("queue", "hold", bad[0])
        stop = "belfry queue remove"
        lines = doc_commands("The red button")
        self.assertTrue(lines[-1].startswith(stop))
        said = "".join(self.run_line(line, ()) for line in lines[:-1])
        for queue_id in bad:
            self.assertIn(queue_id, said)
        self.assertNotIn(self.ids[0], said)
        # The others went out, and nothing of the rest.
        self.sink.wait(3)
        lab.wait_for(lambda: len(self.queue()) == 5, "five held messages")
        self.assertEqual({m.sender for m in self.sink.messages},
                         {"anna@example.org"})
        self.run_line(lines[-1], ())
        self.assertEqual(self.queue(), [])
        self.assertEqual(len(self.sink.messages), 3)


class Upgrade(Case):
    def test_as_documented(self):
        belfryd = self.waiting()
        os.makedirs(self.elsewhere)
        if lab.IS_ROOT:
            lab.shutil.chown(self.elsewhere, "nobody")
        user = "nobody" if lab.IS_ROOT else lab.pwd.getpwuid(
            os.geteuid()).pw_name
        said = self.run_doc("Upgrade", [("--as belfry", f"--as {user}")])
        self.assertIn(": ok", said)
        self.assertIn("nothing to do", said)
        self.assertEqual([m["queue_id"] for m in self.queue()], self.ids)
        belfryd.cli("resume")
        self.sink.wait(3)
        self.wait_empty()


class Lost(Case):
    def ends(self, status):
        """belfryd ends with STATUS at its start; what it says."""
        self.belfryd.start(wait=False)
        self.assertEqual(self.belfryd.process.wait(30), status)
        return self.belfryd.log()

    def test_at_start(self):
        belfryd = self.waiting(1)
        belfryd.stop()
        os.unlink(os.path.join(self.state, "data.mdb"))
        self.assertIn("the store is lost", self.ends(65))
        self.assertIn(f"remove {self.state}/generation", belfryd.log())
        os.unlink(os.path.join(self.state, "generation"))
        belfryd.start()
        self.assertEqual(self.queue(), [])


class Damaged(Case):
    def offline(self, *arguments):
        return subprocess.run([lab.program("belfryd"), *arguments],
                              capture_output=True, text=True, timeout=60,
                              check=False)

    def test_as_documented(self):
        belfryd = self.waiting(5)
        belfryd.stop()
        self.flip(random.Random(1), sort=2)
        said = self.run_doc("A damaged store", [
            ("/var/lib/belfry.new", self.elsewhere)])
        self.assertIn("messages", said)
        belfryd.cli("resume")
        self.assertGreaterEqual(len(self.sink.wait(4)), 4)

    def flip(self, rng, sort=None):
        """One bit of the structure: of a page's head, an offset, a node."""
        path = os.path.join(self.state, "data.mdb")
        with open(path, "r+b") as file:
            data = file.read()
            while True:
                page = rng.randrange(len(data) // 4096) * 4096
                flags, lower = struct.unpack_from("<HH", data, page + 10)
                if flags in (1, 2, 8) and flags == (sort or flags):
                    break
            at = page + rng.randrange(lower if flags != 8 else 152)
            file.seek(at)
            file.write(bytes([data[at] ^ 1 << rng.randrange(8)]))

    def outcome(self):
        """Start: the exit status, or None when it runs."""
        try:
            self.belfryd.start()
        except lab.Failed:
            return self.belfryd.process.wait(30)
        return None

    def try_to_send(self, mark):
        """True when it was answered with 250."""
        try:
            self.send(harness.message(mark))
            return True
        except (AssertionError, OSError, smtplib.SMTPException):
            return False

    def exported(self):
        """What salvage and export bring back of the store, by its text."""
        new, out = self.elsewhere, self.elsewhere + ".out"
        for folder in (new, out):
            shutil.rmtree(folder, ignore_errors=True)
        done = self.offline("--salvage", self.state, new)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        done = self.offline("--export", new, out)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        found = {}
        for name in os.listdir(out):
            if name.endswith(".eml"):
                with open(os.path.join(out, name), "rb") as file:
                    found[name[:-4]] = file.read()
                with open(os.path.join(out, name[:-4] + ".json"),
                          encoding="utf-8") as file:
                    self.assertEqual(json.load(file)["queue_id"], name[:-4])
        return found

    def test_flips(self):
        """A start that works, or ends clearly; no yes that is not kept."""
        belfryd = self.waiting(40)
        belfryd.stop()
        shutil.copytree(self.state, self.state + ".sound")
        ended = 0
        for seed in range(FLIPS):
            shutil.rmtree(self.state)
            shutil.copytree(self.state + ".sound", self.state)
            for name in ("", *os.listdir(self.state)):
                if lab.IS_ROOT:
                    shutil.chown(os.path.join(self.state, name), "nobody")
            self.flip(random.Random(seed))
            status = self.outcome()
            mark, taken = f"sent to number {seed}", False
            if status is None:
                taken = self.try_to_send(mark)
                status = belfryd.process.poll()
                if status is None:
                    status = belfryd.stop()
            ended += status == 65
            self.assertIn(status, (0, 65), seed)
            if status == 65:
                self.assertIn("--salvage " + self.state, belfryd.log())
            found = self.exported()
            texts = b"".join(found.values())
            kept = sum(f"number {n}\r\n".encode() in texts
                       for n in range(40))
            self.assertGreaterEqual(kept, 39, seed)
            if taken:
                self.assertIn(mark.encode(), texts, seed)
        print(f"{FLIPS} flips: {ended} ended")

    def test_torn_while_it_runs(self):
        belfryd = self.waiting(40)
        os.truncate(os.path.join(self.state, "data.mdb"), 8192)
        belfryd.cli("queue", "list", check=False)
        self.assertEqual(belfryd.process.wait(30), 65)
        self.assertRegex(belfryd.log(), r"(?m)^belfryd: the store is damaged: "
                         r"SIGBUS .*--salvage " + re.escape(self.state))
        self.belfryd.process = None

    def test_removed_while_it_runs(self):
        belfryd = self.waiting(1)
        os.unlink(os.path.join(self.state, "data.mdb"))
        self.assertFalse(self.try_to_send("never taken"))
        self.assertEqual(belfryd.process.wait(30), 65)
        self.assertIn("was removed while it was in use", belfryd.log())
        self.belfryd.process = None

    def test_offline_says_no(self):
        belfryd = self.waiting(1)
        for arguments, status, said in [
                (["--verify", self.state], 75, "is in use"),
                (["--verify", "/nonexistent"], 66, "no store"),
                (["--verify"], 64, "usage: belfryd --verify DIR"),
                (["--salvage", self.state], 64, "--salvage DIR NEWDIR"),
                (["--export", self.state, "x"], 75, "is in use")]:
            done = self.offline(*arguments)
            self.assertEqual(done.returncode, status, arguments)
            self.assertIn(said, done.stderr)
        belfryd.stop()
        done = self.offline("--salvage", self.state, belfryd.folder)
        self.assertEqual(done.returncode, 73)
        done = self.offline("--verify", self.state)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("all is well", done.stdout)


if __name__ == "__main__":
    harness.main()
