"""The way round a dead host: what waits follows the configuration."""
import signal

import harness
import lab


class Walk(harness.Case):
    """The smarthost is dead, and its next try is an hour away."""

    def setUp(self):
        super().setUp()
        self.dead = lab.free_port()
        belfryd = self.prepare({"delivery": {
            "retry": {"first": "1h", "max": "1h"}}})
        belfryd.config["delivery"]["smarthost"] = [
            {"host": "127.0.0.1", "port": self.dead, "tls": "none"}]
        belfryd.write_config()
        belfryd.start()
        for i in range(20):
            self.send(harness.message(f"number {i}"))
        self.wait_events(1, "destination_down")

    def round(self):
        self.belfryd.config["delivery"]["smarthost"] = [self.sink.hop()]
        self.belfryd.write_config()

    def all_arrive(self):
        self.sink.wait(20)
        self.wait_empty()
        walk = self.belfryd.api("GET", "status")["walk"]
        self.assertEqual(walk["work"], "none")
        self.assertFalse(walk["running"])

    def test_reload(self):
        self.round()
        self.belfryd.signal(signal.SIGHUP)
        self.all_arrive()
        self.wait_events(2, "walk", state="end", work="routes")

    def test_restart(self):
        self.belfryd.stop()
        self.round()
        self.belfryd.start()
        self.all_arrive()

    def test_killed(self):
        self.round()
        self.belfryd.signal(signal.SIGHUP)
        self.belfryd.kill()
        self.belfryd.start()
        lab.wait_for(lambda: len(self.sink.messages) >= 20, "all of them")
        self.wait_empty()

    def test_the_same_name(self):
        """A named list is one destination, whatever hosts it has."""
        self.belfryd.config["delivery"]["smarthost"][0]["name"] = "out"
        self.belfryd.write_config()
        self.belfryd.signal(signal.SIGHUP)
        self.wait_events(2, "walk", state="end", work="routes")
        self.belfryd.config["delivery"]["smarthost"] = [
            self.sink.hop() | {"name": "out"}]
        self.belfryd.write_config()
        self.belfryd.signal(signal.SIGHUP)
        self.all_arrive()

    def test_requeue(self):
        one = self.queue()[0]["queue_id"]
        self.round()
        self.belfryd.signal(signal.SIGHUP)
        self.belfryd.cli("queue", "requeue", one, check=False)
        self.all_arrive()


if __name__ == "__main__":
    harness.main()
