"""Routes with `as`: all that a program of belfryd's own user can do, done by
another one through belfry-run, which gets its socket as systemd passes it."""
import fcntl
import grp
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
import unittest

import agents_test
import harness
import lab

USER = "games"
SOCKET = f"/run/belfry-run/{USER}"
# What belfry-run@.service does: the user, and the socket from 3 on.
SERVICE = """import grp, os, pwd, sys
user = pwd.getpwnam(sys.argv[1])
os.dup2(int(sys.argv[2]), 3)
os.close(int(sys.argv[2]))
os.initgroups(user.pw_name, user.pw_gid)
os.setgid(user.pw_gid)
os.setuid(user.pw_uid)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[3], sys.argv[3:])
"""


class Runner:
    """belfry-run@USER.socket and .service."""

    def __init__(self, folder):
        self.list = os.path.join(folder, "run-list")
        self.log_file = os.path.join(folder, "run.log")
        self.program = lab.copy_program("belfry-run", folder)
        self.process = None
        os.makedirs(os.path.dirname(SOCKET), 0o755, exist_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.bind(SOCKET)
        # Of the tests' belfryd; only it may connect.
        os.chown(SOCKET, 0, grp.getgrnam("nogroup").gr_gid)
        os.chmod(SOCKET, 0o660)
        self.socket.listen()

    def allow(self, *lines):
        with open(self.list, "w", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))
        os.chmod(self.list, 0o644)

    def start(self):
        fd = fcntl.fcntl(self.socket.fileno(), fcntl.F_DUPFD, 40)
        try:
            with open(self.log_file, "ab") as log:
                self.process = subprocess.Popen(
                    [sys.executable, "-c", SERVICE, USER, str(fd),
                     self.program, self.list],
                    pass_fds=[fd], stdin=subprocess.DEVNULL, stdout=log,
                    stderr=log, cwd="/")
        finally:
            os.close(fd)

    def log(self):
        with open(self.log_file, encoding="utf-8") as file:
            return file.read()

    def stop(self):
        """SIGTERM as from systemd, and the exit status."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
        return self.process and self.process.wait(30)

    def close(self):
        try:
            self.stop()
        finally:
            self.socket.close()
            os.unlink(SOCKET)


@unittest.skipUnless(lab.IS_ROOT and not os.path.exists(SOCKET),
                     "only root can become another user")
class As(agents_test.Pipe):
    """Whatever holds for a program of our own holds for another's."""

    def prepare(self, config=None):
        belfryd = super().prepare(config)
        self.runner = Runner(belfryd.folder)
        self.addCleanup(self.runner.close)
        return belfryd

    def start_with(self, what, *arguments, config=None, **keys):
        keys.setdefault("as", USER)
        return super().start_with(what, *arguments, config=config, **keys)

    def begin(self, belfryd):
        """The list has what the route has."""
        command = belfryd.config["routes"][0]["command"]
        self.runner.allow("# for the tests",
                          " ".join(f'"{word}"' for word in command))
        self.runner.start()
        return belfryd.start()

    def test_who_runs(self):
        """That account, its environment, and nothing of ours."""
        belfryd = self.prepare()
        out = os.path.join(belfryd.folder, "out")
        with open(out, "w", encoding="ascii"):
            os.chmod(out, 0o666)
        belfryd.config["routes"] = [{
            "match": "inner.example", "deliver": "pipe", "as": USER,
            "command": ["/bin/sh", "-c",
                        f"cat >/dev/null; (id -un; id -Gn; env) >{out}; "
                        f"ls /proc/self/fd | wc -l >>{out}"]}]
        belfryd.write_config()
        self.begin(belfryd)
        self.send(to=["anna@inner.example"])
        self.wait_empty()
        with open(out, encoding="utf-8") as file:
            said = file.read().splitlines()
        user = pwd.getpwnam(USER)
        self.assertEqual(said[0], USER)
        self.assertNotIn("root", said[1].split())
        self.assertLessEqual(
            {f"HOME={user.pw_dir}", f"USER={USER}", f"LOGNAME={USER}"},
            set(said))
        self.assertFalse([line for line in said if "LISTEN" in line or
                          "BELFRY" in line])
        self.assertEqual(said[-1], "4") # three, and that of ls

    def test_not_on_the_list(self):
        self.start_with("exit0", config=harness.SOON)
        self.runner.allow("/bin/true")
        self.send(to=["anna@inner.example"])
        lab.wait_for(lambda: "is not there" in self.runner.log(), "a refusal")
        self.assertIn('deliver.sh" "exit0"', self.runner.log())
        line = lab.wait_for(
            lambda: self.belfryd.events("destination_down"), "its end")[0]
        self.assertIn("is not among the commands of its account",
                      line["reply"])
        self.assertEqual(self.lines(), [])

    def test_time(self):
        self.start_with("slow", time="1s")
        self.send(to=["anna@inner.example"])
        (line,) = self.wait_events(1, "deliver")
        self.assertIn("took longer than 1 seconds", line["reply"])
        self.assert_nothing_runs()

    def test_output(self):
        belfryd = self.prepare()
        belfryd.config["routes"] = [{
            "match": "inner.example", "deliver": "pipe", "as": USER,
            "output": "1K", "command": ["/usr/bin/yes"]}]
        belfryd.write_config()
        self.begin(belfryd)
        self.send(to=["anna@inner.example"])
        (line,) = self.wait_events(1, "deliver")
        self.assertIn("said more than 1024 bytes", line["reply"])

    def test_runner_ends(self):
        """With it ends what it runs; the mail waits for the next one."""
        self.start_with("slow", time="10m", config=harness.SOON)
        self.send(to=["anna@inner.example"])
        lab.wait_for(self.lines, "the program to run")
        self.assertEqual(self.runner.stop(), 0)
        self.assert_nothing_runs()
        (line,) = self.wait_events(1, "deliver")
        self.assertEqual(line["status"], "deferred")
        self.runner.start()
        lab.wait_for(lambda: len(self.lines()) > 1, "the next try")

    def test_runner_is_killed(self):
        self.start_with("slow", time="10m")
        self.send(to=["anna@inner.example"])
        lab.wait_for(self.lines, "the program to run")
        self.runner.process.send_signal(signal.SIGKILL)
        self.assert_nothing_runs()
        (line,) = self.wait_events(1, "deliver")
        self.assertIn("was lost on its way", line["reply"])

    def test_runner_never_comes(self):
        """systemd listens, but its service does not start."""
        self.start_with("exit0", time="1s")
        self.runner.stop()
        begin = time.monotonic()
        self.send(to=["anna@inner.example"])
        (line,) = self.wait_events(1, "deliver")
        self.assertGreater(time.monotonic() - begin, 9)
        self.assertIn("does not answer", line["reply"])

    def test_others_may_not_connect(self):
        self.start_with("exit0")
        done = subprocess.run(
            ["setpriv", "--reuid=daemon", "--regid=daemon", "--clear-groups",
             sys.executable, "-c",
             "import socket; socket.socket(socket.AF_UNIX, "
             f"socket.SOCK_SEQPACKET).connect('{SOCKET}')"],
            capture_output=True, text=True, check=False)
        self.assertIn("Permission", done.stderr)

    def test_nonsense(self):
        """Whatever is said to it, the runner lives."""
        self.start_with("exit0")
        for what in (b"", b"x", b"\0" * 60, b"\xff" * 1000):
            with socket.socket(socket.AF_UNIX,
                               socket.SOCK_SEQPACKET) as bad:
                bad.connect(SOCKET)
                if what:
                    socket.send_fds(bad, [what], [0, 1, 2])
        self.send(to=["anna@inner.example"])
        self.wait_empty()
        self.assertEqual(len(self.lines()), 1)

    def test_holds_nothing_of_ours(self):
        self.skipTest("it never had anything")

    def test_the_spawner_is_killed(self):
        self.skipTest("it is not asked")


@unittest.skipIf(os.path.exists(SOCKET), "there is a runner")
class Unmade(harness.Case):
    def test_check(self):
        """Without the socket the route is a mistake, and what mends it is
        said."""
        belfryd = self.prepare({"routes": [{
            "match": "inner.example", "deliver": "pipe", "as": USER,
            "command": ["/bin/true"]}]})
        done = belfryd.cli("check", check=False)
        self.assertEqual(done.returncode, 78)
        self.assertIn(f"systemctl enable --now belfry-run@{USER}.socket",
                      done.stderr)
        belfryd.start(wait=False)
        self.assertEqual(belfryd.process.wait(30), 78)
        belfryd.process = None
        self.assertIn(f"belfry-run@{USER}.socket", belfryd.log())


if __name__ == "__main__":
    harness.main()
