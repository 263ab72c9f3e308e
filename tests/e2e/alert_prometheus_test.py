"""The packaged Prometheus fires a rule at belfryd as if it were Alertmanager, and an
Alertmanager has it as its webhook."""
import os
import signal
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
    """One with a rule for each name of RULES, (until when it fires, as a Unix
    time, and its severity). TIMES: how often it looks and says again; without
    it, as by default."""

    def __init__(self, test, port, rules, times=None):
        self.port = lab.free_port()
        self.folder = folder = harness.new_folder(test, "prometheus")
        self.write(f"{folder}/rules.yml", {"groups": [
            {"name": "g", "rules": [self.rule(name, *rule) for name, rule in rules.items()]}]})
        self.write(f"{folder}/prometheus.yml", {
            "global": {"evaluation_interval": times or "1m",
                       "external_labels": {"cluster": "london"}},
            "rule_files": [f"{folder}/rules.yml"],
            "alerting": {"alertmanagers": [{"static_configs": [
                {"targets": [f"127.0.0.1:{port}"]}]}]}})
        self.options = [f"--rules.alert.resend-delay={times}"] if times else []
        self.start()
        test.addCleanup(self.stop)

    @staticmethod
    def rule(name, until, severity):
        return {"alert": name,
                "expr": f"vector(7.3) and on() (vector(time()) < {until})",
                "labels": {"severity": severity},
                "annotations": {"summary": "Disk {{ $value }}% left"}}

    @staticmethod
    def write(path, value):
        with open(path, "w", encoding="ascii") as file:
            file.write(lab.yaml(value))

    def start(self):
        folder = self.folder
        with open(f"{folder}/log", "a", encoding="ascii") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={folder}/prometheus.yml",
                 f"--storage.tsdb.path={folder}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}",
                 *self.options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=dict(os.environ, HOME=folder))

    def stop(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        self.process.wait()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)


@harness.need("prometheus")
class Fires(harness.Case):
    def begin(self, seconds):
        self.start(ALERTS)
        self.until = int(time.time()) + seconds
        return Prometheus(self, self.belfryd.http,
                          {NAME: (self.until, "critical")}, "1s")

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


@harness.need("prometheus")
class Away(harness.Case):
    """For ten minutes, with Prometheus's own times and none set of ours: what
    goes on is no news before and after, and what ended meanwhile is told as
    what Prometheus knows of it."""
    TIME_S = 600

    def texts(self, name):
        """Of the mails about NAME; what is due at once is one."""
        return [text for text in [
            m.content.decode() for m in list(self.sink.messages)]
                if name in text]

    def state(self, name):
        return [alert["state"] for state in ("open", "stale", "resolved")
                for alert in self.belfryd.api(
                    "GET", f"alerts?state={state}")["alerts"]
                if alert["labels"]["alertname"] == name]

    def away(self, leave, come_back, ended):
        self.start({"alerts": {"mail": ["anna@example.net"]}})
        until = int(time.time()) + 300
        peer = Prometheus(self, self.belfryd.http,
                          {NAME: (until + 36000, "critical"),
                           "Backup": (until, "warning")})
        self.sink.wait(2, 180)
        self.assertLess(time.time(), until - 60)
        leave(peer)
        time.sleep(self.TIME_S)
        for name in (NAME, "Backup"):
            self.assertEqual(self.state(name), ["stale"])
            self.assertEqual(len(self.texts(name)), 1)
        (silent,) = self.texts("BelfrySourceSilent")
        self.assertIn("with 2 alerts open", silent)
        come_back(peer)
        lab.wait_for(lambda: len(self.texts("Backup")) > 1,
                     "the end of what ended", 900)
        lab.wait_for(lambda: len(self.texts("BelfrySourceSilent")) > 1,
                     "that it is back", 600)
        self.assertRegex(self.texts("Backup")[1], ended)
        self.assertEqual(self.state(NAME), ["open"])
        self.assertEqual({name: len(self.texts(name)) for name in (
            NAME, "Backup", "BelfrySourceSilent")},
            {NAME: 1, "Backup": 2, "BelfrySourceSilent": 2})

    def test_stopped(self):
        """A new life of Prometheus knows nothing of it."""
        self.away(Prometheus.stop, Prometheus.start, "no longer reported")

    def test_frozen(self):
        """It says that it has ended: that is its recovery."""
        self.away(Prometheus.freeze, Prometheus.thaw, "RESOLVED")


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
