"""servers - what the benchmark measures and measures with: belfryd, the packaged
Postfix with a configuration of its own, and Postfix's smtp-source and
smtp-sink as client and next hop of both."""
import os
import pwd
import re
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "tools"))
import lab  # noqa: E402 (its folder had to be named first)
import postfix  # noqa: E402

# Of linux/netlink.h, linux/sock_diag.h and netinet/tcp.h.
NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY = 4, 20
NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
TCP_ESTABLISHED = 1
# A sink's most sessions; its default of 256 would hold back whoever keeps a
# connection to each of many domains.
SESSIONS = 4000
# Tests say in BELFRY_BIN what to take instead.
PRESET = None if os.environ.get("BELFRY_BIN") else "release"
TICK = os.sysconf("SC_CLK_TCK")


def give(path):
    """The file at PATH, only for who runs belfryd."""
    os.chmod(path, 0o600)
    if lab.IS_ROOT:
        os.chown(path, pwd.getpwnam("nobody").pw_uid, -1)


def cpu_of(pid, children=False):
    """Seconds of CPU of a process, user and kernel; with CHILDREN also those
    that ended and were waited for."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            field = file.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(t) for t in field[11:15 if children else 13]) / TICK


def memory_of(pid):
    """RssAnon in MiB."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return int(re.search(r"RssAnon:\s+(\d+)", file.read())[1]) / 1024


def cpu_of_tree(pid):
    """Of a process, its children that live and those that ended."""
    return cpu_of(pid, children=True) + sum(
        map(cpu_of, lab.children_of(pid)))


def in_namespace(folder, resolver):
    """Before a command that is to see a resolv.conf of its own, that names the
    address of RESOLVER: the C library asks the servers in there, and only at
    port 53."""
    path = os.path.join(folder, "resolv.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(f"nameserver {resolver}\n")
    return ["unshare", "--mount", "sh", "-ec",
            'mount --bind "$0" /etc/resolv.conf; exec "$@"', path]


def established(port):
    """From which ports there are connections to PORT of this machine. The kernel
    is asked for no others (sock_diag(7)): in /proc/net/tcp stand thousands that
    have ended."""
    ask = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0,
                      1 << TCP_ESTABLISHED) + bytes(48)
    found = set()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW,
                       NETLINK_SOCK_DIAG) as kernel:
        kernel.send(struct.pack("=IHHII", 16 + len(ask), SOCK_DIAG_BY_FAMILY,
                                NLM_F_REQUEST | NLM_F_DUMP, 1, 0) + ask)
        while True:
            said, at = kernel.recv(1 << 16), 0
            while at < len(said):
                length, kind = struct.unpack_from("=IH", said, at)
                if kind != SOCK_DIAG_BY_FAMILY:
                    return found
                ours, theirs = struct.unpack_from(">HH", said, at + 20)
                if ours == port:
                    found.add(theirs)
                at += length + 3 & ~3


class Sink:
    """smtp-sink; `count` is how many messages it has taken."""

    def __init__(self, address="127.0.0.1"):
        self.address, self.port = address, lab.free_port()
        self.count, self.process = 0, None

    def start(self):
        user = ["-u", "nobody"] if lab.IS_ROOT else []
        self.process = subprocess.Popen(
            ["smtp-sink", "-c", "-m", str(SESSIONS), *user,
             f"{self.address}:{self.port}", "1000"], stdout=subprocess.PIPE)
        threading.Thread(target=self.read, daemon=True).start()
        lab.wait_for(lambda: lab.listens(self.port), "smtp-sink")
        return self

    def read(self):
        """It writes `sess=.. quit=.. mesg=..` and a CR each time."""
        out, rest = self.process.stdout.fileno(), b""
        while True:
            got = os.read(out, 65536)
            if not got:
                return
            rest = (rest + got)[-200:]
            found = re.findall(rb"mesg=\s*(\d+)\s", rest)
            if found:
                self.count = int(found[-1])
            time.sleep(0.002) # gather, rather than wake for each message

    def connections(self):
        """How many there are. A look takes milliseconds, in which some end and
        others begin: those of two looks were there at once between them."""
        return len(established(self.port) & established(self.port))

    def wait(self, count, timeout, client=None):
        """Until COUNT messages came; not for a CLIENT that has failed."""
        end = time.monotonic() + timeout
        while self.count < count:
            if client and client.poll():
                raise lab.Failed("the client failed")
            if self.process.poll() is not None:
                raise lab.Failed("smtp-sink ended by itself")
            if time.monotonic() > end:
                raise lab.Failed(f"the sink has {self.count} of {count}")
            time.sleep(0.001)

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Peak:
    """The most that MEASURE said while the block ran, asked each PAUSE."""

    def __init__(self, measure, pause=0.002):
        self.measure, self.pause, self.most = measure, pause, 0
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.ending.wait(self.pause):
            self.most = max(self.most, self.measure())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *unused):
        self.ending.set()
        self.thread.join()


def source(port, count, connections=20, kept=True, size=4096,
           to="ben@example.net", recipients=1):
    """smtp-source, started."""
    return subprocess.Popen(
        ["smtp-source", *(["-d"] if kept else []), "-s", str(connections),
         "-m", str(count), "-l", str(size), "-f", "anna@example.org",
         "-r", str(recipients), "-t", to, f"127.0.0.1:{port}"])


class Server:
    """A server under test that sends everything to `sink`."""

    def job(self, count, connections=20, kept=True):
        """COUNT messages through it: (messages a second, CPU ms a message)."""
        return self.run(count, count, lambda: source(
            self.smtp, count, connections, kept))

    def recipients_job(self, count, recipients):
        """COUNT messages to RECIPIENTS of one next hop each: the same for a
        recipient."""
        transactions = count * -(-recipients // self.RECIPIENTS_MOST)
        return self.run(count * recipients, transactions, lambda: source(
            self.smtp, count, recipients=recipients))

    def run(self, count, arrive, start_client, timeout=900):
        """Until ARRIVE messages are at the sink: (COUNT of whatever it is by
        the time that took, CPU ms for each of COUNT)."""
        cpu, begun, have = self.cpu(), time.monotonic(), self.sink.count
        client = start_client()
        self.sink.wait(have + arrive, timeout, client)
        took = time.monotonic() - begun
        if client.wait():
            raise lab.Failed("the client failed")
        self.settle()
        return count / took, (self.cpu() - cpu) * 1000 / count

    def settle(self):
        """Let the bookkeeping after the last delivery be counted too."""
        time.sleep(0.5)


class Belfry(Server):
    RECIPIENTS_MOST = 100 # of a transaction, by default

    def __init__(self, sink, config=None, name="belfry"):
        self.sink, self.name = sink, name
        self.folder = lab.state_folder("bench")
        self.daemon = lab.Belfryd(self.folder, lab.merge({
            "store": {"max_size": "20G"},
            "limits": {"messages_per_connection": 10000000,
                       "connections_per_ip": 4000, "message_size": "64M"},
            "delivery": {"smarthost": [
                {"host": "127.0.0.1", "port": sink.port}]},
        }, config or {}), preset=PRESET)
        self.smtp = self.daemon.smtp

    def start(self):
        try:
            self.daemon.start(timeout=120)
        except lab.Failed:
            self.daemon.remove()
            raise
        return self

    def cpu(self):
        return cpu_of(self.daemon.pid)

    def memory(self):
        return memory_of(self.daemon.pid)

    def waiting(self):
        """How many messages; a scrape tells what was so at the one before."""
        return self.daemon.api("GET", "queue-stats")["messages"]

    def stop(self):
        self.daemon.stop(timeout=120)
        self.daemon.remove()


class Postfix(Server):
    """An instance of our own."""
    name = "postfix"
    RECIPIENTS_MOST = 50

    def __init__(self, sink, resolver=None, also="", services=""):
        """With the address of a RESOLVER mail goes to mail exchangers, at the
        sink's port; else all of it to the sink. ALSO: lines of main.cf;
        SERVICES: of master.cf."""
        self.sink, self.resolver = sink, resolver
        self.instance = postfix.Instance(
            "bench-postfix",
            f"myhostname = relay.example.org\n{self.route()}\n{also}",
            services)
        self.smtp, self.folder = self.instance.port, self.instance.folder

    @staticmethod
    def lacks():
        """Why it can't be run here, or None."""
        return None if postfix.can_run() else "it needs root and the package"

    def route(self):
        if self.resolver:
            return f"relayhost =\nsmtp_tcp_port = {self.sink.port}"
        return f"relayhost = [127.0.0.1]:{self.sink.port}"

    def wrapper(self):
        return (in_namespace(self.folder, self.resolver) if self.resolver
                else [])

    def start(self):
        self.instance.start(self.wrapper())
        self.pid = self.instance.pid
        return self

    def cpu(self):
        return cpu_of_tree(self.pid)

    def stop(self):
        self.instance.stop()
