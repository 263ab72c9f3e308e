#!/usr/bin/env python3
"""bench - Belfry's figures, those of Postfix beside them; `./dev bench`.

Without names all figures are measured. Each compares in pairs that take turns
within one run, and reports medians. The results are printed with their targets
and written to build/bench/.
"""
import argparse
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

import alerting
import domains
import judging
import secure
import signing
from servers import PRESET, Belfry, Peak, Postfix, Sink, lab, source

MIB = 1 << 20


def note(text):
    print(f"  {text}", file=sys.stderr, flush=True)


class Bench(secure.Figures, signing.Figures, judging.Figures,
            alerting.Figures):
    note, now = staticmethod(note), staticmethod(time.monotonic)

    def __init__(self, options):
        self.options, self.rows = options, []
        self.done = {} # what several figures share is measured once

    def row(self, name, value, unit, target=None, at_least=True, digits=2):
        """One line of the result; TARGET None: only for information."""
        met = None
        if target is not None and value is not None:
            met = value >= target if at_least else value <= target
        self.rows.append({"figure": name, "value": value, "unit": unit,
                          "target": target, "at_least": at_least, "met": met,
                          "digits": digits})
        note(show(self.rows[-1]))

    # --- beside Postfix --------------------------------------------------------

    def pairs(self, connections, kept):
        """Alternating runs of the same job through both."""
        key = ("pairs", connections, kept)
        if key not in self.done:
            self.done[key] = self.measure_pairs(connections, kept)
        return self.done[key]

    def measure_pairs(self, connections, kept):
        count = self.options.messages
        if connections == 1:
            count //= 5
        return self.medians(self.take_turns(
            self.beside_postfix(Sink()), lambda server, share: server.job(
                count // share, connections, kept)))

    def beside_postfix(self, sink, config=None, resolver=None, lacks=None):
        """Belfry and, unless something LACKS for it, Postfix."""
        servers, lacks = [Belfry(sink, config)], lacks or Postfix.lacks()
        if lacks:
            note(f"Postfix is left out: {lacks}")
        else:
            servers.append(Postfix(sink, resolver))
        return servers

    def take_turns(self, servers, run, what="message"):
        """RUN(server, share) for each in its turn: what it returned, by the
        server's name. SHARE is the part of the work: 10 to get warm, then 1.
        Servers and sinks are started and stopped."""
        results = {server.name: [] for server in servers}
        to_stop = []
        try:
            for what_starts in [*{server.sink for server in servers},
                                *servers]:
                to_stop.insert(0, what_starts.start())
            for server in servers:
                run(server, 10)
            for turn in range(self.options.pairs):
                # There and back: nobody always comes after the same one.
                for server in servers[::-1 if turn % 2 else 1]:
                    got = run(server, 1)
                    results[server.name].append(got)
                    note(f"{server.name}: {got[0]:.0f}/s, {got[1]:.3f} ms "
                         f"of CPU a {what}")
        finally:
            for started in to_stop:
                started.stop()
        return results

    @staticmethod
    def medians(results):
        return {name: [statistics.median(column) for column in zip(*runs)]
                for name, runs in results.items()}

    def compare(self, what, result, target, unit="messages/s"):
        belfry = result["belfry"]
        self.row(f"{what}: Belfry", belfry[0], unit, digits=0)
        if "postfix" in result:
            postfix = result["postfix"]
            self.row(f"{what}: Postfix", postfix[0], unit, digits=0)
            self.row(f"{what}: ratio", belfry[0] / postfix[0], "times", target)

    def kept(self):
        """connections kept, 20 of them"""
        self.compare("kept", self.pairs(20, True), 12)

    def new(self):
        """a new connection per message, 20 at a time"""
        self.compare("new connections", self.pairs(20, False), 6)

    def cpu(self):
        """CPU per message, kernel time and all processes included"""
        for what, kept in (("kept", True), ("new connections", False)):
            result = self.pairs(20, kept)
            self.row(f"CPU, {what}: Belfry", result["belfry"][1], "ms/message",
                     digits=3)
            if "postfix" in result:
                self.row(f"CPU, {what}: Postfix", result["postfix"][1],
                         "ms/message", digits=3)
                self.row(f"CPU, {what}: Postfix / Belfry",
                         result["postfix"][1] / result["belfry"][1], "times",
                         14)

    def one(self):
        """one connection, kept"""
        self.compare("one connection", self.pairs(1, True), 2)

    def hundred(self):
        """100 connections beside 20"""
        sink = Sink().start()
        belfry = Belfry(sink).start()
        few, many = [], []
        try:
            belfry.job(self.options.messages)
            for _ in range(self.options.pairs):
                few.append(belfry.job(self.options.messages, 20)[0])
                many.append(belfry.job(self.options.messages, 100)[0])
        finally:
            belfry.stop()
            sink.stop()
        self.row("100 connections", statistics.median(many), "messages/s",
                 digits=0)
        self.row("100 connections / 20", statistics.median(many) /
                 statistics.median(few), "times", 1.0)

    def recipients(self):
        """10,000 recipients of one next hop, in messages of 100"""
        count = -(-self.options.recipients // 100)
        result = self.medians(self.take_turns(
            self.beside_postfix(Sink()),
            lambda server, share: server.recipients_job(
                -(-count // share), 100), "recipient"))
        self.compare("recipients", result, 5, "recipients/s")

    # --- mail exchangers -------------------------------------------------------

    def mx(self):
        """mail to the mail exchangers of 1,000 domains, an address each"""
        last, lacks = self.options.domains, domains.postfix_lacks()
        names = domains.name_server(last, for_postfix=not lacks).start()
        try:
            sink = Sink("0.0.0.0")
            result = self.medians(self.take_turns(
                self.beside_postfix(sink, domains.config(sink, names.port),
                                    domains.RESOLVER, lacks),
                lambda server, share: self.to_domains(server, 1, last, share)))
        finally:
            names.stop()
        self.compare(f"{last:,} domains", result, 5)

    def to_domains(self, server, first, last, share):
        """To domains FIRST to LAST. 0 is the dead one: what goes there isn't
        waited for and isn't counted."""
        ndomain = last + 1 - first
        count = self.options.messages // share
        if share > 1: # all names are to be known afterwards
            count = max(count, 2 * ndomain)
        dead = -(-count // ndomain) if first == 0 else 0
        return server.run(count - dead, count - dead, lambda: domains.source(
            server.smtp, count, first, last))

    def dead(self):
        """one dead domain among 1,000: what it costs the others"""
        last = self.options.domains - 1
        if not domains.has_ipv6():
            note("left out: the dead domain needs ::1")
            return
        names = domains.name_server(last, for_postfix=False).start()
        ends, servers = [], []
        try:
            for name, end in (("without", None), *domains.DEAD.items()):
                sink = Sink("0.0.0.0")
                ends += [end(sink.port)] if end else []
                servers.append(Belfry(sink, lab.merge(
                    domains.config(sink, names.port), domains.SOON), name))
            rates = self.take_turns(servers, lambda server, share:
                                    self.to_domains(server, 1 if server.name ==
                                                    "without" else 0, last,
                                                    share))
        finally:
            for end in ends:
                end.stop()
            names.stop()
        for name in domains.DEAD:
            share = statistics.median(
                one[0] / other[0]
                for one, other in zip(rates[name], rates["without"]))
            self.row(f"a domain that is {name}: others slower by",
                     (1 - share) * 100, "%", 2, False)

    # --- by itself ---------------------------------------------------------------

    def idle(self):
        """1,000 idle clients: what they cost the others, and memory"""
        sink = Sink().start()
        belfry = Belfry(sink).start()
        alone, beside, cost = [], [], []
        try:
            belfry.job(self.options.messages)
            for _ in range(self.options.pairs):
                alone.append(belfry.job(self.options.messages)[0])
                before = belfry.memory()
                clients = [idle_client(belfry.smtp) for _ in range(1000)]
                cost.append(belfry.memory() - before)
                beside.append(belfry.job(self.options.messages)[0])
                for client in clients:
                    client.close()
                time.sleep(1)
        finally:
            belfry.stop()
            sink.stop()
        slower = 1 - statistics.median(beside) / statistics.median(alone)
        self.row("1,000 idle clients: slower by", slower * 100, "%", 10, False)
        self.row("1,000 idle clients: memory", max(cost), "MiB", 40, False)

    def big(self):
        """a message of 50 MiB: anonymous memory above what it was"""
        sink = Sink().start()
        belfry = Belfry(sink).start()
        try:
            belfry.job(self.options.messages)
            grown = []
            for _ in range(3):
                before = belfry.memory()
                with Peak(belfry.memory) as peak:
                    have = sink.count
                    send_big(belfry.smtp, 50 * MIB)
                    sink.wait(have + 1, 120)
                grown.append(peak.most - before)
        finally:
            belfry.stop()
            sink.stop()
        self.row("50 MiB message: more memory", max(grown), "MiB", 8, False)

    def backlog(self):
        """mail queued for a dead host: memory, restart, others, and the drain"""
        dead, sink = Sink(), Sink().start()
        belfry = Belfry(sink, {"delivery": {
            "by_domain": [{"match": "dead.example", "via": [
                {"name": "dead", "host": "127.0.0.1", "port": dead.port}]}],
            "retry": {"first": "1s", "max": "5s"}}}).start()
        try:
            fresh = self.fresh_rate(belfry)
            empty_drain = self.drain(belfry, dead, self.options.messages * 3)
            self.fill(belfry, self.options.backlog)
            full = f"{self.options.backlog:,} queued"
            self.row(f"{full}: memory", belfry.memory(), "MiB", 150, False)
            self.row(f"{full}: others beside an empty store",
                     self.fresh_rate(belfry) / fresh, "times", 0.8)
            self.row(f"{full}: restart to accepting", self.restart(belfry),
                     "s", 2, False)
            self.row(f"{full}: memory after it", belfry.memory(), "MiB", 150,
                     False)
            rate = self.drain_all(belfry, dead)
            self.row(f"{full}: drained at", rate, "messages/s", digits=0)
            self.row(f"{full}: drain beside a small queue's",
                     rate / empty_drain, "times", 0.8)
            self.row("fresh mail after it, beside an empty store",
                     self.fresh_rate(belfry) / fresh, "times", 0.8)
        finally:
            belfry.stop()
            sink.stop()
            if dead.process:
                dead.stop()

    def backup(self):
        """a backup of 2 GB: what it costs the queue meanwhile"""
        sink, held = Sink().start(), Sink()
        belfry = Belfry(sink, {"delivery": {"by_domain": [
            {"match": "held.example", "via": [
                {"name": "held", "host": "127.0.0.1", "port": held.port}]}]
            }}).start()
        folder = lab.state_folder("bench-backup")
        alone, beside, sizes = [], [], []
        try:
            count = self.options.backup * 1000 // 40
            note(f"storing {self.options.backup} MB for a dead host")
            if source(belfry.smtp, count, size=40000,
                      to="ben@held.example").wait():
                raise lab.Failed("smtp-source failed")
            belfry.job(self.options.messages)
            for _ in range(self.options.pairs):
                alone.append(belfry.job(self.options.messages)[0])
                rate, size = self.beside_backup(belfry, folder)
                beside.append(rate)
                sizes.append(size)
        finally:
            belfry.stop()
            sink.stop()
            lab.shutil.rmtree(folder, ignore_errors=True)
        self.row("backup: its size", statistics.median(sizes) / MIB, "MiB",
                 digits=0)
        self.row("backup: the queue beside it", statistics.median(beside) /
                 statistics.median(alone), "times", 0.75)

    def beside_backup(self, belfry, folder):
        """Messages a second as long as a backup runs, and its size."""
        daemon, rates = belfry.daemon, []
        daemon.api("POST", "store/backup", {"dir": folder})
        while True:
            rates.append(belfry.job(self.options.messages)[0])
            told = daemon.api("GET", "store/backup")
            if told["state"] != "running":
                break
        if told["state"] != "done":
            raise lab.Failed(f"the backup: {told['error']}; {told['help']}")
        # The last run may have gone on when the backup had ended.
        return statistics.median(rates[:-1] or rates), told["bytes"]

    def fresh_rate(self, belfry):
        belfry.job(self.options.messages)
        return statistics.median(belfry.job(self.options.messages)[0]
                                 for _ in range(self.options.pairs))

    def fill(self, belfry, count):
        note(f"queueing {count} messages for a dead host")
        begun = time.monotonic()
        if source(belfry.smtp, count, to="ben@dead.example").wait():
            raise lab.Failed("smtp-source failed")
        note(f"taken at {count / (time.monotonic() - begun):.0f}/s")

    def drain(self, belfry, dead, count):
        """The rate at which COUNT waiting messages leave."""
        self.fill(belfry, count)
        rate = self.drain_all(belfry, dead, count)
        dead.stop()
        dead.process = None
        return rate

    def drain_all(self, belfry, dead, count=None):
        count = count or self.options.backlog
        dead.count = 0
        dead.start()
        dead.wait(1, 120) # the destination is being probed
        begun = time.monotonic()
        dead.wait(count, 3600)
        rate = (count - 1) / (time.monotonic() - begun)
        lab.wait_for(lambda: belfry.waiting() == 0, "an empty queue", 60)
        return rate

    def restart(self, belfry):
        """From the start of the process to a client's 250 for HELO."""
        belfry.daemon.stop(timeout=300)
        begun = time.monotonic()
        belfry.daemon.start(wait=False)
        while True:
            try:
                idle_client(belfry.smtp).close()
                return time.monotonic() - begun
            except OSError:
                time.sleep(0.005)

    # --- verdicts --------------------------------------------------------------

    def spf(self):
        """evaluating SPF when the DNS has been asked already"""
        said = subprocess.run(
            [lab.program("spf_rate", PRESET), "1"], capture_output=True,
            text=True, check=True, timeout=60).stdout
        costs = dict(line.split() for line in said.splitlines())
        self.row("SPF, everything cached: Belfry", float(costs["belfry"]),
                 "us", 20, at_least=False)
        self.row("SPF, everything cached: libspf2", float(costs["libspf2"]),
                 "us")


FIGURES = ["kept", "new", "cpu", "one", "hundred", "recipients", "mx", "dead",
           "idle", "big", "backlog", "backup", "tls", "login", "handshakes",
           "tls_idle", "guarded", "sign", "spf", "milter", "verify", "alerts",
           "alerts_signed", "outage", "lost", "held", "urgent"]


def lacking(name):
    """What must be installed for a figure and isn't, or None."""
    if name in ("sign", "spf"):
        return None
    if name == "milter":
        return judging.lacking()
    if not shutil.which("smtp-source") or not shutil.which("smtp-sink"):
        return "smtp-source and smtp-sink of the package postfix"
    if name == "verify":
        return judging.lacking_behind_postfix()
    return domains.lacking() if name in ("mx", "dead") else None


def expect(client, code):
    said = b""
    while not said.endswith(b"\r\n"):
        got = client.recv(4096)
        if not got:
            raise OSError("closed")
        said += got
    if not said.startswith(code):
        raise lab.Failed(f"said {said!r}, not {code!r}")


def idle_client(port):
    client = socket.create_connection(("127.0.0.1", port), 30)
    expect(client, b"220")
    client.sendall(b"HELO idle.example.org\r\n")
    expect(client, b"250")
    return client


def send_big(port, size):
    client = idle_client(port)
    for line, code in ((b"MAIL FROM:<anna@example.org>", b"250"),
                       (b"RCPT TO:<ben@example.net>", b"250"),
                       (b"DATA", b"354")):
        client.sendall(line + b"\r\n")
        expect(client, code)
    client.sendall(b"Subject: big\r\n\r\n")
    piece = (b"x" * 76 + b"\r\n") * 840
    client.settimeout(120)
    for _ in range(size // len(piece)):
        client.sendall(piece)
    client.sendall(b".\r\n")
    expect(client, b"250")
    client.close()


def show(row):
    value = f"{row['value']:,.{row['digits']}f} {row['unit']}"
    if row["target"] is None:
        return f"{row['figure']:<48} {value:>22}"
    bound = "at least" if row["at_least"] else "at most"
    met = "met" if row["met"] else "NOT MET"
    return (f"{row['figure']:<48} {value:>22}   {bound} {row['target']:g}"
            f"   {met}")


def save(bench):
    os.makedirs(bench.options.out, exist_ok=True)
    path = os.path.join(bench.options.out,
                        time.strftime("%Y%m%d-%H%M%S.json"))
    sizes = {name: value for name, value in vars(bench.options).items()
             if isinstance(value, int)}
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"machine": platform.platform(), "cpus": os.cpu_count(),
                   **sizes, "results": bench.rows}, file, indent=1)
    return os.path.relpath(path)


def main():
    parser = argparse.ArgumentParser(
        prog="./dev bench", formatter_class=argparse.RawTextHelpFormatter,
        epilog="\n".join(f"{name:<10} {getattr(Bench, name).__doc__}"
                         for name in FIGURES))
    parser.add_argument("figures", nargs="*", metavar="FIGURE",
                        help="which ones (all)")
    parser.add_argument("--messages", type=int, default=10000,
                        help="in a run (10000)")
    parser.add_argument("--pairs", type=int, default=5,
                        help="of alternating runs (5)")
    parser.add_argument("--recipients", type=int, default=10000,
                        help="in a run, 100 a message (10000)")
    parser.add_argument("--domains", type=int, default=1000,
                        help="that mail goes to, at most 9999 (1000)")
    parser.add_argument("--backlog", type=int, default=1000000,
                        help="queued for the dead host (1000000)")
    parser.add_argument("--idle", type=int, default=4000,
                        help="clients by TLS that do nothing (4000)")
    parser.add_argument("--signing", type=int, default=3000,
                        help="milliseconds of signing in a run (3000)")
    parser.add_argument("--alerts", type=int, default=10000,
                        help="that become a mail each (10000)")
    parser.add_argument("--held", type=int, default=100000,
                        help="alerts that go on firing (100000)")
    parser.add_argument("--outage", type=int, default=120,
                        help="seconds in which nobody takes mail (120)")
    parser.add_argument("--idle-sink", type=int, default=20,
                        help="seconds without a mail after which what has not "
                        "come is lost (20)")
    parser.add_argument("--minute", type=float, default=60,
                        help="seconds between re-posts of what is held (60)")
    parser.add_argument("--bulk", type=int, default=100000,
                        help="mails before an alert (100000)")
    parser.add_argument("--backup", type=int, default=2000,
                        help="megabytes in the store that is copied (2000)")
    parser.add_argument("--out", metavar="FOLDER",
                        default=os.path.join(lab.REPO, "build", "bench"),
                        help="where the results are written (build/bench)")
    options = parser.parse_args()
    if not 2 <= options.domains <= domains.MOST:
        parser.error(f"--domains: a number from 2 to {domains.MOST}")
    unknown = set(options.figures) - set(FIGURES)
    if unknown:
        parser.error(f"no such figure: {', '.join(sorted(unknown))}")
    # So that a bench that is ended stops what it has started.
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(1))
    bench = Bench(options)
    for name in options.figures or FIGURES:
        note(f"--- {name}: {getattr(Bench, name).__doc__}")
        lacks = lacking(name)
        if lacks:
            note(f"left out, not installed: {lacks}")
        else:
            getattr(bench, name)()
    if not bench.rows:
        return 1
    print("\n".join(show(row) for row in bench.rows))
    print(f"saved as {save(bench)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
