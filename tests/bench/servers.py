"""servers - what the benchmark measures and measures with: belfryd, the packaged
Postfix with a configuration of its own, and Postfix's smtp-source and
smtp-sink as client and next hop of both."""
import os
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "tools"))
import lab  # noqa: E402 (its folder had to be named first)
import postfix  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")


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


class Sink:
    """smtp-sink; `count` is how many messages it has taken."""

    def __init__(self, port=None):
        self.port, self.count, self.process = port or lab.free_port(), 0, None

    def start(self):
        user = ["-u", "nobody"] if lab.IS_ROOT else []
        self.process = subprocess.Popen(
            ["smtp-sink", "-c", *user, f"127.0.0.1:{self.port}", "1000"],
            stdout=subprocess.PIPE)
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

    def wait(self, count, timeout):
        end = time.monotonic() + timeout
        while self.count < count:
            if self.process.poll() is not None:
                raise lab.Failed("smtp-sink ended by itself")
            if time.monotonic() > end:
                raise lab.Failed(f"the sink has {self.count} of {count}")
            time.sleep(0.001)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def source(port, count, connections=20, kept=True, size=4096,
           to="ben@example.net"):
    """smtp-source, started."""
    return subprocess.Popen(
        ["smtp-source", *(["-d"] if kept else []), "-s", str(connections),
         "-m", str(count), "-l", str(size), "-f", "anna@example.org",
         "-t", to, f"127.0.0.1:{port}"])


class Server:
    """A server under test that sends everything to `sink`."""

    def job(self, count, connections=20, kept=True, timeout=900):
        """COUNT messages through it: (messages a second, CPU ms a message)."""
        cpu, begun, have = self.cpu(), time.monotonic(), self.sink.count
        client = source(self.smtp, count, connections, kept)
        self.sink.wait(have + count, timeout)
        took = time.monotonic() - begun
        if client.wait():
            raise lab.Failed("smtp-source failed")
        self.settle()
        return count / took, (self.cpu() - cpu) * 1000 / count

    def settle(self):
        """Let the bookkeeping after the last delivery be counted too."""
        time.sleep(0.5)


class Belfry(Server):
    name = "belfry"

    def __init__(self, sink, config=None):
        self.sink = sink
        self.folder = lab.state_folder("bench")
        self.daemon = lab.Belfryd(self.folder, lab.merge({
            "store": {"max_size": "20G"},
            "limits": {"messages_per_connection": 10000000,
                       "connections_per_ip": 4000, "message_size": "64M"},
            "delivery": {"smarthost": [
                {"host": "127.0.0.1", "port": sink.port}]},
        }, config or {}), preset="release")
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
        return self.daemon.metric("belfry_queue_deliveries")

    def stop(self):
        self.daemon.stop(timeout=120)
        self.daemon.remove()


class Postfix(Server):
    """An instance of our own."""
    name = "postfix"
    MAIN = """myhostname = relay.example.org
relayhost = [127.0.0.1]:{sink}
"""

    def __init__(self, sink):
        self.sink = sink
        self.instance = postfix.Instance(
            "bench-postfix", self.MAIN.replace("{sink}", str(sink.port)))
        self.smtp, self.folder = self.instance.port, self.instance.folder

    @staticmethod
    def can_run():
        return postfix.can_run()

    def start(self):
        self.instance.start()
        self.pid = self.instance.pid
        return self

    def cpu(self):
        """Of the master, its daemons that live, and those that ended."""
        total = cpu_of(self.pid, children=True)
        with open(f"/proc/{self.pid}/task/{self.pid}/children",
                  encoding="ascii") as children:
            return total + sum(cpu_of(pid) for pid in children.read().split())

    def stop(self):
        self.instance.stop()
