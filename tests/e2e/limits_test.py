"""What one destination gets: no more in a time than its rate says, and no more
connections than it takes."""
import json
import time

import harness
from harness import lab


class FewSession(lab.SinkSession):
    """Takes MOST connections at the same time, and some time over each mail."""
    MOST = 3

    def talk(self):
        sink = self.server.sink
        with sink.lock:
            sink.open += 1
            refused = sink.open > self.MOST
            sink.refused += refused
        try:
            if refused:
                self.say("421 4.7.0 too many connections")
            else:
                super().talk()
        finally:
            with sink.lock:
                sink.open -= 1


class FewSink(lab.Sink):
    open = refused = 0

    def start(self):
        super().start()
        self.server.RequestHandlerClass = FewSession
        return self


def slowly(verb, _argument):
    if verb == ".":
        time.sleep(0.05)


class Limits(harness.Case):
    def stats(self):
        out = self.belfryd.cli("queue", "stats", "--json").stdout
        return [json.loads(line) for line in out.splitlines()]

    def test_rate(self):
        """What is over the rate waits, untried; nobody else does."""
        other = lab.Sink().start()
        self.addCleanup(other.stop)
        self.start({"delivery": {
            "per_destination": {"rate": "4/1h"},
            "by_domain": [{"match": "other.example", "via": [other.hop()]}]}})
        for _ in range(10):
            self.send()
        self.sink.wait(4)
        self.send(to=["a@other.example"])
        other.wait(1)
        self.wait_events(5, "deliver", status="delivered")
        self.assertEqual(len(self.sink.messages), 4)
        stats, = self.stats()
        self.assertGreater(stats["rate_until_ms"], time.time() * 1000)
        self.assertEqual((stats["waiting"], stats["down"]), (6, False))
        self.assertIn("rate used up, next in ",
                      self.belfryd.cli("queue", "stats").stdout)

    def test_rate_goes_on(self):
        """Those that waited go when the time has passed, in their first try."""
        times = []
        self.sink.on_message = lambda _: times.append(time.monotonic())
        self.start({"delivery": {"per_destination": {"rate": "4/2s"}}})
        for _ in range(10):
            self.send()
        self.sink.wait(10)
        for first, fifth in zip(times, times[4:]):
            # From when a message is given until it is there takes its time.
            self.assertGreater(fifth - first, 1.5, times)
        for event in self.wait_events(10, "deliver", status="delivered"):
            self.assertEqual(event["tries"], "1")

    def test_rate_is_for_smtp(self):
        """Our own Maildirs are nobody's provider."""
        folder = harness.new_folder(self, "maildir")
        self.start({
            "domains": ["ours.example"],
            "postmaster": "anna@ours.example",
            "routes": [{"match": "ours.example", "deliver": "maildir",
                        "path": folder + "/{local}"}],
            "delivery": {"per_destination": {"rate": "1/1h"}}})
        for _ in range(3):
            self.send(to=["ben@ours.example"])
        self.wait_events(3, "deliver", status="delivered")

    def test_window(self):
        """A host that refuses the fourth connection gets all of the mail over
        three or so, and nothing is put off."""
        self.sink.stop()
        self.sink = FewSink(script=slowly).start()
        self.addCleanup(self.sink.stop)
        self.start(lab.merge(harness.SOON, {"delivery": {"per_destination": {
            "connections": 12}}}))
        self.belfryd.cli("pause", "--reason", "all at once")
        for _ in range(60):
            self.send()
        self.belfryd.cli("resume")
        lab.wait_for(lambda: [d for d in self.stats() if d["window"] < 12],
                     "a window that narrows")
        self.sink.wait(60)
        self.wait_empty()
        self.assertEqual(len(self.sink.messages), 60)
        self.assertEqual(self.belfryd.events("deliver", status="deferred"), [])
        self.assertGreater(self.sink.refused, 0)
        # At first twelve, then one now and then.
        self.assertLess(self.sink.refused, 60)


if __name__ == "__main__":
    harness.main()
