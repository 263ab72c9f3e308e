"""contrib/systemd: systemd itself reads the units and the accounts without a
fault and finds little exposed, what the service may do is enough for belfryd, and
the unit knows every exit status that a restart does not mend."""
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


SYSTEMD = os.path.join(REPO, "contrib", "systemd")


def read(*path):
    with open(os.path.join(REPO, *path), encoding="utf-8") as file:
        return file.read()


def calls(name):
    """The system calls of a set of systemd's, or the one that is named."""
    if not name.startswith("@"):
        return {name}
    done = subprocess.run(["systemd-analyze", "syscall-filter", name],
                          capture_output=True, text=True, check=True)
    words = {line.strip() for line in done.stdout.splitlines()
             if line.strip() and not line.strip().startswith("#")}
    return set().union(*map(calls, words - {name}))


class Unit(unittest.TestCase):
    def setUp(self):
        with open(UNIT, encoding="utf-8") as file:
            self.unit = file.read()

    def test_programs(self):
        self.assertNotIn("@CMAKE", self.unit)
        self.assertRegex(self.unit, r"(?m)^ExecStart=/\S+/sbin/belfryd "
                         r"-c /etc/belfry/belfry\.yaml$")

    def test_statuses(self):
        named = re.search(r"RestartPreventExitStatus=(.*)", self.unit)[1]
        table = read("docs", "operations.md").split("## belfry\n")[0]
        for status in re.findall(r"^\| (\d+) \|", table, re.M):
            (self.assertNotIn if status in ("0", "1") else self.assertIn)(
                status, named.split())

    def analyze(self, *arguments):
        """With our program in the place of the installed one, and the socket
        unit beside it."""
        unit = re.sub(r"ExecStart=\S+", f"ExecStart={BELFRYD}", self.unit)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "belfryd.service")
            with open(path, "w", encoding="utf-8") as file:
                file.write(unit)
            shutil.copy(os.path.join(SYSTEMD, "belfryd.socket"), folder)
            return subprocess.run(
                ["systemd-analyze", *arguments, path,
                 *([path.replace(".service", ".socket")]
                   if arguments[0] == "verify" else [])],
                capture_output=True, text=True, check=False)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd")
    def test_verify(self):
        done = self.analyze("verify", "--man=no")
        ours = [line for line in done.stderr.splitlines() if "belfry" in line]
        self.assertEqual(ours, [])

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd")
    def test_exposure(self):
        """Under 2.0 of 10."""
        done = self.analyze("security", "--no-pager", "--offline=true",
                            "--threshold=20")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        level = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
        self.assertLess(float(level[1]), 2.0)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd")
    def test_filter_lets_ours_be(self):
        """Whatever belfryd's own list allows, and what puts it on."""
        allowed = set()
        for line in re.findall(r"(?m)^SystemCallFilter=(.*)", self.unit):
            names = set().union(*map(calls, line.lstrip("~").split()))
            allowed = (allowed - names if line.startswith("~")
                       else allowed | names)
        source = read("base", "sandbox_daemon.c").split("sb_sanitizers")[0]
        ours = set(re.findall(r"\bC\((\w+)\)", source)) - {"name"}
        self.assertGreater(len(ours), 100)
        self.assertEqual((ours | {"seccomp", "capset", "fork", "execve"}) -
                         allowed, set())

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd")
    def test_verify_run(self):
        """An instance of the units for another user's programs."""
        build = os.path.dirname(UNIT)
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(build, "belfry-run@.service"),
                      encoding="utf-8") as file:
                unit = file.read()
            self.assertRegex(unit, r"(?m)^ExecStart=/\S+/belfry/belfry-run "
                             r"/etc/belfry/run/%i$")
            unit = re.sub(r"ExecStart=\S+", "ExecStart=" + os.path.join(
                os.path.dirname(BELFRYD), "belfry-run"), unit)
            paths = [os.path.join(folder, f"belfry-run@daemon.{kind}")
                     for kind in ("service", "socket")]
            with open(paths[0], "w", encoding="utf-8") as file:
                file.write(unit)
            shutil.copy(os.path.join(SYSTEMD, "belfry-run@.socket"), paths[1])
            done = subprocess.run(
                ["systemd-analyze", "verify", "--man=no", *paths],
                capture_output=True, text=True, check=False)
        ours = [line for line in done.stderr.splitlines() if "belfry" in line]
        self.assertEqual(ours, [])

    @unittest.skipUnless(shutil.which("systemd-sysusers"), "no systemd")
    def test_accounts(self):
        with tempfile.TemporaryDirectory() as root:
            os.mkdir(os.path.join(root, "etc"))
            done = subprocess.run(
                ["systemd-sysusers", f"--root={root}",
                 os.path.join(SYSTEMD, "belfry.sysusers")],
                capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(os.path.join(root, "etc", "group"),
                      encoding="utf-8") as file:
                groups = [line.split(":")[0] for line in file]
        self.assertLessEqual({"belfry", "belfry-admin"}, set(groups))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
