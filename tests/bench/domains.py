"""domains - a thousand domains on loopback for the benchmark: a name server that
knows them, a client that writes to them, and ways to be dead."""
import shutil
import socket
import subprocess

from servers import PRESET, Postfix, lab
from nsd import NSD, Nsd  # in lab's folder

# So that a dead domain is tried all the time.
SOON = {"delivery": {"retry": {"first": "1s", "factor": 1, "max": "1s"}}}
# Here nsd stands for the resolver that Postfix asks: an address of loopback
# that nobody else has.
RESOLVER = "127.53.25.1"
MOST = 9999 # as mail_source numbers them


def zone(count):
    """Domains 1 to COUNT have an exchanger each, on an address of its own;
    that of domain 0 is on ::1, where no sink listens."""
    lines = ["d0000 MX 10 mx.d0000", "mx.d0000 AAAA ::1"]
    for n in range(1, count + 1):
        lines += [f"d{n:04} MX 10 mx.d{n:04}",
                  f"mx.d{n:04} A 127.10.{n // 250}.{n % 250 + 1}"]
    return "\n".join(lines) + "\n"


def lacking():
    """What must be installed and isn't, or None."""
    return None if NSD else "nsd"


def has_ipv6():
    try:
        Refusing(0).stop()
        return True
    except OSError:
        return False


def postfix_lacks():
    """Why Postfix can't be given a resolver of its own here, or None."""
    if Postfix.lacks():
        return Postfix.lacks()
    done = subprocess.run(["unshare", "--mount", "true"], capture_output=True,
                          check=False) if shutil.which("unshare") else None
    if done is None or done.returncode:
        return "it would need a mount namespace of its own"
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind((RESOLVER, 53))
            except OSError as error:
                return f"port 53 of {RESOLVER}: {error.strerror}"
    return None


def name_server(count, for_postfix):
    """All of its answers may be remembered for an hour: also that there is no
    IPv6 address."""
    return Nsd({"example.": zone(count)}, negative_s=3600,
               also=[f"{RESOLVER}@53"] if for_postfix else ())


def config(sink, name_server_port):
    """Of a belfryd that sends to the exchangers of each domain."""
    return {"dns": {"servers": [f"127.0.0.1@{name_server_port}"]},
            "delivery": {"smarthost": [], "mx": {"port": sink.port}}}


def source(port, count, first, last, connections=20, size=4096):
    """mail_source, started: in turn to domains FIRST to LAST."""
    return subprocess.Popen([
        lab.program("mail_source", PRESET), "-c", str(connections),
        "-d", f"{first}-{last}", "-s", str(size), str(port), str(count)])


class Refusing:
    """Nobody listens at PORT of ::1."""

    def __init__(self, port):
        self.socket = socket.socket(socket.AF_INET6)
        self.socket.bind(("::1", port))

    def stop(self):
        self.socket.close()


class Silent(Refusing):
    """At PORT of ::1 the queue of connections is full: who connects there
    waits until he gives up."""
    def __init__(self, port):
        super().__init__(port)
        self.socket.listen(0)
        self.client = socket.create_connection(("::1", port), 5)

    def stop(self):
        self.client.close()
        super().stop()


DEAD = {"refusing": Refusing, "silent": Silent}
