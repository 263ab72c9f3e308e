"""belfryd as a service manager runs it: with sockets that were made for it, and
with signs of life that end when a thread is stuck."""
import ctypes
import fcntl
import os
import signal
import socket
import sys
import time
import unittest

import harness
import lab

# What the manager does: the descriptors from 3 on, and whom they are for.
PASS = """import os, sys
fds = sys.argv[1].split(",")
for n, fd in enumerate(fds):
    os.dup2(int(fd), 3 + n)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)))
os.execv(sys.argv[2], sys.argv[2:])
"""


class Sockets(harness.Case):
    def listen(self, address, kind=socket.SOCK_STREAM):
        family = socket.AF_UNIX if isinstance(address, str) else \
            socket.AF_INET
        made = socket.socket(family, kind)
        self.addCleanup(made.close)
        made.bind(address)
        if isinstance(address, str):
            os.chmod(address, 0o666)
        if kind == socket.SOCK_STREAM:
            made.listen()
        return made

    def start_with(self, belfryd, sockets, **how):
        # Above those that they become.
        fds = [fcntl.fcntl(s.fileno(), fcntl.F_DUPFD, 40) for s in sockets]
        try:
            belfryd.start(
                wrapper=[sys.executable, "-c", PASS,
                         ",".join(map(str, fds))],
                pass_fds=fds, **how)
        finally:
            for fd in fds:
                os.close(fd)

    def refuses(self, belfryd, made):
        self.start_with(belfryd, [made], wait=False)
        self.assertEqual(belfryd.process.wait(30), 78)
        belfryd.process = None

    def test_are_taken(self):
        """By their addresses, whatever the order; and they outlive belfryd, so
        that a client only waits while it is restarted."""
        belfryd = self.prepare()
        made = [self.listen(belfryd.config["submit_socket"]),
                self.listen(("127.0.0.1", belfryd.http)),
                self.listen(("127.0.0.1", belfryd.smtp)),
                self.listen(belfryd.config["admin_socket"])]
        self.start_with(belfryd, made)
        self.send()
        self.sink.wait(1)
        belfryd.cli("status")
        belfryd.cli("send", "-", "--from", "anna@example.org", "--to",
                    "ben@example.net", text="Subject: x\n\nx\n")
        self.sink.wait(2)
        # A reload knows them; one that it drops and takes up again, too.
        listeners = belfryd.config["listeners"]
        for now in ([], listeners):
            belfryd.config["listeners"] = now
            belfryd.write_config()
            belfryd.signal(signal.SIGHUP)
            self.wait_events(1 if not now else 2, "reload")
        self.send()
        self.sink.wait(3)
        self.assertEqual(belfryd.stop(), 0)
        self.assertTrue(os.path.exists(belfryd.config["admin_socket"]))
        waiting = socket.create_connection(("127.0.0.1", belfryd.smtp), 60)
        self.addCleanup(waiting.close)
        self.start_with(belfryd, made)
        self.assertEqual(waiting.recv(4), b"220 ")

    def test_one_of_two(self):
        """":25" is two addresses: belfryd binds the one that was not passed,
        where a socket is not for both."""
        for family, only in ((socket.AF_INET, None), (socket.AF_INET6, 1),
                             (socket.AF_INET6, 0)):
            belfryd = self.prepare()
            made = socket.socket(family)
            self.addCleanup(made.close)
            if only is not None:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
            made.bind(("::" if only is not None else "", belfryd.smtp))
            made.listen()
            belfryd.config["listeners"][0]["address"] = f":{belfryd.smtp}"
            belfryd.write_config()
            self.start_with(belfryd, [made])
            for ip in ("127.0.0.1", "::1"):
                with socket.create_connection((ip, belfryd.smtp), 60) as peer:
                    self.assertEqual(peer.recv(4), b"220 ", (family, only))
            self.assertEqual(belfryd.stop(), 0)

    def test_one_too_many(self):
        belfryd = self.prepare()
        other = self.listen(("127.0.0.1", lab.free_port()))
        self.refuses(belfryd, other)
        self.assertIn(f"listens on 127.0.0.1:{other.getsockname()[1]} for "
                      "belfryd, but nothing", belfryd.log())

    def test_no_listener(self):
        belfryd = self.prepare()
        other = self.listen(("127.0.0.1", lab.free_port()), socket.SOCK_DGRAM)
        self.refuses(belfryd, other)
        self.assertIn("LISTEN_FDS", belfryd.log())


class Watchdog(harness.Case):
    def start_watched(self):
        belfryd = self.prepare()
        path = os.path.join(belfryd.folder, "notify")
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.notify.close)
        self.notify.bind(path)
        os.chmod(path, 0o666)
        belfryd.start(env={**os.environ, "NOTIFY_SOCKET": path,
                           "WATCHDOG_USEC": "400000"})
        return belfryd

    def signs(self, seconds):
        """How many came in this time, whatever lay there before."""
        count, end = 0, time.monotonic() + seconds
        self.notify.settimeout(0.02)
        while time.monotonic() < end:
            try:
                count += self.notify.recv(4096) == b"WATCHDOG=1"
            except TimeoutError:
                pass
        return count

    def test_signs(self):
        """Ready, then alive, then stopping."""
        belfryd = self.start_watched()
        self.notify.settimeout(30)
        self.assertEqual(self.notify.recv(4096), b"READY=1")
        for _ in range(3):
            self.assertEqual(self.notify.recv(4096), b"WATCHDOG=1")
        belfryd.stop()
        self.notify.settimeout(1)
        said = b""
        while said != b"STOPPING=1":
            said = self.notify.recv(4096)

    @unittest.skipUnless(lab.IS_ROOT, "only root can stop a thread of belfryd")
    def test_stuck(self):
        """A thread that does not go on is missed, whichever it is."""
        belfryd = self.start_watched()
        libc = ctypes.CDLL(None, use_errno=True)
        for task in os.listdir(f"/proc/{belfryd.pid}/task"):
            with open(f"/proc/{belfryd.pid}/task/{task}/comm",
                      encoding="ascii") as file:
                name = file.read().strip()
            if name not in ("loop1", "store"):
                continue
            with self.subTest(name):
                self.assertGreater(self.signs(1), 1)
                attach, detach = 16, 17
                self.assertEqual(libc.ptrace(attach, int(task), None, None), 0)
                os.waitpid(int(task), 0x40000000) # __WALL
                try:
                    self.signs(0.3) # of before
                    self.assertEqual(self.signs(1), 0)
                finally:
                    libc.ptrace(detach, int(task), None, None)
                self.assertGreater(self.signs(1), 1)


if __name__ == "__main__":
    harness.main()
