"""The drop folder, killed and failed at every step: the writer leaves a whole
file or none that counts, and says yes only with one; the taker publishes once.
strace kills, and makes calls fail."""
import os
import re
import signal

import harness
import lab
from drop_test import DropCase, drop_file

# A call that was made to fail or to be the last.
INJECTED = re.compile(r"\(INJECTED\)|\+\+\+ killed by SIGKILL \+\+\+")
# Left to itself sendmail needs fewer than that of each.
MOST = 60


@harness.need("strace")
class Writer(DropCase):
    def setUp(self):
        super().setUp()
        self.prepare()
        self.make_folder()
        self.body = b"Subject: x\n\n" + b"a line\n" * 3000

    def leave(self, call, number, how):
        """sendmail, with the NUMBERth CALL ending as HOW: its exit status, and
        whether there was such a call."""
        done = self.run_as_user(
            ["strace", "-f", "-e", f"trace={call}", "-e",
             f"inject={call}:{how}:when={number}", self.program, "-C",
             self.conf, "-i", "-f", "anna@example.org", "ben@example.net"],
            self.body)
        return done.returncode, INJECTED.search(done.stderr.decode())

    def look(self, status):
        """A name that counts only for a whole file; a yes only with one."""
        whole = [n for n in self.names() if not n.endswith(".tmp")]
        self.assertLessEqual(len(whole), 1)
        if status == 0:
            self.assertEqual(len(whole), 1)
        for name in whole:
            with open(os.path.join(self.folder, name), "rb") as file:
                text = file.read()
            head, _, content = text.partition(b"\n\n")
            self.assertEqual(int(head.rsplit(b" ", 1)[1]), len(content))
            self.assertTrue(content.endswith(
                b"\r\n\r\n" + b"a line\r\n" * 3000))
        for name in self.names():
            os.unlink(os.path.join(self.folder, name))
        return bool(whole)

    def each(self, how, calls):
        """Every CALL of a run, one after the other."""
        seen = []
        for call in calls:
            for number in range(1, MOST):
                status, hit = self.leave(call, number, how)
                if not hit:
                    self.assertEqual(status, 0, call)
                    self.look(status)
                    break
                seen.append((call, status, self.look(status)))
            else:
                self.fail(f"more than {MOST} of {call}")
        return seen

    CALLS = ("write", "pwrite64", "fchmod", "fsync", "syncfs", "renameat",
             "openat", "connect", "socket")

    def test_killed(self):
        seen = self.each("signal=KILL", self.CALLS)
        # The one between rename and sync, at least, leaves a whole file.
        self.assertTrue(any(whole for _, _, whole in seen))
        self.assertTrue(all(status in (-signal.SIGKILL, 128 + signal.SIGKILL)
                            for _, status, _ in seen), seen)

    def test_failed(self):
        seen = self.each("error=EIO", self.CALLS)
        for call in ("fchmod", "fsync", "renameat", "pwrite64"):
            of_call = [row for row in seen if row[0] == call]
            self.assertTrue(of_call, call)
            for row in of_call:
                self.assertNotEqual(row[1], 0, row)
                self.assertFalse(row[2], row)


@harness.need("strace")
class Taker(DropCase):
    def setUp(self):
        super().setUp()
        # What is taken stays in the queue, to be counted.
        self.sink.script = lambda verb, argument: (
            "451 4.2.0 not now" if verb == "RCPT" else None)
        self.prepare({"delivery": {"retry": {"first": "1h", "max": "1h"}}})
        self.make_folder()

    def run_with(self, call, number, how):
        """belfryd until it is killed, or has made up its mind."""
        trace = os.path.join(self.belfryd.folder, "trace")
        begun = len(self.belfryd.events("drop"))
        self.belfryd.start(wrapper=[
            "strace", "-f", "-o", trace, "-e", f"trace={call}", "-e",
            f"inject={call}:{how}:when={number}"], wait=False)
        lab.wait_for(lambda: self.belfryd.process.poll() is not None or
                     len(self.belfryd.events("drop")) > begun,
                     f"{call} {number}", 60)
        if self.belfryd.process.poll() is None:
            self.end()
        with open(trace, encoding="utf-8", errors="replace") as file:
            return INJECTED.search(file.read())

    def end(self):
        """strace passes no SIGTERM on; the kill may have come meanwhile."""
        with open(f"/proc/{self.belfryd.pid}/task/{self.belfryd.pid}/children",
                  encoding="ascii") as children:
            for child in children.read().split():
                os.kill(int(child), signal.SIGTERM)
        self.belfryd.process.wait(60)

    def look(self):
        """The next start finishes it, and it is there once."""
        self.belfryd.start()
        self.wait_gone()
        lab.wait_for(self.queue, "the message")
        self.assertEqual(len(self.queue()), 1)
        self.belfryd.cli("queue", "remove", "--yes",
                         self.queue()[0]["queue_id"])
        self.assertEqual(self.belfryd.stop(), 0)

    def each(self, how, calls):
        name, hits = 0, 0
        for call, numbers in calls:
            for number in numbers:
                name += 1
                self.put(name, drop_file(
                    b"Subject: x\r\n\r\n" + b"a line\r\n" * 3000,
                    to=[f"r{name}@example.net"]))
                with self.subTest(f"{call} {number}"):
                    hits += bool(self.run_with(call, number, how))
                    self.look()
        return hits

    def test_killed(self):
        hits = self.each("signal=KILL", [
            ("unlinkat", [1]), ("socketpair", range(1, 4)),
            ("fdatasync", range(1, 8)), ("newfstatat", range(1, 12, 3)),
            ("pread64", range(1, 12, 3)), ("getdents64", range(1, 4))])
        self.assertGreater(hits, 8)

    def test_failed(self):
        hits = self.each("error=EIO", [
            ("unlinkat", [1])])
        self.assertGreater(hits, 0)
        self.assertEqual([e["reason"] for e in self.belfryd.events(
            "drop", status="kept")], [os.strerror(5)])


if __name__ == "__main__":
    harness.main()
