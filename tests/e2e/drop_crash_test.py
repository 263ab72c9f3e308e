"""The drop folder, killed and failed at every step: the writer leaves a whole
file or none that counts, and says yes only with one; the taker publishes once.
strace kills, and makes calls fail."""
import os
import re
import resource
import signal

import harness
import lab
from drop_test import DropCase, drop_file

# A call that was made to fail or to be the last.
INJECTED = re.compile(r"\(INJECTED\)|\+\+\+ killed by SIGKILL \+\+\+")
# Left to itself sendmail needs fewer than that of each; the libraries that are
# opened at its start count.
MOST = 100


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

    def assert_later(self, seen, calls):
        """Each of CALLS failed the message: nothing is left, and the caller
        keeps it."""
        for call in calls:
            of_call = [row for row in seen if row[0] == call]
            self.assertTrue(of_call, call)
            for row in of_call:
                self.assertIn(row[1], (os.EX_IOERR, os.EX_TEMPFAIL), row)
                self.assertFalse(row[2], row)
            # The folder's own; before it the message is kept aside.
            self.assertEqual(of_call[-1][1], os.EX_TEMPFAIL)

    def test_failed(self):
        seen = self.each("error=EIO", self.CALLS)
        self.assert_later(seen, ("fchmod", "fsync", "renameat", "pwrite64"))

    def test_full(self):
        calls = ("write", "pwrite64", "fsync")
        for error in ("ENOSPC", "EDQUOT"):
            self.assert_later(self.each(f"error={error}", calls), calls)

    def leave_limited(self, most, ignored):
        """sendmail, where a file may have MOST bytes: the write that would
        pass that is short, and the next one fails, or kills."""
        def limit():
            signal.signal(signal.SIGXFSZ,
                          signal.SIG_IGN if ignored else signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        return self.run_as_user(
            [self.program, "-C", self.conf, "-i", "-f", "anna@example.org",
             "ben@example.net"], self.body, preexec_fn=limit).returncode

    def test_short(self):
        size = len(self.body) + self.body.count(b"\n")
        left = set()
        # From nothing over the message's own size, at which it can be kept
        # aside, to what the file needs with its envelope and header.
        for most in [*range(0, size, 4001), *range(size, size + 600, 37)]:
            for ignored in (True, False):
                with self.subTest(most=most, ignored=ignored):
                    status = self.leave_limited(most, ignored)
                    self.assertIn(status, (0, os.EX_IOERR, os.EX_TEMPFAIL)
                                  if ignored else (0, -signal.SIGXFSZ))
                    self.assertEqual(self.look(status), status == 0)
                    left.add((most >= size, status))
        self.assertIn((True, 0), left)
        self.assertIn((True, os.EX_TEMPFAIL), left)


@harness.need("strace")
class Taker(DropCase):
    def setUp(self):
        super().setUp()
        # What is taken stays in the queue, to be counted.
        self.sink.script = lambda verb, argument: (
            "451 4.2.0 not now" if verb == "RCPT" else None)
        self.prepare({"delivery": {"retry": {"first": "1h", "max": "1h"}}})
        self.make_folder()

    def said(self):
        """How often it told of the folder."""
        return sum(len(self.belfryd.events(event))
                   for event in ("drop", "drop_odd", "drop_scan"))

    def run_with(self, call, number, how, paths=()):
        """belfryd until it is killed, or has made up its mind. Only calls that
        have to do with PATHS, if there are any, are looked at."""
        trace = os.path.join(self.belfryd.folder, "trace")
        begun = self.said()
        self.belfryd.start(wrapper=[
            "strace", "-f", "-o", trace, "-e", f"trace={call}", "-e",
            f"inject={call}:{how}:when={number}",
            *(word for path in paths for word in ("-P", path))], wait=False)
        lab.wait_for(lambda: self.belfryd.process.poll() is not None or
                     self.said() > begun, f"{call} {number}", 60)
        if self.belfryd.process.poll() is None:
            self.belfryd.end_wrapped()
        with open(trace, encoding="utf-8", errors="replace") as file:
            return INJECTED.search(file.read())

    def is_deferred(self):
        """While a try is out nothing can be removed."""
        return any(rcpt.get("delay_reason") for message in self.queue()
                   for rcpt in message["recipients"])

    def look(self):
        """The next start finishes it, and it is there once."""
        self.belfryd.start()
        self.wait_gone()
        lab.wait_for(self.is_deferred, "the message to be tried")
        self.assertEqual(len(self.queue()), 1)
        self.belfryd.cli("queue", "remove", "--yes",
                         self.queue()[0]["queue_id"])
        self.assertEqual(self.belfryd.stop(), 0)

    def each(self, how, calls, of_folder=False):
        """How many of CALLS were met; those of the folder and its file only,
        or all."""
        hits = 0
        for call, numbers in calls:
            for number in numbers:
                self.count = getattr(self, "count", 0) + 1
                path = self.put(self.count, drop_file(
                    b"Subject: x\r\n\r\n" + b"a line\r\n" * 3000,
                    to=[f"r{self.count}@example.net"]))
                with self.subTest(f"{call} {number}"):
                    hits += bool(self.run_with(
                        call, number, how,
                        [self.folder, path] if of_folder else []))
                    self.look()
        return hits

    OF_FOLDER = (("openat", range(1, 3)), ("newfstatat", range(1, 5)),
                 ("pread64", range(1, 3)), ("getdents64", [1]),
                 ("unlinkat", [1]))

    def test_killed(self):
        hits = self.each("signal=KILL", [("socketpair", range(1, 4)),
                                         ("fdatasync", range(1, 8))])
        self.assertGreater(hits, 3)
        hits = self.each("signal=KILL", self.OF_FOLDER, of_folder=True)
        self.assertGreater(hits, 5)

    def test_failed(self):
        # With nothing in its place, as strace has it by itself, belfryd's filter
        # of system calls would end it.
        hits = self.each("error=EIO:syscall=getpid", self.OF_FOLDER,
                         of_folder=True)
        self.assertGreater(hits, 5)
        kept = self.belfryd.events("drop", status="kept")
        self.assertIn(os.strerror(5), [e["reason"] for e in kept])


if __name__ == "__main__":
    harness.main()
