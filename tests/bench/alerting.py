"""alerting - the benchmark's figures of alerts, beside the packaged Alertmanager."""
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import time

import servers
from servers import Belfry, Peak, Sink, cpu_of, lab, memory_of, source

ANNA, BEN = "anna@example.net", "ben@example.net"
POST = 1000 # alerts of a request
PATH = "/api/v2/alerts"
HELD_TURNS = 10 # of re-posting
# Each alert by itself, at once.
ROUTE = {"group_by": ["..."], "group_wait": "0s"}


def alertmanager():
    return shutil.which("prometheus-alertmanager")


def moment(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def alerts(first, count, until=3600):
    """COUNT distinct ones that expire UNTIL seconds from now, as Prometheus
    writes them."""
    now = time.time()
    return [{"labels": {"alertname": "DiskWillFill", "severity": "warning",
                        "job": "node", "instance": f"host{n}.example.org:9100",
                        "mountpoint": "/srv", "site": "london"},
             "annotations": {"summary": f"/srv on host{n} is full in 4 hours",
                             "description": "At the rate of the last 6 hours "
                                            "nothing will be left by then."},
             "startsAt": moment(now - 60), "endsAt": moment(now + until),
             "generatorURL": "http://prometheus.example.org:9090/graph?g0=1"}
            for n in range(first, first + count)]


class Poster:
    """A source: one connection, kept."""

    def __init__(self, port):
        self.client = http.client.HTTPConnection("127.0.0.1", port, 300)

    def post(self, first, count, until=3600):
        """The longest that a request took, in seconds."""
        longest = 0
        for at in range(first, first + count, POST):
            some = json.dumps(alerts(at, min(POST, first + count - at), until))
            begun = time.monotonic()
            self.client.request("POST", PATH, some, {
                "Content-Type": "application/json"})
            answer = self.client.getresponse()
            said = answer.read()
            if answer.status != 200:
                raise lab.Failed(f"POST: {answer.status} {said[:200]!r}")
            longest = max(longest, time.monotonic() - begun)
        return longest


def refuse_ben(verb, argument):
    return ("550 5.7.1 not you" if verb == "RCPT" and BEN in argument
            else None)


class Watch(lab.Sink):
    """A sink that keeps only when each alert's mail came, and the last of
    all."""

    def __init__(self, script=None, idle=20):
        super().__init__(script)
        self.idle = idle # seconds without a mail: no more will come
        self.count, self.came, self.last = 0, {}, time.monotonic()

    def take(self, message):
        now, found = time.monotonic(), re.search(rb"host\d+", message.content)
        with self.lock:
            self.count += 1
            self.last = now
            if found:
                self.came.setdefault(found[0].decode(), now)

    def arrived(self, count):
        """How many of COUNT alerts were mailed, once no more come."""
        since, hosts = time.monotonic(), {f"host{n}" for n in range(count)}
        lab.wait_for(lambda: hosts <= self.came.keys() or time.monotonic() >
                     max(self.last, since) + self.idle, "the mails", 600)
        return len(hosts & self.came.keys())

    def when(self, host):
        lab.wait_for(lambda: host in self.came, f"the mail of {host}", 60)
        return self.came[host]


class Relay(Belfry):
    def __init__(self, sink, alerts_conf=None, config=None, name="belfry"):
        super().__init__(sink, lab.merge({"alerts": {
            "mail": [ANNA], "from": "alerts@example.org",
            "route": ROUTE, **(alerts_conf or {})},
            "store": {"max_size": "4G"}}, config or {}), name)

    def start(self):
        super().start()
        self.http = self.daemon.http
        return self

    def restart(self, kill=False):
        """Seconds until it takes an alert again."""
        if kill:
            self.daemon.kill()
        else:
            self.daemon.stop(timeout=300)
        begun = time.monotonic()
        self.daemon.start(wait=False)
        while True:
            try:
                Poster(self.http).post(10 ** 9, 1)
                return time.monotonic() - begun
            except (OSError, lab.Failed, http.client.HTTPException):
                time.sleep(0.005)


class Alertmanager:
    name = "alertmanager"

    def __init__(self, sink, to=(ANNA,)):
        self.sink, self.http, self.to = sink, lab.free_port(), to
        self.folder = lab.state_folder("bench-alertmanager")
        self.process = None

    def start(self):
        path = os.path.join(self.folder, "alertmanager.yml")
        with open(path, "w", encoding="ascii") as file:
            json.dump({
                "global": {"smtp_from": "alerts@example.org",
                           "smtp_require_tls": False,
                           "smtp_smarthost": f"127.0.0.1:{self.sink.port}"},
                "route": {"receiver": "anna", **ROUTE},
                "receivers": [{"name": "anna", "email_configs": [
                    {"to": ", ".join(self.to)}]}]}, file)
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.process = subprocess.Popen(
                [alertmanager(), f"--config.file={path}",
                 f"--storage.path={self.folder}/data",
                 f"--web.listen-address=127.0.0.1:{self.http}",
                 "--cluster.listen-address="], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log)
        lab.wait_for(lambda: lab.listens(self.http), "Alertmanager", 60)
        return self

    def cpu(self):
        return cpu_of(self.process.pid)

    def memory(self):
        return memory_of(self.process.pid)

    def restart(self, kill=False):
        self.process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        self.process.wait(60)
        self.start()

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
        shutil.rmtree(self.folder)


def written(pid):
    """Bytes that a process had written to devices."""
    with open(f"/proc/{pid}/io", encoding="ascii") as file:
        return int(re.search(r"^write_bytes: (\d+)", file.read(), re.M)[1])


class Figures:
    # --- 10,000 alerts, 10,000 mails ---------------------------------------------

    def beside_alertmanager(self):
        makes = [("belfry", Relay)]
        if alertmanager():
            makes.append(("alertmanager", Alertmanager))
        else:
            self.note("Alertmanager is left out: it is not installed")
        return makes

    def mailed(self, make):
        """(seconds until all mails are there, CPU seconds, MiB, connections at
        once, longest POST in seconds) of a fresh server."""
        count, sink = self.options.alerts, Sink().start()
        server = None
        try:
            server = make(sink).start()
            cpu, begun = server.cpu(), time.monotonic()
            with Peak(server.memory) as peak, Peak(
                    sink.connections, 0.1) as crowd:
                longest = Poster(server.http).post(0, count)
                sink.wait(count, 600)
                took = time.monotonic() - begun
                time.sleep(0.5)
            return took, server.cpu() - cpu, peak.most, crowd.most, longest
        finally:
            if server:
                server.stop()
            sink.stop()

    def mailed_by(self, makes):
        got = {name: [] for name, _ in makes}
        for turn in range(self.options.pairs):
            for name, make in makes[::-1 if turn % 2 else 1]:
                one = self.mailed(make)
                got[name].append(one)
                self.note(f"{name}: {one[0]:.1f} s, {one[1]:.1f} s of CPU, "
                          f"{one[2]:.0f} MiB, {one[3]} connections, a POST "
                          f"{one[4]:.1f} s")
        return self.medians(got)

    def alerts(self):
        """10,000 alerts to as many mails, beside Alertmanager"""
        result = self.mailed_by(self.beside_alertmanager())
        what = f"{self.options.alerts:,} alerts"
        for n, kind, unit, share in ((0, "time", "s", 0.5),
                                     (1, "CPU", "s", 0.2),
                                     (2, "memory", "MiB", 0.1)):
            for name, medians in result.items():
                self.row(f"{what}, {kind}: {name}", medians[n], unit)
            if "alertmanager" in result:
                self.row(f"{what}, {kind}: Belfry / Alertmanager",
                         result["belfry"][n] / result["alertmanager"][n],
                         "times", share, False, 3)
        for name, medians in result.items():
            self.row(f"{what}, connections at once: {name}", medians[3], "",
                     21 if name == "belfry" else None, False, 0)
            self.row(f"{what}, longest POST: {name}", medians[4], "s")

    def alerts_signed(self):
        """the same mails with signatures, RSA-2048 and Ed25519"""
        folder, makes = lab.state_folder("bench-keys"), []
        try:
            for kind in ("rsa", "ed25519"):
                key = os.path.join(folder, kind + ".pem")
                subprocess.run([lab.program("belfry", servers.PRESET), "dkim",
                                "genkey", "--type", kind, key], check=True,
                               capture_output=True)
                servers.give(key)
                sign = {"dkim": {"sign": [{
                    "match": "example.org", "selectors": [
                        {"name": "s1", "key_file": key}]}]}}
                makes.append((kind, lambda sink, sign=sign: Relay(
                    sink, config=sign)))
            result = self.mailed_by([("unsigned", Relay), *makes])
        finally:
            shutil.rmtree(folder)
        for name, medians in result.items():
            self.row(f"alerts mailed, {name}",
                     self.options.alerts / medians[0], "mails/s", digits=0)
            self.row(f"alerts mailed, {name}: CPU",
                     medians[1] * 1000 / self.options.alerts, "ms/mail",
                     digits=3)

    # --- SMTP away ------------------------------------------------------------------

    def after_outage(self, make):
        """Seconds from the sink's return to the last mail."""
        count, sink = self.options.alerts // 10, Sink()
        server = make(sink).start()
        try:
            Poster(server.http).post(0, count)
            time.sleep(self.options.outage)
            begun = time.monotonic()
            sink.start()
            sink.wait(count, 600)
            return time.monotonic() - begun
        finally:
            server.stop()
            if sink.process:
                sink.stop()

    def outage(self):
        """1,000 alerts while SMTP is away for two minutes"""
        for name, make in self.beside_alertmanager():
            self.row("all mails after an outage of "
                     f"{self.options.outage} s: {name}",
                     self.after_outage(make), "s",
                     10 if name == "belfry" else None, False)

    # --- lost -----------------------------------------------------------------------

    def lost_with(self, make, sink, meanwhile):
        """How many alerts, posted once, are not mailed."""
        count, server = self.options.alerts // 10, make(sink).start()
        try:
            Poster(server.http).post(0, count)
            meanwhile(server)
            return count - sink.arrived(count)
        finally:
            server.stop()
            sink.stop()

    def lost(self):
        """of 1,000 alerts posted once: killed, stopped, one address refused"""
        def again(kill):
            def meanwhile(server):
                time.sleep(3) # the first tries have failed
                server.restart(kill=kill)
                server.sink.start()
            return meanwhile

        idle = self.options.idle_sink
        both = {"belfry": lambda sink: Relay(sink, {"mail": [ANNA, BEN]}),
                "alertmanager": lambda sink: Alertmanager(sink, (ANNA, BEN))}
        for name, make in self.beside_alertmanager():
            for what, sink, how, meanwhile in (
                    ("SMTP away, kill -9", Watch(idle=idle), make,
                     again(True)),
                    ("SMTP away, stopped and started", Watch(idle=idle), make,
                     again(False)),
                    ("one of two addresses refused",
                     Watch(refuse_ben, idle).start(), both[name],
                     lambda server: None)):
                self.row(f"lost of {self.options.alerts // 10:,} alerts, "
                         f"{what}: {name}",
                         self.lost_with(how, sink, meanwhile), "",
                         0 if name == "belfry" else None, False, 0)

    # --- many that stay -------------------------------------------------------------

    def held(self):
        """100,000 alerts that go on firing: memory, restart, re-posts"""
        count, what = self.options.held, f"{self.options.held:,} held"
        sink = Sink().start()
        relay = Relay(sink, {"route": {"group_by": ["alertname"]}}).start()
        try:
            Poster(relay.http).post(0, count, 86400)
            time.sleep(self.options.minute / 12)
            self.row(f"{what}: memory", relay.memory(), "MiB", 200, False)
            self.row(f"{what}: restart to the first alert taken",
                     relay.restart(), "s", 2, False)
            self.row(f"{what}: memory after it", relay.memory(), "MiB", 200,
                     False)
            self.repost(relay, what, count)
        finally:
            relay.stop()
            sink.stop()

    def repost(self, relay, what, count):
        minute = self.options.minute
        time.sleep(minute / 6)
        pid, begun = relay.daemon.pid, time.monotonic()
        cpu, wrote = relay.cpu(), written(pid)
        for turn in range(HELD_TURNS):
            Poster(relay.http).post(0, count, 86400)
            time.sleep(max(0, begun + (turn + 1) * minute -
                           time.monotonic()))
        took = time.monotonic() - begun
        self.row(f"{what}, re-posted: written",
                 (written(pid) - wrote) / took / 1e6, "MB/s", 1, False, 3)
        self.row(f"{what}, re-posted: CPU",
                 (relay.cpu() - cpu) / took, "cores", 0.2, False, 3)

    # --- among bulk -----------------------------------------------------------------

    def urgent(self):
        """an alert in a queue of bulk mails to the same destination"""
        sink = Watch().start()
        relay = Relay(sink, config={"delivery": {"smarthost": [
            {"host": "127.0.0.1", "port": sink.port}],
            "retry": {"first": "1s", "max": "5s"}}}).start()
        try:
            relay.daemon.cli("pause", "--reason", "filling")
            if source(relay.smtp, self.options.bulk).wait():
                raise lab.Failed("smtp-source failed")
            relay.daemon.cli("resume")
            lab.wait_for(lambda: sink.count >= self.options.bulk // 100,
                         "the first of the bulk", 120)
            waits = [self.one_alert(relay, sink, n)
                     for n in range(self.options.pairs)]
            left = relay.waiting()
        finally:
            relay.stop()
            sink.stop()
        if not left:
            raise lab.Failed("the bulk had gone before the last alert: --bulk")
        self.row(f"an alert among {self.options.bulk:,} mails: POST to the "
                 "next hop", max(waits), "s", 1, False)

    def one_alert(self, relay, sink, n):
        begun = time.monotonic()
        Poster(relay.http).post(n, 1)
        return sink.when(f"host{n}") - begun
