"""systemd_kit - what holds for every service of ours: systemd itself reads its
unit without a fault and finds little exposed."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

REPO = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
SYSTEMD = os.path.join(REPO, "contrib", "systemd")
need_systemd = unittest.skipUnless(shutil.which("systemd-analyze"),
                                   "no systemd")


def read(*path):
    with open(os.path.join(REPO, *path), encoding="utf-8") as file:
        return file.read()


def analyze(*arguments):
    return subprocess.run(["systemd-analyze", *arguments],
                          capture_output=True, text=True, check=False)


def make_accounts(root, name):
    """What NAME.sysusers makes below ROOT: the groups that are there then."""
    os.makedirs(os.path.join(root, "etc"))
    done = subprocess.run(["systemd-sysusers", f"--root={root}",
                           os.path.join(SYSTEMD, f"{name}.sysusers")],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with open(os.path.join(root, "etc", "group"), encoding="utf-8") as file:
        return {line.split(":")[0] for line in file}


class Case(unittest.TestCase):
    def assert_no_fault(self, *paths):
        done = analyze("verify", "--man=no", *paths)
        self.assertEqual([line for line in done.stderr.splitlines()
                          if "belfry" in line], [])


class Service:
    """Mixed in: the unit file PATH, whose PROGRAM is ours; beside it, SOCKET."""
    path = program = socket = None

    def setUp(self):
        with open(self.path, encoding="utf-8") as file:
            self.unit = file.read()

    def in_folder(self, folder):
        """The unit with our program in the place of the installed one."""
        unit = re.sub(r"ExecStart=\S+", f"ExecStart={self.program}", self.unit)
        path = os.path.join(folder, os.path.basename(self.path))
        with open(path, "w", encoding="utf-8") as file:
            file.write(unit)
        return path

    @need_systemd
    def test_verify(self):
        with tempfile.TemporaryDirectory() as folder:
            paths = [self.in_folder(folder)]
            if self.socket:
                paths.append(shutil.copy(self.socket, folder))
            self.assert_no_fault(*paths)

    @need_systemd
    def test_exposure(self):
        """Under 2.0 of 10."""
        with tempfile.TemporaryDirectory() as folder:
            done = analyze("security", "--no-pager", "--offline=true",
                           "--threshold=20", self.in_folder(folder))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        level = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
        self.assertLess(float(level[1]), 2.0)
