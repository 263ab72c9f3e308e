"""contrib/systemd/belfry-milter.*: systemd itself reads them without a fault and
finds little exposed, and what the service may do is enough for belfry-milter."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from systemd_kit import SYSTEMD, Case, Service, make_accounts, read

UNIT, MILTER = sys.argv[1:3]


class Unit(Service, Case):
    path, program = UNIT, MILTER

    def test_programs(self):
        self.assertNotIn("@CMAKE", self.unit)
        self.assertRegex(self.unit, r"(?m)^ExecStart=/\S+/sbin/belfry-milter "
                         r"-c /etc/belfry/belfry\.yaml$")
        # The signal that the page names.
        self.assertIn("ExecReload=/bin/kill -USR1 $MAINPID", self.unit)
        self.assertIn("| `SIGUSR1` |", read("docs", "milter.md"))

    def test_statuses(self):
        """Every exit status that a restart does not mend."""
        named = re.search(r"RestartPreventExitStatus=(.*)", self.unit)[1]
        said = re.search(r"Exit status: (.*)", read("docs", "milter.md"))[1]
        self.assertEqual(set(re.findall(r"\b\d+\b", said)) - {"0", "1"},
                         set(named.split()))

    def test_filter(self):
        """As belfryd's, which unit_test.py holds against the list: this
        program's is a part of that one, and looks at no clock."""
        other = read("contrib", "systemd", "belfryd.service.in")
        filters = [re.findall(r"(?m)^SystemCall(?!Filter=adjtimex ).*", text)
                   for text in (self.unit, other)]
        self.assertEqual(*filters)

    @unittest.skipUnless(shutil.which("systemd-sysusers") and
                         shutil.which("systemd-tmpfiles"), "no systemd")
    def test_accounts(self):
        with tempfile.TemporaryDirectory() as root:
            self.assertIn("belfry-milter",
                          make_accounts(root, "belfry-milter"))
            with open(os.path.join(root, "etc", "group"), "a",
                      encoding="utf-8") as file:
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
