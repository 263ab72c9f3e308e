"""The packaged Prometheus fires a rule at belfryd as if it were Alertmanager, and an
Alertmanager has it as its webhook."""
import os
import subprocess
import time

import alertmanager
import harness
import lab

NAME = "DiskWillFill"
ALERTS = {"alerts": {
    "mail": ["anna@example.net"],
    # It re-sends every second, and says that four later it is over.
    "sources": [{"name": "alertmanager", "kind": "alertmanager",
                 "resend": "1s"}],
    "route": {"group_by": ["alertname"], "group_wait": "1s",
              "group_interval": "1s", "resolve_hold": "1s"}}}


class Prometheus:
    """One whose rule fires from its start until UNTIL (a Unix time)."""

    def __init__(self, test, port, until):
        self.port = lab.free_port()
        folder = harness.new_folder(test, "prometheus")
        rule = {"alert": NAME,
                "expr": f"vector(7.3) and on() (vector(time()) < {until})",
                "labels": {"severity": "critical"},
                "annotations": {"summary": "Disk {{ $value }}% left"}}
        self.write(f"{folder}/rules.yml", {"groups": [
            {"name": "g", "rules": [rule]}]})
        self.write(f"{folder}/prometheus.yml", {
            "global": {"evaluation_interval": "1s",
                       "external_labels": {"cluster": "london"}},
            "rule_files": [f"{folder}/rules.yml"],
            "alerting": {"alertmanagers": [{"static_configs": [
                {"targets": [f"127.0.0.1:{port}"]}]}]}})
        with open(f"{folder}/log", "w", encoding="ascii") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={folder}/prometheus.yml",
                 f"--storage.tsdb.path={folder}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}",
                 "--rules.alert.resend-delay=1s"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=dict(os.environ, HOME=folder))
        test.addCleanup(self.stop)

    @staticmethod
    def write(path, value):
        with open(path, "w", encoding="ascii") as file:
            file.write(lab.yaml(value))

    def stop(self):
        self.process.terminate()
        self.process.wait()


@harness.need("prometheus")
class Fires(harness.Case):
    def begin(self, seconds):
        self.start(ALERTS)
        self.until = int(time.time()) + seconds
        return Prometheus(self, self.belfryd.http, self.until)

    def subjects(self, count):
        return [(m.header("Subject"), m.content.decode())
                for m in self.sink.wait(count, 60)]

    def test_recovers(self):
        """What Prometheus says is over is told as that, in the thread."""
        self.begin(12)
        self.sink.wait(1, 60)
        self.assertLess(time.time(), self.until)
        (alert,) = alertmanager.Api(self.belfryd.http).alerts()
        self.assertEqual(alert["labels"], {
            "alertname": NAME, "cluster": "london", "severity": "critical"})
        self.assertEqual(alert["annotations"]["summary"], "Disk 7.3% left")
        self.assertIn("/graph?g0.expr=", alert["generatorURL"])
        down, up = self.sink.wait(2, 60)
        self.assertIn(NAME, down.header("Subject"))
        self.assertIn("Disk 7.3% left", down.content.decode())
        self.assertEqual(up.header("In-Reply-To"), down.header("Message-ID"))
        self.assertRegex(up.content.decode(), "(?i)resolved|recovered")
        self.assertEqual(alertmanager.Api(self.belfryd.http).alerts(), [])

    def test_stopped(self):
        """A Prometheus that was stopped says nothing of a recovery, and nor
        do we."""
        prometheus = self.begin(3600)
        self.sink.wait(1, 60)
        prometheus.stop()
        lab.wait_for(lambda: [
            a for a in self.belfryd.api("GET", "alerts?state=stale")["alerts"]
            if a["labels"]["alertname"] == NAME], "it to be stale")
        self.assertEqual(self.belfryd.api(
            "GET", "alerts?state=resolved")["alerts"], [])
        for mail in self.sink.wait(2, 60)[1:]:
            self.assertIn("no longer reported", mail.content.decode())
            self.assertNotRegex(mail.content.decode(), "(?i)resolved")
        # Who lists alerts still sees it.
        self.assertEqual([a["labels"]["alertname"] for a in alertmanager.Api(
            self.belfryd.http).alerts()], [NAME])


@alertmanager.ALERTMANAGER
class Relays(harness.Case):
    """An Alertmanager that stays, and has us as its webhook."""

    def test_webhook(self):
        self.start({"alerts": {"mail": ["anna@example.org"], "route": {
            "group_wait": "1s", "group_interval": "1s",
            "resolve_hold": "0s"}}})
        peer = alertmanager.Peer(
            self, f"http://127.0.0.1:{self.belfryd.http}/hooks/alertmanager")
        disk = {"labels": {"alertname": "Disk", "instance": "db1"},
                "annotations": {"summary": "It is full"}}
        self.assertEqual(peer.post("alerts", [disk])[0], 200)
        self.sink.wait(1, 60)
        (theirs,) = peer.alerts()
        (ours,) = self.belfryd.api("GET", "alerts?state=open")["alerts"]
        self.assertEqual((ours["key"], ours["labels"]),
                         (theirs["fingerprint"], disk["labels"]))
        disk["endsAt"] = alertmanager.at(-1)
        self.assertEqual(peer.post("alerts", [disk])[0], 200)
        down, up = self.sink.wait(2, 60)
        self.assertIn("It is full", down.content.decode())
        self.assertEqual(up.header("Subject"),
                         "Re: " + down.header("Subject"))
        self.assertIn("RESOLVED", up.content.decode())


if __name__ == "__main__":
    harness.main()
