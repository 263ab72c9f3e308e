"""The store's operations: backup, restore, a store that is lost or damaged; and
the commands that docs/operations.md gives for them."""
import json
import os
import re
import shlex
import subprocess
import unittest

import harness
import lab

# The documentation's paths, and what a test has in their place.
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
                ("/var/lib/belfry", self.state),
                ("/var/backups/belfry", self.elsewhere),
                ("-o belfry", "-o nobody" if lab.IS_ROOT else ""),
                ("belfry:belfry", "nobody" if lab.IS_ROOT else
                 str(os.getuid())), *names]:
            line = line.replace(old, new)
        for name in ("belfryd", "belfry"):
            command = shlex.quote(lab.program(name))
            if name == "belfry":
                command += " -c " + shlex.quote(self.belfryd.config_file)
            line = re.sub(rf"(?<![\w/.-]){name} (?=[a-z-])",
                          lambda m, c=command: c + " ", line)
        done = subprocess.run(["sh", "-ec", line], capture_output=True,
                              text=True, timeout=60, check=False, cwd="/")
        self.assertEqual(done.returncode, 0, (line, done.stderr))
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
            lab.shutil.chown(self.elsewhere, "nobody")
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


if __name__ == "__main__":
    harness.main()
