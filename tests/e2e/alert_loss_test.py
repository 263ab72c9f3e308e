"""A thousand alerts that are posted once, and what happens on their way: each
arrives, and none twice but what was in flight when a kill came."""
import collections
import json
import re
import threading
import time

import alert_test
import harness
import lab

ALERTS = 1000
POST = 250 # of a request
# At a kill each of 21 connections may have a mail under way, and one whose
# arrival is not on the disk yet.
IN_FLIGHT = 2 * 21
CONFIG = {
    "alerts": {"mail": ["anna@example.net"], "route": {
        "group_by": ["..."], "group_wait": "1s"}},
    "delivery": {"retry": {"first": "300ms", "factor": 1, "max": "1s",
                           "jitter": 0.0}}}


def document(first, count):
    return json.dumps([{
        "labels": {"alertname": f"n{n}x", "severity": "warning"},
        "startsAt": "2026-01-01T00:00:00Z"} for n in range(
            first, first + count)])


class Loss(harness.Case):
    def post_all(self):
        for first in range(0, ALERTS, POST):
            status, said = alert_test.post(self.belfryd, "/api/v2/alerts",
                                           document(first, POST))
            self.assertEqual(status, 200, said)

    def arrived(self, to=None):
        """How often the mail of each alert came."""
        return collections.Counter(
            int(re.search(rb"\bn(\d+)x\b", mail.content)[1])
            for mail in list(self.sink.messages)
            if to is None or mail.recipients == [to])

    def all_arrive(self, to=None, timeout=120):
        lab.wait_for(lambda: len(self.arrived(to)) == ALERTS,
                     lambda: f"{ALERTS} alerts at the sink, which has "
                     f"{len(self.arrived(to))}", timeout)
        self.wait_empty()
        return self.arrived(to)

    def each_once(self, to=None):
        twice = [n for n, count in self.all_arrive(to).items() if count > 1]
        self.assertEqual(twice, [])

    def test_refused(self):
        """Nobody listens at the next hop, for a while."""
        self.start(CONFIG)
        self.sink.stop()
        self.post_all()
        lab.wait_for(lambda: self.belfryd.events("destination_down"),
                     "a next hop that is down")
        self.sink.start()
        self.each_once()

    def test_deferred(self):
        """451 to the first tries of every mail."""
        self.start(CONFIG)
        begun = time.monotonic()
        self.sink.script = lambda verb, argument: (
            "451 4.3.0 not now" if verb == "RCPT" and
            time.monotonic() < begun + 5 else None)
        self.post_all()
        self.each_once()

    def test_killed_while_down(self):
        """Killed before the next hop is back: none was in flight."""
        self.start(CONFIG)
        self.sink.stop()
        self.post_all()
        self.belfryd.kill()
        self.belfryd.start()
        self.sink.start()
        self.each_once()

    def test_killed(self):
        """Killed again and again while they are sent."""
        self.start(CONFIG)
        self.post_all()
        kills = 3
        for n in range(kills):
            some = (n + 1) * ALERTS // 5
            lab.wait_for(lambda: len(self.sink.messages) >= some,
                         "some of the mails")
            self.belfryd.kill()
            self.belfryd.start()
        arrived = self.all_arrive()
        self.assertLessEqual(sum(arrived.values()) - ALERTS,
                             kills * IN_FLIGHT)

    def test_stopped(self):
        """A clean stop in between: nothing is in flight afterwards."""
        self.start(CONFIG)
        self.post_all()
        self.sink.wait(ALERTS // 5)
        self.assertEqual(self.belfryd.stop(), 0)
        self.belfryd.start()
        self.each_once()

    def test_stopped_while_down(self):
        """Stopped while nobody listens at the next hop: none was in flight."""
        self.start(CONFIG)
        self.sink.stop()
        self.post_all()
        lab.wait_for(lambda: self.belfryd.events("destination_down"),
                     "a next hop that is down")
        self.assertEqual(self.belfryd.stop(), 0)
        self.belfryd.start()
        self.assertEqual(self.held(), set(range(ALERTS)))
        self.sink.start()
        self.each_once()

    def test_stopped_before_they_are_due(self):
        """What was taken and not yet told is told by the next belfryd."""
        self.start(lab.merge(CONFIG, {"alerts": {"route": {
            "group_wait": "3s"}}}))
        self.post_all()
        self.belfryd.kill()
        self.assertEqual(len(self.sink.messages), 0)
        self.belfryd.start()
        self.each_once()

    def test_one_refused(self):
        """One of two recipients answers 550: the other gets all."""
        ben = "ben@example.net"
        self.sink.script = lambda verb, argument: (
            "550 5.7.1 not you" if verb == "RCPT" and ben in argument
            else None)
        self.start(lab.merge(CONFIG, {"alerts": {
            "mail": ["anna@example.net", ben]}}))
        self.post_all()
        self.each_once("anna@example.net")
        self.assertEqual(self.arrived(ben), {})

    def test_killed_while_posted(self):
        """What a source was told is taken is taken; what it was not told it
        posts again."""
        self.start(CONFIG)
        ending = threading.Event()

        def kill():
            while not ending.wait(0.3):
                self.belfryd.kill()
                self.belfryd.start()

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            for n in range(0, ALERTS, 10):
                while not self.posted(n):
                    time.sleep(0.02)
        finally:
            ending.set()
            killer.join()
        self.all_arrive()

    def test_stopped_while_posted(self):
        """Stopped amid posts, which nobody repeats: what was answered with 200
        is there after the start and told once; nothing is told twice."""
        self.start(CONFIG)
        taken, ending = [], threading.Event()
        numbers = iter(range(0, 1000 * ALERTS, 10)) # shared by the posters

        def keep_posting():
            while not ending.wait(0.01):
                first = next(numbers)
                if self.posted(first):
                    taken.extend(range(first, first + 10))

        posters = [threading.Thread(target=keep_posting) for _ in range(3)]
        for poster in posters:
            poster.start()
        try:
            for n in range(3):
                some = len(taken) + ALERTS // 4
                lab.wait_for(lambda some=some: len(taken) >= some,
                             "some of the posts")
                self.assertEqual(self.belfryd.stop(), 0)
                answered = set(taken)
                self.belfryd.start()
                self.assertLessEqual(answered, self.held())
        finally:
            ending.set()
            for poster in posters:
                poster.join()
        lab.wait_for(lambda: set(taken) <= set(self.arrived()),
                     lambda: f"{len(taken)} alerts at the sink, which has "
                     f"{len(self.arrived())}", 120)
        self.wait_empty()
        self.assertEqual([n for n, count in self.arrived().items()
                          if count > 1], [])

    def held(self):
        """The numbers of those that belfryd has."""
        status, said = self.belfryd.get("/api/v2/alerts")
        self.assertEqual(status, 200)
        return {int(alert["labels"]["alertname"][1:-1])
                for alert in json.loads(said)}

    def posted(self, first):
        try:
            status, _ = alert_test.post(self.belfryd, "/api/v2/alerts",
                                        document(first, 10))
        except (OSError, alert_test.http.client.HTTPException):
            return False
        return status == 200


if __name__ == "__main__":
    harness.main()
