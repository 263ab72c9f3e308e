"""nameserver - what a test of DNS starts from: belfryd asking nsd on loopback."""
import socket
import struct
import threading

import harness
from harness import lab
from nsd import NSD, Nsd


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
