"""Killed at random moments under load, again and again.

Every acknowledged message arrives, none is damaged; what arrived twice was on
its way at a kill, so that its outcome had not reached the disk and was not
logged; what could not be delivered is told once. Argument: how many kills (5).
"""
import hashlib
import random
import re
import smtplib
import threading
import time

import harness
import lab

SENDERS = 6
# What can be on its way at a kill: the destination's connections, each with a
# message of up to three recipients.
IN_FLIGHT = 20 * 3


def content_of(mark):
    seed = random.Random(mark)
    size = seed.choice([10, 1000, 4000, 20000, 120000])
    body = b"".join(b"%064x\r\n" % seed.getrandbits(256)
                    for _ in range(size // 66 + 1))
    return harness.message(mark, subject=mark,
                           body=hashlib.sha256(body).hexdigest().encode() +
                           b"\r\n" + body)


class Load:
    """Threads that send marked messages and note which were acknowledged."""

    def __init__(self, belfryd):
        self.belfryd, self.ending = belfryd, threading.Event()
        self.acked, self.lock = [], threading.Lock()
        self.refusals = []
        self.threads = [threading.Thread(target=self.run, args=(n,))
                        for n in range(SENDERS)]

    def run(self, who):
        n = 0
        while not self.ending.is_set():
            try:
                with smtplib.SMTP("127.0.0.1", self.belfryd.smtp,
                                  timeout=30) as client:
                    client.ehlo("load.example.org")
                    while not self.ending.is_set():
                        n += 1
                        self.send(client, f"m-{who}-{n}", n % 7 == 0)
            except (OSError, smtplib.SMTPServerDisconnected):
                time.sleep(0.05) # killed; it will be back
            except smtplib.SMTPResponseException as refusal:
                self.refusals.append(refusal)
                return

    def send(self, client, mark, doomed):
        to = [f"{mark}@example.net", f"{mark}-too@example.net"]
        if doomed:
            to.append(f"{mark}-refused@example.net")
        code, said = client.mail(f"from-{mark}@example.org")
        for address in to:
            if code == 250:
                code, said = client.rcpt(address)
        if code == 250:
            code, said = client.data(content_of(mark))
        if code == 421:
            raise smtplib.SMTPServerDisconnected(said)
        if code != 250:
            raise smtplib.SMTPResponseException(code, said)
        with self.lock:
            self.acked.append((mark, doomed))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *unused):
        self.ending.set()
        for thread in self.threads:
            thread.join()


class Kill(harness.Case):
    def test_kill(self):
        self.sink.script = lambda verb, argument: (
            "550 5.1.1 refused for good"
            if verb == "RCPT" and "-refused@" in argument else None)
        belfryd = self.start(lab.merge(harness.SOON, {
            "limits": {"messages_per_connection": 1000000}}))
        with Load(belfryd) as load:
            for _ in range(harness.KILLS):
                self.kill_once(belfryd, load)
        self.assertEqual(load.refusals, [])
        self.assertGreater(len(load.acked), 20 * harness.KILLS)
        self.wait_empty(timeout=120)
        self.look_over(load.acked)
        print(f"{len(load.acked)} acknowledged, {harness.KILLS} kills, "
              f"{self.twice} deliveries twice")

    def kill_once(self, belfryd, load):
        before = len(load.acked)
        lab.wait_for(lambda: len(load.acked) > before + 20 or load.refusals,
                     "some load")
        time.sleep(random.random() * 0.5)
        belfryd.kill()
        belfryd.start()

    def look_over(self, acked):
        seen, reports = {}, {}
        for message in self.sink.messages:
            if message.sender == "":
                mark = re.match(r"from-(\S+)@", message.recipients[0])[1]
                reports.setdefault(mark, set()).add(
                    message.header("Message-ID"))
                continue
            mark = message.header("Subject")
            self.assertTrue(message.content.endswith(content_of(mark)),
                            f"{mark} is damaged")
            for address in message.recipients:
                seen[address] = seen.get(address, 0) + 1
        for mark, doomed in acked:
            self.assertIn(f"{mark}@example.net", seen)
            self.assertIn(f"{mark}-too@example.net", seen)
            self.assertEqual(len(reports.get(mark, ())), int(doomed),
                             f"reports of {mark}")
        self.twice = sum(times - 1 for times in seen.values())
        self.assertLessEqual(self.twice, harness.KILLS * IN_FLIGHT)
        self.look_at_log()

    def look_at_log(self):
        """A line says delivered when that is on disk: never twice."""
        told = {}
        for line in self.belfryd.events("deliver", status="delivered"):
            key = line["id"], line["to"]
            told[key] = told.get(key, 0) + 1
        self.assertEqual([key for key, n in told.items() if n > 1], [])


if __name__ == "__main__":
    harness.main()
