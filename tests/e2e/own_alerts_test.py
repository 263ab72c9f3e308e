"""What Belfry says of itself reaches a receiver, and is over when it is over;
the heartbeat asks for its URL."""
import json
import os
import shutil
import signal

import harness  # first: it knows where lab is
import bad_http
import ca
import lab


class OwnAlerts(harness.Case):
    def setUp(self):
        super().setUp()
        self.folder = harness.new_folder(self, "own")
        self.ca = ca.CA(self.folder)
        self.http = bad_http.BadHttp().start()
        self.addCleanup(self.http.stop)

    def start(self, certificate, **alerts):
        return super().start(lab.merge(harness.SOON, {
            "tls": certificate, "alerts": {
                "receivers": [{"name": "team", "webhook": [
                    {"url": self.http.url("/hook")}]}],
                "route": {"receiver": "team", "group_wait": "1s",
                          "group_interval": "1s", "resolve_hold": "0s"},
                **alerts}}))

    def told(self, count):
        """What the webhook got, as (status, alertname, file)."""
        return [(doc["status"], alert["labels"]["alertname"],
                 alert["labels"]["of"])
                for request in self.http.wait("/hook", count)
                for doc in [json.loads(request.body)]
                for alert in doc["alerts"]]

    def test_certificate(self):
        certificate = self.ca.cert("mx", "relay.example.org", days=2)
        file = certificate["certificate_file"]
        self.start(certificate)
        self.assertEqual(self.told(1),
                         [("firing", "BelfryCertificate", file)])
        # Another look, and another life, tell nothing new.
        self.belfryd.signal(signal.SIGHUP)
        self.wait_events(1, "reload")
        self.belfryd.kill()
        self.belfryd.start()
        self.ca.cert("mx", "relay.example.org", days=90)
        self.belfryd.signal(signal.SIGHUP)
        self.assertEqual(self.told(2)[1:],
                         [("resolved", "BelfryCertificate", file)])
        self.wait_empty()
        self.assertEqual(len(self.http.of("/hook")), 2)

    def test_heartbeat(self):
        """At once and at a reload; no longer while alerts are paused."""
        file = os.path.join(self.folder, "ping")
        with open(file, "w", encoding="ascii") as ping:
            ping.write(self.http.url("/ping") + "\n")
        os.chmod(file, 0o600)
        if lab.IS_ROOT:
            shutil.chown(file, "nobody")
        self.start(self.ca.cert("mx", "relay.example.org"),
                   heartbeat={"ping_url_file": file})
        (request,) = self.http.wait("/ping", 1)
        self.assertEqual(request.method, "GET")
        lab.wait_for(lambda: self.belfryd.metric(
            "belfry_heartbeat_last_success_timestamp_seconds") > 0,
            "the metric of the heartbeat")
        self.belfryd.signal(signal.SIGHUP)
        self.http.wait("/ping", 2)
        self.belfryd.cli("pause", "--alerts", "--reason", "a test")
        self.belfryd.signal(signal.SIGHUP)
        self.wait_events(2, "reload")
        self.assertEqual(len(self.http.of("/ping")), 2)
        self.assertNotIn("/ping", self.belfryd.log().replace(file, ""))


if __name__ == "__main__":
    harness.main()
