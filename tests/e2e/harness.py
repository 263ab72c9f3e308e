"""harness - what the end-to-end tests have in common: a belfryd and a sink each,
ended and looked over afterwards. A test file is a unittest; when all of it was
skipped the exit status is 77."""
import os
import re
import shutil
import smtplib
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "tools"))
import lab  # noqa: E402 (its folder had to be named first)

# A retry comes within the test's patience.
SOON = {"delivery": {"retry": {"first": "300ms", "factor": 1, "max": "1s",
                               "jitter": 0.0}}}
BAD_MARKS = re.compile(
    r"Sanitizer|runtime error:|^must\b.*|assertion", re.M)


def need(program):
    """A test's decorator: skipped where PROGRAM is not installed."""
    return unittest.skipUnless(shutil.which(program),
                               f"{program} is not installed")


def new_folder(test, name):
    """As lab.state_folder(); it goes with the TEST."""
    folder = lab.state_folder(name)
    test.addCleanup(shutil.rmtree, folder, ignore_errors=True)
    return folder


class Case(unittest.TestCase):
    """Has `self.sink`, and `self.start()` for a belfryd that sends to it."""

    def setUp(self):
        self.belfryd = None
        self.sink = lab.Sink().start()
        self.addCleanup(self.sink.stop)

    def prepare(self, config=None):
        """A belfryd that is not started yet; its smarthost is the sink."""
        # More loops than one, whatever the machine has.
        config = lab.merge({"loops": 2, "delivery": {
            "smarthost": [self.sink.hop()]}}, config or {})
        folder = lab.state_folder("e2e")
        self.belfryd = lab.Belfryd(folder, config)
        self.addCleanup(self.finish, self.belfryd)
        return self.belfryd

    def start(self, config=None):
        return self.prepare(config).start()

    def finish(self, belfryd):
        """Whatever the test did, the daemon ends well and says nothing of a
        sanitizer; when the test failed its log is shown."""
        try:
            if belfryd.process:
                self.assertIn(belfryd.stop(), (0, -9))
            self.assertIsNone(BAD_MARKS.search(belfryd.log())
                              if os.path.exists(belfryd.log_file) else None)
        except (AssertionError, lab.Failed):
            show_log(belfryd)
            raise
        finally:
            if not self.went_well():
                show_log(belfryd)
            belfryd.remove()

    def went_well(self):
        result = getattr(self._outcome, "result", None)
        if result is None:
            return True
        return not any(test is self for test, _ in
                       result.errors + result.failures)

    def client(self, belfryd=None):
        client = smtplib.SMTP("127.0.0.1", (belfryd or self.belfryd).smtp,
                              timeout=60)
        self.addCleanup(client.close)
        client.ehlo("client.example.org")
        return client

    def send(self, content=None, sender="anna@example.org",
             to=("ben@example.net",), options=()):
        """One message by smtplib; the queue id from the answer."""
        client = self.client()
        for step in [client.mail(sender, list(options)),
                     *(client.rcpt(r) for r in to)]:
            self.assertEqual(step[0], 250, step)
        code, said = client.data(content if content is not None
                                 else message("hello"))
        self.assertEqual(code, 250, said)
        client.quit()
        found = re.match(rb"2\.0\.0 queued as (\S+)", said)
        self.assertTrue(found, said)
        return found[1].decode()

    def wait_empty(self, timeout=60):
        """Until the queue holds nothing."""
        lab.wait_for(lambda: not self.queue(), lambda: "an empty queue, not "
                     + str(self.queue())[:2000], timeout)

    def wait_events(self, count, event, **fields):
        """COUNT lines of EVENT; a line may be written after what it tells."""
        lab.wait_for(lambda: len(self.belfryd.events(event, **fields)) >=
                     count, f"{count} lines of event={event}")
        found = self.belfryd.events(event, **fields)
        self.assertEqual(len(found), count, found)
        return found

    def queue(self):
        return self.belfryd.queue()


# How often the daemon is killed under load: the last argument of a test.
KILLS = int(sys.argv.pop()) if sys.argv[-1].isdigit() else 5


class KilledLoad:
    """Sends numbered messages while the daemon is killed KILLS times; ACKED
    are the subjects of those that were taken."""

    def __init__(self, case, to, kills=KILLS):
        self.case, self.to, self.kills = case, to, kills
        self.acked, self.ending = [], threading.Event()

    def send_all(self):
        n = 0
        while not self.ending.is_set():
            try:
                with smtplib.SMTP("127.0.0.1", self.case.belfryd.smtp,
                                  timeout=30) as client:
                    while not self.ending.is_set():
                        n += 1
                        client.sendmail("anna@example.org", self.to,
                                        self.content(n))
                        self.acked.append(f"m{n}")
            except (OSError, smtplib.SMTPException):
                time.sleep(0.05)  # killed; it will be back

    @staticmethod
    def content(n):
        lines = n * 37 % 2000
        return message(f"m{n}", subject=f"m{n}",
                       body=b"".join(b"%078d\r\n" % i for i in range(lines))
                       + b"end\r\n")

    def run(self):
        thread = threading.Thread(target=self.send_all)
        thread.start()
        try:
            for _ in range(self.kills):
                time.sleep(0.4)
                self.case.belfryd.kill()
                self.case.belfryd.start()
        finally:
            self.ending.set()
            thread.join()
        self.case.wait_empty()
        self.case.assertGreater(len(self.acked), 20)
        return self.acked


def show_log(belfryd):
    if os.path.exists(belfryd.log_file):
        sys.stderr.write(f"--- belfryd's log\n{belfryd.log()[-8000:]}---\n")


def message(text, subject="a test", body=None):
    """A whole message with everything that Belfry would add."""
    body = body if body is not None else text.encode() + b"\r\n"
    return (f"From: anna@example.org\r\nTo: ben@example.net\r\n"
            f"Subject: {subject}\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n"
            f"Message-ID: <{abs(hash((text, subject)))}@example.org>\r\n\r\n"
            ).encode() + body


def main():
    program = unittest.main(module="__main__", exit=False, verbosity=2)
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    skipped = sum(isinstance(test, unittest.TestCase) # else a whole class
                  for test, _ in result.skipped)
    if result.skipped and skipped == result.testsRun:
        sys.exit(77)
