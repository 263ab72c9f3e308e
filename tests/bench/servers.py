"""servers - what the benchmark measures and measures with: belfryd, the packaged
Postfix with a configuration of its own, and Postfix's smtp-source and
smtp-sink as client and next hop of both."""
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "tools"))
import lab  # noqa: E402 (its folder had to be named first)

TICK = os.sysconf("SC_CLK_TCK")
DAEMONS = "/usr/lib/postfix/sbin"


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


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
        lab.wait_for(lambda: listens(self.port), "smtp-sink")
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
    """An instance of our own: all of its configuration is written here, its
    queue lies beside Belfry's state, and nothing of /etc/postfix is read."""
    name = "postfix"
    MAIN = """compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
myhostname = relay.example.org
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
relayhost = [127.0.0.1]:{sink}
smtpd_client_connection_count_limit = 0
maillog_file = {folder}/log
"""
    MASTER = """127.0.0.1:{smtp} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

    def __init__(self, sink):
        self.sink, self.smtp = sink, lab.free_port()
        self.folder = lab.state_folder("bench-postfix")
        os.chown(self.folder, 0, 0)
        self.etc = os.path.join(self.folder, "etc")
        for name in ("etc", "spool", "data"):
            os.mkdir(os.path.join(self.folder, name))
        os.chown(os.path.join(self.folder, "data"),
                 pwd.getpwnam("postfix").pw_uid, 0)
        names = {"folder": self.folder, "daemons": DAEMONS,
                 "sink": sink.port, "smtp": self.smtp}
        for name, text in (("main.cf", self.MAIN), ("master.cf", self.MASTER)):
            with open(os.path.join(self.etc, name), "w",
                      encoding="ascii") as file:
                file.write(text.format(**names))

    @staticmethod
    def can_run():
        return lab.IS_ROOT and shutil.which("postfix") is not None

    def start(self):
        done = subprocess.run(["postfix", "-c", self.etc, "start"],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise lab.Failed("Postfix does not start: " + done.stderr)
        lab.wait_for(lambda: listens(self.smtp), "Postfix")
        with open(os.path.join(self.folder, "spool", "pid", "master.pid"),
                  encoding="ascii") as file:
            self.pid = int(file.read())
        return self

    def cpu(self):
        """Of the master, its daemons that live, and those that ended."""
        total = cpu_of(self.pid, children=True)
        with open(f"/proc/{self.pid}/task/{self.pid}/children",
                  encoding="ascii") as children:
            return total + sum(cpu_of(pid) for pid in children.read().split())

    def stop(self):
        os.kill(self.pid, signal.SIGTERM)
        lab.wait_for(lambda: not os.path.exists(f"/proc/{self.pid}"),
                     "Postfix to end")
        shutil.rmtree(self.folder, ignore_errors=True)
