"""contrib/systemd/belfry-milter.*: systemd itself reads them without a fault and
finds little exposed, and what the service may do is enough for belfry-milter."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

UNIT, MILTER = sys.argv[1:3]
SYSTEMD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..",
                       "contrib", "systemd")
need_systemd = unittest.skipUnless(shutil.which("systemd-analyze"),
                                   "no systemd")


def page(name):
    with open(os.path.join(SYSTEMD, "..", "..", "docs", name),
              encoding="utf-8") as file:
        return file.read()


class Unit(unittest.TestCase):
    def setUp(self):
        with open(UNIT, encoding="utf-8") as file:
            self.unit = file.read()

    def test_programs(self):
        self.assertNotIn("@CMAKE", self.unit)
        self.assertRegex(self.unit, r"(?m)^ExecStart=/\S+/sbin/belfry-milter "
                         r"-c /etc/belfry/belfry\.yaml$")
        # The signal that the page names.
        self.assertIn("ExecReload=/bin/kill -USR1 $MAINPID", self.unit)
        self.assertIn("| `SIGUSR1` |", page("milter.md"))

    def test_statuses(self):
        """Every exit status that a restart does not mend."""
        named = re.search(r"RestartPreventExitStatus=(.*)", self.unit)[1]
        said = re.search(r"Exit status: (.*)", page("milter.md"))[1]
        self.assertEqual(set(re.findall(r"\b\d+\b", said)) - {"0", "1"},
                         set(named.split()))

    def analyze(self, *arguments):
        unit = re.sub(r"ExecStart=\S+", f"ExecStart={MILTER}", self.unit)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "belfry-milter.service")
            with open(path, "w", encoding="utf-8") as file:
                file.write(unit)
            return subprocess.run(["systemd-analyze", *arguments, path],
                                  capture_output=True, text=True, check=False)

    @need_systemd
    def test_verify(self):
        done = self.analyze("verify", "--man=no")
        self.assertEqual([line for line in done.stderr.splitlines()
                          if "belfry" in line], [])

    @need_systemd
    def test_exposure(self):
        """Under 2.0 of 10."""
        done = self.analyze("security", "--no-pager", "--offline=true",
                            "--threshold=20")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_filter(self):
        """As belfryd's, which unit_test.py holds against the list: this
        program's is a part of that one."""
        with open(os.path.join(SYSTEMD, "belfryd.service.in"),
                  encoding="utf-8") as file:
            other = file.read()
        filters = [re.findall(r"(?m)^SystemCall.*", text)
                   for text in (self.unit, other)]
        self.assertEqual(*filters)

    @unittest.skipUnless(shutil.which("systemd-sysusers") and
                         shutil.which("systemd-tmpfiles"), "no systemd")
    def test_accounts(self):
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, "etc"))
            done = subprocess.run(
                ["systemd-sysusers", f"--root={root}",
                 os.path.join(SYSTEMD, "belfry-milter.sysusers")],
                capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(os.path.join(root, "etc", "group"), "a+",
                      encoding="utf-8") as file:
                file.seek(0)
                self.assertIn("belfry-milter", [line.split(":")[0]
                                                for line in file])
                file.write("postfix:x:4711:\n")
            if os.geteuid() != 0:
                self.skipTest("only root can give a folder away")
            os.makedirs(os.path.join(root, "var", "spool", "postfix"))
            done = subprocess.run(
                ["systemd-tmpfiles", "--create", f"--root={root}",
                 os.path.join(SYSTEMD, "belfry-milter.tmpfiles")],
                capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            made = os.stat(os.path.join(root, "var/spool/postfix/belfry"))
            self.assertEqual((made.st_mode & 0o7777, made.st_gid),
                             (0o2750, 4711))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
