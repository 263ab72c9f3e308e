"""lab - what the demo, the end-to-end tests and the benchmark share: belfryd
started on loopback with a state of its own, a small SMTP sink that can be told
what to answer, and waiting that has an end.

Only Python's standard library.
"""
import contextlib
import grp
import http.client
import json
import os
import pwd
import random
import re
import shutil
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
IS_ROOT = os.geteuid() == 0


class Failed(Exception):
    """Something did not happen that had to."""


def program(name, preset=None):
    """The path of one of our binaries."""
    folder = os.environ.get("BELFRY_BIN")
    if preset or not folder:
        folder = os.path.join(REPO, "build", preset or "dev", "bin")
    return os.path.join(folder, name)


def copy_program(name, path):
    """The same, at PATH (a file or a folder), for all: not every account may
    enter the clone."""
    path = shutil.copy(program(name), path)
    os.chmod(path, 0o755)
    return path


_ports_given = []  # what marks each, open


def free_port():
    """One that nobody has at any address, and that no other process is given
    while this one lives: it may not be bound yet, or not now. None that the
    kernel may give to a connection meanwhile."""
    while True:
        port = random.randrange(10000, 32768)
        mark = socket.socket(socket.AF_UNIX)
        try:
            mark.bind(f"\0belfry-lab-port-{port}")
            with socket.socket() as s:
                s.bind(("", port))
        except OSError:
            mark.close()
            continue
        _ports_given.append(mark)
        return port


def wait_for(check, what, timeout=30):
    """Until CHECK returns something true, which is returned."""
    end = time.monotonic() + timeout
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > end:
            what = what() if callable(what) else what
            raise Failed(f"waited {timeout} s in vain for {what}")
        time.sleep(0.02)


def listens(port):
    """Whether somebody answers at PORT."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def state_folder(name):
    """A fresh folder that belfryd can enter after dropping root, wherever the
    clone lies."""
    folder = tempfile.mkdtemp(prefix=f"belfry-{name}-", dir="/var/tmp")
    os.chmod(folder, 0o755)
    if IS_ROOT:
        os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
    return folder


def yaml(value, indent=0):
    """VALUE as block YAML; strings are quoted as JSON has them."""
    pad = "  " * indent
    if isinstance(value, dict) and value:
        return "".join(f"\n{pad}{k}:{yaml(v, indent + 1)}"
                       for k, v in value.items())
    if isinstance(value, list) and value:
        return "".join(f"\n{pad}-{yaml(v, indent + 1)}" for v in value)
    return " " + json.dumps(value, ensure_ascii=False)


def merge(base, change):
    """BASE with CHANGE laid over it, section by section."""
    result = dict(base)
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            value = merge(result[key], value)
        result[key] = value
    return result


def has_ended(pid):
    """Whether a process that is not our child has, even if nobody has asked
    for its status yet."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8",
                  errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


# --- belfryd -------------------------------------------------------------------

def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


class Belfryd:
    """One belfryd on loopback: `smtp` and `http` are its ports, `folder` holds
    its state, configuration and log. CONFIG is laid over the plain one."""

    def __init__(self, folder, config=None, preset=None):
        self.folder, self.preset = folder, preset
        self.smtp, self.http = free_port(), free_port()
        self.config_file = os.path.join(folder, "belfry.yaml")
        self.log_file = os.path.join(folder, "belfryd.log")
        self.process = self.pid = None
        self.config = merge(self.plain_config(), config or {})
        if "alerts" in self.config:
            self.config["http"][0]["serve"].append("alerts")
        self.write_config()

    def plain_config(self):
        group = "nogroup" if IS_ROOT else grp.getgrgid(os.getegid()).gr_name
        return {
            "hostname": "relay.example.org",
            "state_dir": os.path.join(self.folder, "state"),
            "admin_socket": os.path.join(self.folder, "admin.sock"),
            "admin_group": group,
            "submit_socket": os.path.join(self.folder, "submit.sock"),
            "user": "nobody" if IS_ROOT else "",
            "store": {"max_size": "1G"},
            "listeners": [{"name": "smtp", "role": "submission",
                           "address": f"127.0.0.1:{self.smtp}"}],
            "http": [{"address": f"127.0.0.1:{self.http}",
                      "serve": ["api", "metrics"]}],
        }

    def write_config(self, text=None):
        with open(self.config_file, "w", encoding="utf-8") as file:
            file.write(text or yaml(self.config).lstrip("\n") + "\n")

    def start(self, wrapper=(), timeout=30, wait=True, **popen):
        command = [*wrapper, program("belfryd", self.preset), "-c",
                   self.config_file]
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd="/", start_new_session=True, **popen)
        self.pid = self.process.pid
        if wait:
            wait_for(self.is_ready, "belfryd to accept", timeout)
        return self

    def is_ready(self):
        if self.process.poll() is not None:
            raise Failed(f"belfryd ended with {self.process.returncode}:\n"
                         + self.log()[-4000:])
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def get(self, path, timeout=10):
        """(status, text) of a request to the HTTP listener."""
        try:
            with urllib.request.urlopen(
                    f"http://127.0.0.1:{self.http}{path}",
                    timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read().decode()

    def api(self, method, path, body=None):
        """What the admin socket answers to a request below /api/v1/."""
        connection = AdminConnection(self.config["admin_socket"])
        try:
            connection.request(method, f"/api/v1/{path}",
                               body and json.dumps(body))
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise Failed(f"{method} {path}: {answer.status} {text!r}")
        return json.loads(text)

    def queue(self):
        """Every message that is in the queue."""
        messages, place = [], ""
        while place is not None:
            page = self.api("GET", f"queue?limit=1000{place}")
            messages += page["messages"]
            place = f"&from={page['next']}" if page["next"] else None
        return messages

    def metric(self, name, **labels):
        """The sum over the cells of NAME that have these LABELS."""
        status, text = self.get("/metrics")
        if status != 200:
            raise Failed(f"/metrics: {status}")
        total = 0.0
        for line in text.splitlines():
            found = re.match(r"([a-z_]+)(?:\{(.*)\})? (\S+)$", line)
            if found and found[1] == name:
                has = dict(re.findall(r'(\w+)="([^"]*)"', found[2] or ""))
                if labels.items() <= has.items():
                    total += float(found[3])
        return total

    def log(self):
        with open(self.log_file, encoding="utf-8", errors="replace") as file:
            return file.read()

    def events(self, event, **fields):
        """The log's lines of EVENT with these FIELDS, as dicts."""
        found = []
        for line in self.log().splitlines():
            has = {k: q or p for k, q, p in re.findall(
                r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))', line)}
            if has.get("event") == event and fields.items() <= has.items():
                found.append(has)
        return found

    def cli(self, *arguments, text=None, check=True):
        """Run `belfry`; with CHECK a status but 0 is a failure."""
        done = subprocess.run(
            [program("belfry", self.preset), "-c", self.config_file,
             *arguments], input=text, capture_output=True, text=True,
            timeout=60, check=False)
        if check and done.returncode:
            raise Failed(f"belfry {' '.join(arguments)} ended with "
                         f"{done.returncode}: {done.stdout}{done.stderr}")
        return done

    def signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, timeout=30):
        """SIGTERM, and the exit status."""
        if not self.process or self.process.poll() is not None:
            return self.process and self.process.returncode
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed("belfryd did not end after SIGTERM:\n"
                         + self.log()[-4000:]) from None

    def end_wrapped(self, timeout=60):
        """Ends what a wrapper runs that passes no SIGTERM on; it may have
        ended meanwhile."""
        for child in children_of(self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
        self.process.wait(timeout)

    def remove(self):
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class AdminConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


# --- a sink ----------------------------------------------------------------------

class Message:
    """What a sink took: the envelope and the content, dots unstuffed."""

    def __init__(self, sender, recipients, content):
        self.sender, self.recipients = sender, recipients
        self.content, self.time = content, time.monotonic()

    def header(self, name):
        head = self.content.split(b"\r\n\r\n", 1)[0].decode("latin-1")
        head = re.sub(r"\r\n[ \t]+", " ", head)
        found = re.search(rf"^{re.escape(name)}:[ \t]*(.*?)\r?$", head,
                          re.I | re.M)
        return found[1] if found else None


class SinkSession(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def say(self, reply):
        self.wfile.write(reply.encode() + b"\r\n")

    def read_content(self):
        lines = []
        while True:
            line = self.rfile.readline()
            if not line:
                return None
            if line == b".\r\n":
                return b"".join(lines)
            lines.append(line[1:] if line.startswith(b".") else line)

    def answer(self, verb, argument, fallback):
        """Say what the sink's script says, else FALLBACK; the reply's first
        digit, or None when the connection is to be closed."""
        reply = self.server.sink.script(verb, argument) or fallback
        if reply == "close":
            return None
        self.say(reply)
        return reply[0]

    def take_data(self, sender, recipients):
        if self.answer("DATA", "", "354 go on") != "3":
            return True
        content = self.read_content()
        if content is None:
            return False
        for part in [[r] for r in recipients] if self.lmtp else [recipients]:
            message = Message(sender, part, content)
            said = self.answer(".", message, "250 2.0.0 taken")
            if said == "2":
                self.server.sink.take(message)
            if said is None:
                return False
        return True

    def handle(self):
        try:
            self.talk()
        except OSError:
            pass # whoever spoke to us was killed

    def talk(self):
        sender, recipients, self.lmtp = None, [], False
        if self.answer("banner", "", "220 sink.example.net ESMTP") != "2":
            return
        while True:
            line = self.rfile.readline().decode("latin-1").strip()
            if not line:
                return
            verb, _, argument = line.partition(" ")
            verb = verb.upper()
            said = "2"
            if verb in ("EHLO", "LHLO"):
                self.lmtp = verb == "LHLO"
                said = self.answer(
                    verb, argument, "250-sink.example.net\r\n250-PIPELINING"
                    "\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n"
                    "250 SIZE 100000000")
            elif verb == "MAIL":
                said = self.answer(verb, argument, "250 2.1.0 ok")
                sender, recipients = path_of(argument), []
            elif verb == "RCPT":
                said = self.answer(verb, argument, "250 2.1.5 ok")
                if said == "2":
                    recipients.append(path_of(argument))
            elif verb == "DATA" and not recipients:
                said = self.answer("NORCPT", "", "554 5.5.1 no recipients")
            elif verb == "DATA":
                said = "2" if self.take_data(sender, recipients) else None
            elif verb == "QUIT":
                self.say("221 2.0.0 bye")
                return
            else:
                said = self.answer(verb, argument, "250 2.0.0 ok")
            if said is None:
                return


def path_of(argument):
    found = re.search(r"<(.*)>", argument)
    return found[1] if found else argument


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass


class Server6(Server):
    address_family = socket.AF_INET6


class Sink:
    """An SMTP server on loopback that keeps what it takes in `messages`; after
    LHLO an LMTP server, which keeps one for each recipient.

    `script(verb, argument)` may return the reply to say, "close", or None for
    the usual one; verbs are banner, EHLO, ..., DATA, and "." with the Message
    at the end of data. May be stopped and started again on its port."""

    def __init__(self, script=None, on_message=None, port=None,
                 address="127.0.0.1"):
        self.port, self.address = port or free_port(), address
        self.script = script or (lambda verb, argument: None)
        self.on_message = on_message
        self.lock = threading.Lock()
        self.messages = []
        self.server = None

    def start(self):
        kind = Server6 if ":" in self.address else Server
        self.server = kind((self.address, self.port), SinkSession)
        self.server.sink = self
        threading.Thread(target=self.server.serve_forever, args=(0.05,),
                         daemon=True).start()
        return self

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def take(self, message):
        with self.lock:
            self.messages.append(message)
        if self.on_message:
            self.on_message(message)

    def wait(self, count, timeout=30):
        """Until COUNT messages are here; returns them."""
        wait_for(lambda: len(self.messages) >= count,
                 lambda: f"{count} messages at the sink, "
                 f"which has {len(self.messages)}", timeout)
        return list(self.messages)

    def hop(self):
        """This sink as an entry of the configuration."""
        return {"host": self.address, "port": self.port}
