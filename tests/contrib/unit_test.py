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

from systemd_kit import (SYSTEMD, Case, Service, make_accounts, need_systemd,
                         read)

UNIT, BELFRYD = sys.argv[1:3]


def calls(name):
    """The system calls of a set of systemd's, or the one that is named."""
    if not name.startswith("@"):
        return {name}
    done = subprocess.run(["systemd-analyze", "syscall-filter", name],
                          capture_output=True, text=True, check=True)
    words = {line.strip() for line in done.stdout.splitlines()
             if line.strip() and not line.strip().startswith("#")}
    return set().union(*map(calls, words - {name}))


class Unit(Service, Case):
    path, program = UNIT, BELFRYD
    socket = os.path.join(SYSTEMD, "belfryd.socket")

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

    @need_systemd
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

    @need_systemd
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
            self.assert_no_fault(*paths)

    @unittest.skipUnless(shutil.which("systemd-sysusers"), "no systemd")
    def test_accounts(self):
        with tempfile.TemporaryDirectory() as root:
            groups = make_accounts(root, "belfry")
        self.assertLessEqual({"belfry", "belfry-admin"}, groups)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
