"""contrib/systemd: systemd itself reads the unit and the accounts without a
fault, and the unit knows every exit status that a restart does not mend."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

UNIT, BELFRYD = sys.argv[1:3]
REPO = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def read(*path):
    with open(os.path.join(REPO, *path), encoding="utf-8") as file:
        return file.read()


class Unit(unittest.TestCase):
    def setUp(self):
        with open(UNIT, encoding="utf-8") as file:
            self.unit = file.read()

    def test_programs(self):
        self.assertNotIn("@", self.unit)
        self.assertRegex(self.unit, r"(?m)^ExecStart=/\S+/sbin/belfryd "
                         r"-c /etc/belfry/belfry\.yaml$")

    def test_statuses(self):
        named = re.search(r"RestartPreventExitStatus=(.*)", self.unit)[1]
        table = read("docs", "operations.md").split("## belfry\n")[0]
        for status in re.findall(r"^\| (\d+) \|", table, re.M):
            (self.assertNotIn if status in ("0", "1") else self.assertIn)(
                status, named.split())

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd")
    def test_verify(self):
        """With our program in the place of the installed one."""
        unit = re.sub(r"ExecStart=\S+", f"ExecStart={BELFRYD}", self.unit)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "belfry.service")
            with open(path, "w", encoding="utf-8") as file:
                file.write(unit)
            done = subprocess.run(
                ["systemd-analyze", "verify", "--man=no", path],
                capture_output=True, text=True, check=False)
        ours = [line for line in done.stderr.splitlines() if "belfry" in line]
        self.assertEqual(ours, [])

    @unittest.skipUnless(shutil.which("systemd-sysusers"), "no systemd")
    def test_accounts(self):
        with tempfile.TemporaryDirectory() as root:
            os.mkdir(os.path.join(root, "etc"))
            done = subprocess.run(
                ["systemd-sysusers", f"--root={root}", os.path.join(
                    REPO, "contrib", "systemd", "belfry.sysusers")],
                capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(os.path.join(root, "etc", "group"),
                      encoding="utf-8") as file:
                groups = [line.split(":")[0] for line in file]
        self.assertLessEqual({"belfry", "belfry-admin"}, set(groups))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
