"""nsd - an authoritative name server (nsd) on loopback, for one test or run."""
import os
import shutil
import signal
import socket
import subprocess
import time

import lab

NSD = shutil.which("nsd") or ("/usr/sbin/nsd"
                              if os.path.exists("/usr/sbin/nsd") else None)


class Nsd:
    """Serves ZONES, {"example.": text of records}; any other name is refused.
    `change(name, text)` makes it read a zone anew. It answers at `port` of
    127.0.0.1, and wherever else ALSO says, ADDRESS@PORT. That something does
    not exist may be remembered for NEGATIVE_S seconds."""

    def __init__(self, zones, also=(), negative_s=1):
        self.folder = lab.state_folder("nsd")
        self.port = lab.free_port()
        self.addresses = [f"127.0.0.1@{self.port}", *also]
        self.zones, self.serial, self.negative_s = {}, 1, negative_s
        self.process = None
        for name, text in zones.items():
            self.write(name, text)

    def write(self, name, text):
        self.zones[name] = os.path.join(self.folder, f"{name}zone")
        with open(self.zones[name], "w", encoding="ascii") as file:
            file.write(f"$ORIGIN {name}\n$TTL 3600\n"
                       f"@ SOA ns hostmaster {self.serial} 1h 1h 1d "
                       f"{self.negative_s}\n"
                       "@ NS ns\nns A 127.0.0.1\n" + text)
        # nsd looks at whole seconds.
        stamp = 1000000000 + self.serial
        os.utime(self.zones[name], (stamp, stamp))
        self.serial += 1

    def change(self, name, text):
        self.write(name, text)
        self.process.send_signal(signal.SIGHUP)

    def start(self):
        conf = os.path.join(self.folder, "nsd.conf")
        with open(conf, "w", encoding="ascii") as file:
            file.write("server:\n")
            for address in self.addresses:
                file.write(f"    ip-address: {address}\n")
            file.write(f"""\
    server-count: 1
    rrl-ratelimit: 0
    rrl-whitelist-ratelimit: 0
    username: ""
    chroot: ""
    zonesdir: "{self.folder}"
    database: ""
    pidfile: "{self.folder}/nsd.pid"
    zonelistfile: "{self.folder}/zone.list"
    xfrdfile: "{self.folder}/xfrd.state"
    xfrdir: "{self.folder}"
remote-control:
    control-enable: no
""")
            for name, path in self.zones.items():
                file.write(f'zone:\n    name: "{name}"\n'
                           f'    zonefile: "{path}"\n')
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.process = subprocess.Popen(
                [NSD, "-d", "-c", conf], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, cwd="/")
        lab.wait_for(self.answers, self.log)
        return self

    def log(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8",
                  errors="replace") as file:
            return "nsd to answer; it said:\n" + file.read()

    def answers(self):
        """Does it answer a question for ns of its first zone?"""
        if self.process.poll() is not None:
            raise lab.Failed(self.log())
        question = b"".join(
            bytes([len(label)]) + label.encode()
            for label in f"ns.{next(iter(self.zones))}".split("."))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(0.2)
            s.connect(("127.0.0.1", self.port))
            try:
                s.send(b"\1\1\0\0\0\1\0\0\0\0\0\0" + question + b"\0\1\0\1")
                return s.recv(512)[3] & 15 == 0
            except OSError:
                time.sleep(0.05)
                return False

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)
