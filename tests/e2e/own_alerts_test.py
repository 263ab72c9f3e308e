"""What Belfry says of itself reaches a receiver, and is over when it is over;
the heartbeat asks for its URL."""
import contextlib
import glob
import json
import os
import shutil
import signal
import smtplib
import time
import unittest

import harness  # first: it knows where lab is
import alertmanager
import bad_http
import ca
import lab

FAST_CLOCK = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
ANNA = "anna@example.org"
AT_ONCE = {"group_wait": "1s", "group_interval": "1s", "resolve_hold": "0s"}


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
                "route": {"receiver": "team", **AT_ONCE},
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


class Mailed(harness.Case):
    """What each tells reaches a mailbox, and so does that it is over."""

    def start(self, config=None, **how):
        alerts = {"alerts": {"mail": [ANNA], "route": AT_ONCE}}
        return self.prepare(lab.merge(harness.SOON, lab.merge(
            alerts, config or {}))).start(**how)

    def look(self):
        """Belfry looks at a reload, too."""
        self.belfryd.signal(signal.SIGHUP)

    def told(self, name, count=1):
        """The text of the last of COUNT mails about NAME, all to Anna."""
        def mails():
            return [m for m in list(self.sink.messages)
                    if name in m.header("Subject")]
        lab.wait_for(lambda: len(mails()) >= count,
                     f"{count} mails about {name}", 60)
        self.assertEqual([m.recipients for m in mails()], [[ANNA]] * count)
        return mails()[-1].content.decode()

    def over(self, name):
        self.assertIn("RESOLVED", self.told(name, 2))

    def states(self, name):
        return [alert["state"] for alert in
                self.belfryd.api("GET", "alerts")["alerts"]
                if alert["labels"]["alertname"] == name]

    def refuse(self, reply):
        """Ben's mail, until `self.refused` is empty."""
        self.refused = [True]
        self.sink.script = lambda verb, argument: (
            reply if verb == "RCPT" and self.refused and "ben@" in argument
            else None)

    def test_queue_stuck(self):
        """A host is down; what goes elsewhere arrives."""
        host = lab.Sink()
        self.addCleanup(host.stop)
        self.start({"routes": [{"match": "example.net", "deliver": "smtp",
                                "via": [host.hop()]}],
                    "delivery": {"warn_after": "1s"}})
        self.send()
        self.wait_events(1, "destination_down")
        lab.wait_for(lambda: self.look() or self.sink.messages, "a mail")
        self.assertIn("1 deliveries to ", self.told("BelfryQueueStuck"))
        host.start()
        self.wait_empty()
        self.look()
        self.over("BelfryQueueStuck")

    def test_double_bounce(self):
        self.refuse("550 5.1.1 nobody of that name")
        self.start()
        self.send(sender="")
        self.wait_events(1, "double_bounce")
        self.look()
        self.assertIn("could not be told", self.told("BelfryDoubleBounce"))

    def test_store(self):
        self.refuse("451 4.2.0 not now")
        self.start({"store": {"max_size": "16M"},
                    "limits": {"message_size": "2M"}})
        part = b"".join(b"%078d\r\n" % i for i in range(5000))

        def fill():
            """A message more; how full it is then is known a little later."""
            with self.client() as client, contextlib.suppress(
                    smtplib.SMTPDataError, smtplib.SMTPSenderRefused):
                client.sendmail(ANNA, ["ben@example.net"],
                                harness.message("", body=part))
            return (self.belfryd.metric("belfry_store_used_bytes") >
                    0.86 * self.belfryd.metric("belfry_store_limit_bytes"))

        lab.wait_for(fill, "a store that is nearly full")
        self.look()
        self.assertRegex(self.told("BelfryStore"), "full to (8[6-9]|9.) per")
        self.refused.clear()
        self.wait_empty()
        lab.wait_for(lambda: self.belfryd.metric(
            "belfry_store_used_bytes") < 8 << 20, "room in the store")
        self.look()
        self.over("BelfryStore")

    def test_source_silent(self):
        """Ben, who was told of what it said, hears nothing of that."""
        self.start({"alerts": {
            "sources": [{"name": "alertmanager", "kind": "alertmanager",
                         "resend": "1s"}],
            "receivers": [{"name": "disks", "mail": ["ben@example.net"]}],
            "route": {"receiver": "default", "routes": [
                {"matchers": ['alertname="Disk"'], "receiver": "disks"}]}}})
        api = alertmanager.Api(self.belfryd.http)

        def fire(seconds):
            status, _, said = api.post("alerts", [
                {"labels": {"alertname": "Disk", "host": host},
                 "endsAt": alertmanager.at(seconds)}
                for host in ("db1", "db2")])
            self.assertEqual(status, 200, said)

        fire(2)
        self.assertIn("with 2 alerts open", self.told("BelfrySourceSilent"))
        fire(3600)
        self.over("BelfrySourceSilent")
        self.assertEqual(len([m for m in self.sink.messages
                              if m.recipients != [ANNA]]), 1)

    def test_refused(self):
        self.start()
        api = alertmanager.Api(self.belfryd.http)
        status, _, said = api.post("alerts", [
            {"labels": {"alertname": "Disk", "ho-st": "db1"}}])
        self.assertEqual(status, 400, said)
        self.look()
        self.assertIn("alertmanager were refused and are lost: bad label",
                      self.told("BelfryRefused"))

    @unittest.skipUnless(FAST_CLOCK, "libfaketime is not installed")
    def test_paused(self):
        """A quarter of an hour is short by a fast clock."""
        if "asan" in lab.program("belfryd") or "tsan" in lab.program("belfryd"):
            self.skipTest("a sanitizer wants to be loaded first")
        self.start(wrapper=["env", "FAKETIME=+0 x60",
                            "LD_PRELOAD=" + FAST_CLOCK[0]])
        self.belfryd.cli("pause", "--reason", "a new disk")
        self.send()
        self.assertIn("a new disk", self.told("BelfryPaused"))
        self.belfryd.cli("resume")
        self.over("BelfryPaused")
        self.wait_empty()
        before = len(self.sink.messages)
        # With alerts paused, too, it is listed; its mail comes afterwards.
        self.belfryd.cli("pause", "--alerts", "--reason", "a new board")
        lab.wait_for(lambda: self.states("BelfryPaused") == ["open"],
                     "the alert", 60)
        time.sleep(1) # a minute of its clock, of which no mail comes
        self.assertEqual(len(self.sink.messages), before)
        self.belfryd.cli("resume")
        self.assertIn("RESOLVED", self.told("BelfryPaused", 4))
        self.assertIn("FIRING", self.sink.messages[before].content.decode())
        self.wait_empty()


if __name__ == "__main__":
    harness.main()
