"""judging - the benchmark's figures of belfry-milter, beside the packaged
opendkim, opendmarc and policyd-spf: behind Postfix, and straight over the milter
protocol."""
import functools
import json
import os
import re
import shutil
import socket
import subprocess

import domains
from servers import PRESET, Postfix, Sink, cpu_of, in_namespace, lab
from milter import Milter  # in lab's folder
from nsd import Nsd

HOSTNAME = "mx.example.org"
NOBODY = "192.0.2.254" # of whom no mail comes
PEERS = ("opendkim", "opendmarc", "policyd-spf")
PACKAGES = "opendkim, opendmarc and postfix-policyd-spf-python"
CONNECTIONS = 4 # of the milter protocol
LINES = 54
HEADER = """Received: from desk.sender.example (desk.sender.example [192.0.2.7])
\tby mx.sender.example (Postfix) with ESMTPS id 4FzYbN2Kq1z1
\tfor <ben@example.net>; Sat, 21 Nov 2026 10:00:00 +0000 (UTC)
From: Anna <anna@sender.example>
To: Ben <ben@example.net>
Subject: A message of the usual kind
Date: Sat, 21 Nov 2026 10:00:00 +0000
Message-ID: <20261121100000.1@mx.sender.example>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

"""
# The client is in the network of the provider.
ZONE = """sender TXT "v=spf1 mx include:_spf.post.example -all"
sender MX 10 mx.sender
mx.sender A 192.0.2.8
mx.sender TXT "v=spf1 a ip4:127.0.0.1 -all"
_spf.post TXT "v=spf1 ip4:203.0.113.0/24 ip4:127.0.0.0/8 ~all"
_dmarc.sender TXT "v=DMARC1; p=reject; rua=mailto:dmarc@sender.example"
"""


def program(name):
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin"
    return shutil.which(name, path=path)


def lacking():
    """What must be installed and isn't, or None."""
    if not program("dkimsign"):
        return "dkimsign of the package python3-dkim"
    return domains.lacking()


def lacking_behind_postfix():
    lacks = Postfix.lacks()
    return f"Postfix ({lacks})" if lacks else lacking()


@functools.cache # before port 53 is ours
def peers_lack():
    """Why they can't be run here, or None."""
    if not all(map(program, PEERS)):
        return f"they are {PACKAGES}"
    return domains.postfix_lacks()


def memory_of(pid, name):
    """MiB of a process, as NAME of smaps_rollup is."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(rf"^{name}:\s+(\d+)", file.read(), re.M)[1]) / 1024


class Mail:
    """The message and the name server that knows its domain. `path`: the
    message, signed with RSA-2048 by python3-dkim."""

    def __init__(self):
        self.folder = lab.state_folder("bench-mail")
        key = os.path.join(self.folder, "key.pem")
        self.run("belfry", "dkim", "genkey", "--type", "rsa", key)
        record = json.loads(self.run(
            "belfry", "dkim", "record", "--key", key, "--selector", "s1",
            "--domain", "sender.example", "--json"))["value"]
        strings = " ".join(f'"{record[i:i + 200]}"'
                           for i in range(0, len(record), 200))
        self.nsd = Nsd({"example.": f"{ZONE}s1._domainkey.sender TXT "
                                    f"{strings}\n"}, negative_s=3600,
                       also=[] if peers_lack() else [f"{domains.RESOLVER}@53"])
        self.path = os.path.join(self.folder, "message")
        self.write(key)

    @staticmethod
    def run(name, *arguments):
        return subprocess.run([lab.program(name, PRESET), *arguments],
                              check=True, capture_output=True,
                              text=True).stdout

    def write(self, key):
        text = HEADER + "".join(
            f"Line {n} of a text that is about as long as lines of texts are, "
            "or so.\n" for n in range(LINES))
        signed = subprocess.run(
            [program("dkimsign"), "--bcanon", "relaxed", "s1",
             "sender.example", key], input=text.replace("\n", "\r\n"), check=True,
            capture_output=True, text=True).stdout
        with open(self.path, "w", encoding="ascii") as file:
            file.write(signed.replace("\r\n", "\n"))

    def start(self):
        self.nsd.start()
        return self

    def stop(self):
        self.nsd.stop()
        shutil.rmtree(self.folder)


class Judge:
    """Milters, asked at `sockets` one after the other. `settings` and
    `services` are for the Postfix before them."""
    settings = services = ""
    says = () # what they add to the message

    def __init__(self, *sockets):
        self.folder, self.processes = lab.state_folder("bench-judge"), []
        self.sockets = [os.path.join(self.folder, name) for name in sockets]

    def launch(self, *command):
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.processes.append(subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd="/"))

    def wait(self):
        for path in self.sockets:
            lab.wait_for(lambda path=path: os.path.exists(path), self.log)
        return self

    def log(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8") as file:
            return "the milters; they said:\n" + file.read()

    def pids(self):
        return [process.pid for process in self.processes]

    def cpu(self):
        return sum(map(cpu_of, self.pids()))

    def show(self, mail, count):
        """Straight: (messages a second, CPU ms a message, ms within which 99 of
        100 were done)."""
        cpu = self.cpu()
        done = subprocess.run(
            [lab.program("milter_source", PRESET), str(CONNECTIONS),
             str(count), mail.path, *self.sockets], capture_output=True,
            text=True, check=False)
        if done.returncode:
            raise lab.Failed(f"{self.name}: {done.stderr}")
        first, _, added = done.stdout.partition("\n")
        for what in self.says: # or it did not do what is measured
            if what not in added:
                raise lab.Failed(f"{self.name} said {added!r}, not {what!r}")
        rate, most = map(float, first.split())
        return rate, (self.cpu() - cpu) * 1000 / count, most

    def stop(self):
        # All is measured, and libmilter takes five seconds to end well.
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait(60)
        shutil.rmtree(self.folder)


class Empty(Judge):
    name = "an empty milter"

    def __init__(self):
        super().__init__("socket")

    def start(self):
        self.launch(lab.program("noop_milter", PRESET),
                    f"unix:{self.sockets[0]}")
        return self.wait()


class Belfry(Judge):
    name = "belfry"
    says = ("spf=pass", "dkim=pass", "dmarc=pass")

    def __init__(self, mail):
        super().__init__()
        self.milter = Milter(self.folder, {
            "hostname": HOSTNAME,
            "dns": {"servers": [f"127.0.0.1@{mail.nsd.port}"]},
            "milter": {"ours": {"networks": [NOBODY]}}}, PRESET)
        self.sockets = [self.milter.path]

    def start(self):
        self.milter.start()
        self.processes = [self.milter.process]
        return self


class Peers(Judge):
    """As packaged, but for the resolver and who is not judged."""
    name = "opendkim and opendmarc"
    says = ("dkim=pass", "dmarc=pass")

    def __init__(self):
        super().__init__("dkim.sock", "dmarc.sock")

    def start(self):
        hosts = self.write("hosts", NOBODY + "\n")
        common = f"UserID nobody\nUMask 000\nAuthservID {HOSTNAME}\n"
        self.launch(program("opendkim"), "-f", "-x", self.write(
            "opendkim.conf", f"{common}Socket local:{self.sockets[0]}\n"
            "Syslog yes\nSyslogSuccess yes\nMode v\nOversignHeaders From\n"
            f"Nameservers {domains.RESOLVER}\nInternalHosts {hosts}\n"
            f"ExternalIgnoreList {hosts}\n"))
        self.launch(*in_namespace(self.folder, domains.RESOLVER),
                    program("opendmarc"), "-f", "-c", self.write(
            "opendmarc.conf", f"{common}Socket local:{self.sockets[1]}\n"
            f"Syslog true\nIgnoreHosts {hosts}\nTrustedAuthservIDs {HOSTNAME}\n"
            "PublicSuffixList /usr/share/publicsuffix/public_suffix_list.dat\n"
            ))
        return self.wait()

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return path


class PeersAndSpf(Peers):
    """policyd-spf is started by Postfix's spawn, one for each client."""
    name = "opendkim, opendmarc and policyd-spf"
    settings = """smtpd_recipient_restrictions =
 check_policy_service unix:private/policyd-spf, permit
policyd-spf_time_limit = 1h
"""
    master = None

    def __init__(self):
        super().__init__()
        conf = self.write("policyd-spf.conf", "debugLevel = 1\nTestOnly = 1\n"
                          "HELO_reject = Fail\nMail_From_reject = Fail\n"
                          "PermError_reject = False\nTempError_Defer = False\n"
                          f"skip_addresses = {NOBODY}\n")
        self.services = ("policyd-spf unix - n n - 0 spawn user=nobody argv="
                         f"{program('policyd-spf')} {conf}\n")

    def pids(self):
        return super().pids() + [
            pid for child in lab.children_of(self.master)
            for pid in lab.children_of(child)]

    def cpu(self):
        ended = sum(cpu_of(pid, children=True) - cpu_of(pid)
                    for pid in lab.children_of(self.master))
        return super().cpu() + ended

    def check_policy(self, spool):
        request = "".join(f"{name}={value}\n" for name, value in {
            "request": "smtpd_access_policy", "protocol_state": "RCPT",
            "client_address": "127.0.0.1", "helo_name": "mx.sender.example",
            "sender": "anna@sender.example", "recipient": "ben@example.net",
            "instance": "1"}.items())
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(os.path.join(spool, "private", "policyd-spf"))
            s.sendall(request.encode() + b"\n")
            said = s.recv(4096).decode()
        if "Pass" not in said:
            raise lab.Failed(f"policyd-spf said {said!r}")


class Judged(Postfix):
    """A Postfix before a judge, whose processes are what is measured."""

    def __init__(self, sink, judge, mail):
        self.judge, self.mail, self.name = judge, mail, judge.name
        # What has been started stays, in all of them.
        super().__init__(sink, services=judge.services, also=(
            "smtpd_milters = " + " ".join(f"unix:{path}"
                                          for path in judge.sockets) +
            "\nmilter_default_action = tempfail\nmax_idle = 1h\n" +
            judge.settings))

    def wrapper(self):
        if not self.judge.services:
            return []
        return in_namespace(self.folder, domains.RESOLVER)

    def start(self):
        try:
            self.judge.start()
            super().start()
            self.judge.master = self.pid
            self.judge.show(self.mail, CONNECTIONS)
            if self.judge.services:
                self.judge.check_policy(os.path.join(self.folder, "spool"))
        except Exception:
            self.stop()
            raise
        return self

    def cpu(self):
        return self.judge.cpu()

    def judged_job(self, count):
        """(messages a second, CPU ms of the judge a message, RSS and PSS of
        all its processes in MiB)"""
        rate, cpu = self.run(count, count, lambda: subprocess.Popen(
            ["smtp-source", "-d", "-s", "20", "-m", str(count), "-M",
             "mx.sender.example", "-f", "anna@sender.example", "-t",
             "ben@example.net", "-F", self.mail.path,
             f"127.0.0.1:{self.smtp}"]))
        memory = [sum(memory_of(pid, name) for pid in self.judge.pids())
                  for name in ("Rss", "Pss")]
        return rate, cpu, *memory

    def stop(self):
        super().stop()
        self.judge.stop()


class Figures:
    def judges(self, others, peers):
        """OTHERS and, unless something lacks for them, the packaged ones."""
        lacks = peers_lack()
        if lacks:
            self.note(f"the packaged ones are left out: {lacks}")
            return others
        return [*others, peers()]

    def verify(self):
        """SPF, DKIM and DMARC behind Postfix, and what a milter costs there"""
        mail, sink = Mail().start(), Sink()
        count = self.options.messages // 2
        try:
            result = self.medians(self.take_turns(
                [Judged(sink, judge, mail) for judge in self.judges(
                    [Empty(), Belfry(mail)], PeersAndSpf)],
                lambda server, share: server.judged_job(-(-count // share))))
        finally:
            mail.stop()
        for name, medians in result.items():
            self.row(f"verify: Postfix with {name}", medians[0], "messages/s",
                     digits=0)
        ours, theirs = result[Belfry.name], result.get(PeersAndSpf.name)
        self.row("verify: rate, Belfry / an empty milter",
                 ours[0] / result[Empty.name][0], "times", 0.85)
        for n, what, unit, target in (
                (1, "CPU", "ms/message", 3), (2, "memory (RSS)", "MiB", 3),
                (3, "memory (PSS)", "MiB", None)):
            self.row(f"verify, {what}: Belfry", ours[n], unit, digits=3)
            if theirs:
                self.row(f"verify, {what}: the packaged ones", theirs[n], unit,
                         digits=3)
                self.row(f"verify, {what}: the packaged ones / Belfry",
                         theirs[n] / ours[n], "times", target)

    def milter(self):
        """the same straight over the milter protocol, 4 connections"""
        mail, judges, results = Mail().start(), [], {}
        try:
            for judge in self.judges([Empty(), Belfry(mail)], Peers):
                judges.append(judge.start())
                judge.show(mail, self.options.messages // 10)
            for turn in range(self.options.pairs):
                for judge in judges[::-1 if turn % 2 else 1]:
                    got = judge.show(mail, self.options.messages)
                    results.setdefault(judge.name, []).append(got)
                    self.note(f"{judge.name}: {got[0]:.0f}/s, {got[1]:.3f} ms "
                              "of CPU a message")
        finally:
            for judge in judges:
                judge.stop()
            mail.stop()
        for name, (rate, cpu, most) in self.medians(results).items():
            self.row(f"milter: {name}", rate, "messages/s",
                     2500 if name == Belfry.name else None, digits=0)
            self.row(f"milter, CPU: {name}", cpu, "ms/message", digits=3)
            self.row(f"milter, 99 of 100 within: {name}", most, "ms")
