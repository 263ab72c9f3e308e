"""The store's operations: backup, restore, a store that is lost or damaged.
docs_test.py runs the commands that docs/operations.md gives for them."""
import json
import os
import random
import re
import shutil
import smtplib
import subprocess

import harness
import lab
from documented import StoreCase, flip_bit

FLIPS = int(os.environ.get("STORE_FLIPS", "12"))


class Backup(StoreCase):
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


class Notify(StoreCase):
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
        self.assertIn(b"reason=pipelining", self.notices()[1].content)

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


class Lost(StoreCase):
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


class Damaged(StoreCase):
    def offline(self, *arguments):
        return subprocess.run([lab.program("belfryd"), *arguments],
                              capture_output=True, text=True, timeout=60,
                              check=False)

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
            flip_bit(self.state, random.Random(seed))
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
        self.assertIn(f"{belfryd.folder} is not empty", done.stderr)
        missing = os.path.join(belfryd.folder, "missing/new")
        conf = os.path.join(belfryd.folder, "belfry.yaml")
        for option in "--salvage", "--export":
            for to, said in ((missing, "No such file"),
                             (conf, "Not a directory"),
                             (belfryd.folder, "not empty")):
                with self.subTest(f"{option} {to}"):
                    done = self.offline(option, self.state, to)
                    self.assertEqual(done.returncode, 73, done.stderr)
                    self.assertIn(to, done.stderr)
                    self.assertIn(said, done.stderr)
                    self.assertNotIn("remove it", done.stderr)
        done = self.offline("--salvage", missing, missing + "2")
        self.assertEqual(done.returncode, 66)
        done = self.offline("--verify", self.state)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("all is well", done.stdout)


if __name__ == "__main__":
    harness.main()
