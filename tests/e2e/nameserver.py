"""nameserver - an authoritative name server (nsd) on loopback for one test."""
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import harness
from harness import lab

NSD = shutil.which("nsd") or ("/usr/sbin/nsd"
                              if os.path.exists("/usr/sbin/nsd") else None)


class Nsd:
    """Serves ZONES, {"example.": text of records}; any other name is refused.
    `change(name, text)` makes it read a zone anew."""

    def __init__(self, zones):
        self.folder = lab.state_folder("nsd")
        self.port = lab.free_port()
        self.zones, self.serial = {}, 1
        self.process = None
        for name, text in zones.items():
            self.write(name, text)

    def write(self, name, text):
        self.zones[name] = os.path.join(self.folder, f"{name}zone")
        with open(self.zones[name], "w", encoding="ascii") as file:
            file.write(f"$ORIGIN {name}\n$TTL 3600\n"
                       f"@ SOA ns hostmaster {self.serial} 1h 1h 1d 1\n"
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
            file.write(f"""
server:
    ip-address: 127.0.0.1@{self.port}
    server-count: 1
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


class Lame:
    """Stands before the name server at PORT, and fails for RTYPE of NAME."""

    FAILED = 2

    def __init__(self, port, name, rtype):
        labels = (bytes([len(label)]) + label.encode()
                  for label in name.split("."))
        self.lame = b"".join(labels) + struct.pack("!BHH", 0, rtype, 1)
        self.behind = ("127.0.0.1", port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def answer(self, question):
        if question[12:].lower().startswith(self.lame):
            head = struct.pack("!HHHHH", 0x8180 | self.FAILED, 1, 0, 0, 0)
            return question[:2] + head + question[12:12 + len(self.lame)]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(5)
            s.sendto(question, self.behind)
            return s.recv(4096)

    def serve(self):
        while True:
            question, client = self.socket.recvfrom(4096)
            if not question:
                return
            self.socket.sendto(self.answer(question), client)

    def stop(self):
        self.socket.sendto(b"", ("127.0.0.1", self.port))
        self.thread.join()
        self.socket.close()


class Case(harness.Case):
    """A belfryd without a smarthost, whose resolver asks nsd, and sinks on
    addresses of their own, all at the port where belfryd listens itself on
    127.0.0.1: that address is belfryd's, the others are mail exchangers."""

    ZONES = {}

    def setUp(self):
        super().setUp()
        if NSD is None:
            self.skipTest("nsd is not installed")
        self.sinks = {}
        self.nsd = Nsd(self.ZONES).start()
        self.addCleanup(self.nsd.stop)

    def prepare(self, config=None):
        dns = {"dns": {"servers": [f"127.0.0.1@{self.nsd.port}"],
                       "timeout": "2s"}}
        belfryd = super().prepare(lab.merge(
            lab.merge(harness.SOON, {"delivery": {"smarthost": []}}),
            lab.merge(dns, config or {})))
        belfryd.config["delivery"].setdefault("mx", {})["port"] = belfryd.smtp
        belfryd.write_config()
        return belfryd

    def exchanger(self, address, script=None):
        """A sink there; after prepare()."""
        sink = lab.Sink(script, port=self.belfryd.smtp, address=address)
        self.sinks[address] = sink.start()
        self.addCleanup(sink.stop)
        return sink
