"""Who may connect, and how much: networks of loopback are the networks."""
import re
import resource
import select
import socket
import ssl
import struct
import subprocess
import time
import unittest

import harness
import ca
import lab

CROWD = 4000


def files():
    """Raise what may be open; how many that is."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Peer:
    """A client at an address of its own; says and hears lines."""

    def __init__(self, case, ip, port):
        self.socket = socket.socket()
        self.socket.settimeout(30)
        self.socket.bind((ip, 0))
        self.socket.connect(("127.0.0.1", port))
        self.file = None
        case.addCleanup(self.close)

    def hear(self):
        """The next line; "" at the end."""
        self.file = self.file or self.socket.makefile("rb")
        try:
            return self.file.readline().decode()
        except ConnectionResetError:
            return ""

    def say(self, line):
        """The last line of the reply."""
        self.socket.sendall(line.encode() + b"\r\n")
        while True:
            reply = self.hear()
            if not re.match(r"\d{3}-", reply):
                return reply

    def was_told(self, code):
        """Is there a line that begins with CODE, in what came?"""
        self.socket.setblocking(False)
        try:
            text = self.socket.recv(65536).decode()
        except BlockingIOError:
            return False
        return any(line.startswith(code) for line in text.splitlines())

    def greet(self):
        return self.hear(), self.say("EHLO client.example.org")

    def send(self, rcpt="a@inner.example"):
        """The code of every reply."""
        return [self.say(line)[:3] for line in (
            "MAIL FROM:<x@example.org>", f"RCPT TO:<{rcpt}>", "DATA",
            "Subject: x\r\n\r\nx\r\n.")]

    def close(self):
        if self.file:
            self.file.close()
        self.socket.close()


class Case(harness.Case):
    more = {}  # of the configuration

    def start_mx(self, limits, **more):
        """A listener where nobody is trusted, beside the one for clients."""
        belfryd = self.prepare()
        self.mx = lab.free_port()
        belfryd.config = lab.merge(belfryd.config, {
            "listeners": [
                {"name": "smtp", "role": "submission",
                 "address": f"127.0.0.1:{belfryd.smtp}"},
                {"name": "mx", "role": "inbound", "verdict": "none",
                 "address": f"127.0.0.1:{self.mx}", **more}],
            "domains": ["inner.example"],
            "postmaster": "boss@inner.example",
            "routes": [{"match": "inner.example", "deliver": "smtp",
                        "via": [self.sink.hop()]}],
            "limits": limits, **self.more})
        belfryd.write_config()
        return belfryd.start()

    def peer(self, ip):
        return Peer(self, ip, self.mx)

    def refused(self, reason):
        return self.belfryd.metric("belfry_messages_refused_total",
                                   listener="mx", reason=reason)


class Clients(Case):
    def test_rates(self):
        self.start_mx({"rates": {"connections_per_ip": "2/1h",
                                 "connections_per_network": "3/1h",
                                 "messages_per_ip": "2/1h",
                                 "recipients_per_network": "3/1h"}})
        first = self.peer("127.9.0.1")
        first.greet()
        self.assertEqual(first.send(), ["250", "250", "354", "250"])
        second = self.peer("127.9.0.1")
        second.greet()
        self.assertEqual(second.send(), ["250", "250", "354", "250"])
        self.assertTrue(second.say("MAIL FROM:<x@example.org>").startswith(
            "450 4.7.1 too many messages"))
        self.assertTrue(self.peer("127.9.0.1").hear().startswith("421 4.7.0"))
        other = self.peer("127.9.0.2")
        other.greet()
        self.assertEqual(other.say("MAIL FROM:<x@example.org>")[:3], "250")
        self.assertEqual(other.say("RCPT TO:<a@inner.example>")[:3], "250")
        self.assertTrue(other.say("RCPT TO:<b@inner.example>").startswith(
            "450 4.7.1 too many recipients"))
        self.assertTrue(self.peer("127.9.0.3").hear().startswith("421 4.7.0"))
        self.assertTrue(self.peer("127.9.1.1").hear().startswith("220 "))
        self.assertEqual(
            [e["limit"] for e in self.wait_events(2, "rate")],
            ["messages_per_ip", "recipients_per_network"])
        self.assertEqual(self.refused("rates"), 2)
        self.assertEqual(self.refused("rates.connections_per_ip"), 1)
        self.assertEqual(self.refused("rates.connections_per_network"), 1)

    def test_trusted_have_no_rate(self):
        self.start_mx({"rates": {"connections_per_ip": "1/1h",
                                 "messages_per_ip": "1/1h"}},
                      trust=["127.9.0.0/24"])
        for _ in range(3):
            peer = self.peer("127.9.0.1")
            peer.greet()
            for _ in range(2):
                self.assertEqual(peer.send()[-1], "250")

    def crowd(self, network, count):
        """COUNT that connect and do nothing, fifty an address."""
        found = []
        for i in range(count):
            found.append(self.peer(f"{network}.{i // 50 + 1}"))
        return found

    def test_signs_of_life(self):
        """MAIL and RSET, again and again, don't keep a place."""
        self.start_mx({"connections": 4})
        busy = self.peer("127.9.0.1")
        busy.greet()
        others = []
        for i in range(3):
            self.assertEqual(busy.say("MAIL FROM:<x@example.org>")[:3], "250")
            busy.say("RSET")
            time.sleep(0.1)
            others.append(self.peer(f"127.9.{i + 1}.1"))
            others[-1].greet()
        for _ in range(28):
            busy.say("MAIL FROM:<x@example.org>")
            busy.say("RSET")
            time.sleep(0.2)
        late = self.peer("127.9.9.1")
        self.assertTrue(late.greet()[1].startswith("250 "))
        self.assertTrue(busy.hear().startswith("421 4.3.2 "))
        self.assertFalse([p for p in others if p.was_told("421")])

    def test_leave_at_once(self):
        """Who gives way and does not go makes nobody wait."""
        self.start_mx({"connections": 100})
        crowd = [self.peer(f"127.10.{i}.1") for i in range(100)]
        self.assertTrue(crowd[-1].hear().startswith("220 "))
        time.sleep(5.2)  # ACCEPTOR_IDLE_MS
        for i in range(90):
            peer = self.peer(f"127.20.{i}.1")
            self.assertTrue(peer.hear().startswith("220 "), i)
        self.assertEqual(len([p for p in crowd if p.was_told("421")]), 90)

    @unittest.skipIf(files() < 2 * CROWD + 2000, "too few descriptors")
    def test_crowd(self):
        """As many idle clients as there may be keep nobody out."""
        self.start_mx({})
        flood = self.crowd("127.9.0", CROWD * 3 // 4 + 1)
        self.assertTrue(flood[-1].hear().startswith("220 "))
        late = self.peer("127.9.0.200")  # nobody is idle for long enough
        self.assertTrue(late.hear().startswith("421 4.7.0"))
        self.assertEqual(self.refused("connections_share"), 1)
        one = self.peer("127.9.1.1")
        one.greet()
        self.assertEqual(one.send()[-1], "250")
        # Many networks, one each, until all is taken.
        many = []
        while len(flood) + 1 + len(many) < CROWD:
            n = len(many)
            many.append(self.peer(f"127.{10 + n // 250}.{n % 250}.1"))
        self.assertTrue(many[-1].hear().startswith("220 "))
        time.sleep(5.2)  # ACCEPTOR_IDLE_MS
        one.say("NOOP")
        for i in range(40):
            peer = self.peer(f"127.200.{i}.1")
            self.assertTrue(peer.greet()[1].startswith("250 "))
            self.assertEqual(peer.send()[-1], "250")
        self.assertEqual(self.refused("idle"), 40)
        # The largest network gave, those that were idle for longest.
        gone = [i for i, peer in enumerate(flood) if peer.was_told("421")]
        self.assertEqual(len(gone), 40)
        self.assertLess(gone[-1], 1000)
        self.assertFalse([p for p in many if p.was_told("421")])
        self.assertEqual(one.say("NOOP")[:3], "250")
        self.assertEqual(self.belfryd.metric("belfry_sessions",
                                             listener="mx"), CROWD)


class Pace(Case):
    def test_early(self):
        """Who speaks before the banner hears none."""
        self.start_mx({"banner_delay": "2s"})
        peer = self.peer("127.9.0.1")
        began = time.monotonic()
        self.assertTrue(peer.say("EHLO x").startswith("554 5.5.1 wait for "))
        self.assertEqual(peer.hear(), "")
        self.assertLess(time.monotonic() - began, 1.5)
        self.assertEqual(self.refused("early"), 1)
        began = time.monotonic()
        patient = self.peer("127.9.0.1")
        self.assertTrue(patient.greet()[1].startswith("250 "))
        self.assertGreaterEqual(time.monotonic() - began, 1.9)
        self.assertEqual(patient.send()[-1], "250")
        began = time.monotonic()
        self.client()  # in trust
        self.assertLess(time.monotonic() - began, 1.5)

    def test_slow_command(self):
        self.start_mx({"command_time": "1s"})
        peer = self.peer("127.9.0.1")
        peer.hear()
        began = time.monotonic()
        for byte in b"EHLO client.example.org":
            peer.socket.sendall(bytes([byte]))
            if select.select([peer.socket], [], [], 0.1)[0]:
                break
        self.assertTrue(peer.hear().startswith("421 4.4.2 timeout"))
        self.assertLess(time.monotonic() - began, 2.9)

    def slow_data(self, command, piece, pause):
        """How long DATA or BDAT lasts, and the reply."""
        peer = self.peer("127.9.0.1")
        peer.greet()
        peer.say("MAIL FROM:<x@example.org>")
        peer.say("RCPT TO:<a@inner.example>")
        peer.socket.sendall(command)
        if command == b"DATA\r\n":
            peer.hear()
        began = time.monotonic()
        peer.socket.sendall(b"Subject: x\r\n\r\n")
        for _ in range(40):
            try:
                peer.socket.sendall(piece)
            except OSError:
                break
            time.sleep(pause)
        return time.monotonic() - began, peer.hear()

    def test_slow_data(self):
        """64 KiB a second each, but less than the rate: one second and a bit
        is given."""
        self.start_mx({"command_time": "1s", "data_rate_min": 4 << 20})
        piece = (b"x" * 998 + b"\r\n") * 100
        for command in b"DATA\r\n", b"BDAT 4000014 LAST\r\n":
            lasted, reply = self.slow_data(command, piece, 0.25)
            self.assertTrue(reply.startswith("421 4.4.2 the data"), reply)
            self.assertLess(lasted, 8)  # of ten
        self.assertEqual(self.refused("slow"), 2)
        self.assertEqual(self.refused("timeout"), 0)
        # Fast enough.
        lasted, reply = self.slow_data(b"BDAT 4000014 LAST\r\n", piece, 0)
        self.assertTrue(reply.startswith("250 "), reply)

    def test_pipelined(self):
        """Each message of a stream has its own time: none of them is slow."""
        self.start_mx({"command_time": "1s"})
        peer = self.peer("127.9.0.1")
        peer.greet()
        head, rest = b"Subject: x\r\n\r\n", b"x\r\n"
        begin = (b"MAIL FROM:<x@example.org>\r\n"
                 b"RCPT TO:<a@inner.example>\r\nBDAT %d LAST\r\n" %
                 (len(head) + len(rest)) + head)
        for n in range(16):
            peer.socket.sendall(begin if n == 0 else rest + begin)
            time.sleep(0.15)
        peer.socket.sendall(rest)
        self.assertEqual(peer.say("QUIT")[:3], "250")
        self.sink.wait(16)
        self.assertEqual(self.refused("slow"), 0)

    def test_reads_nothing(self):
        """Who sends and never reads is stopped, and hung up on."""
        self.start_mx({"command_time": "1s"}, trust=["127.9.0.0/24"])
        peer = self.peer("127.9.0.1")
        peer.greet()
        peer.socket.settimeout(0.5)
        sent = 0
        try:
            while sent < 64 << 20:
                peer.socket.sendall(b"NOOP\r\n" * 10000)
                sent += 60000
        except (socket.timeout, ConnectionError):
            pass
        self.assertLess(sent, 64 << 20)
        self.wait_events(1, "refuse", reason="timeout")
        lab.wait_for(lambda: self.belfryd.metric(
            "belfry_sessions", listener="mx") == 0, "the session's end")


SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def version_2(client, command=0x21):
    addresses = socket.inet_aton(client) + socket.inet_aton("192.0.2.25")
    return (SIGNATURE + struct.pack("!BBH", command, 0x11, 12 + 8) + addresses
            + struct.pack("!HH", 4660, 25) + b"\x04\0\x05noise")


class Hidden(Case):
    """A listener with TLS from the first byte on, and a proxy in front."""

    def start_tls(self, limits):
        folder = harness.new_folder(self, "ca")
        self.ca = ca.CA(folder)
        belfryd = self.start_mx(limits, tls="implicit",
                                proxy=["127.9.0.0/24"],
                                certificate=self.ca.cert("mx", "mx.example"))
        return belfryd

    def start_mx(self, limits, certificate=None, **more):
        self.more = {"tls": certificate}
        return super().start_mx(limits, **more)

    def test_header_comes_first(self):
        self.start_tls({})
        for header in (b"PROXY TCP4 192.0.2.7 192.0.2.25 4660 25\r\n",
                       version_2("192.0.2.7")):
            peer = self.peer("127.9.0.1")
            # In one piece with the first of TLS.
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = self.ca.client().wrap_bio(incoming, outgoing,
                                            server_hostname="mx.example")
            self.assertRaises(ssl.SSLWantReadError, tls.do_handshake)
            peer.socket.sendall(header + outgoing.read())
            text = b""
            while not text.startswith(b"220 "):
                incoming.write(peer.socket.recv(65536))
                try:
                    tls.do_handshake()  # nothing, once it is done
                    text = tls.read()
                except ssl.SSLWantReadError:
                    pass
                if outgoing.pending:
                    peer.socket.sendall(outgoing.read())
        events = self.wait_events(2, "connect", listener="mx")
        self.assertEqual({e["client"] for e in events},
                         {"unknown[192.0.2.7]"})

    def test_refused_without_a_word(self):
        """What is not TLS would only confuse."""
        self.start_tls({"connections_per_ip": 1})
        self.assertEqual(self.peer("127.9.0.1").say("EHLO x"), "")
        kept = self.peer("127.8.0.1")
        self.assertEqual(self.peer("127.8.0.1").hear(), "")
        self.wait_events(2, "refuse", verb="connect")
        kept.close()


class Proxy(Case):
    """127.9.0.0/24 are proxies; 192.0.2.0/24 is trusted, and so are they."""

    def start_mx(self, limits=None, **more):
        return super().start_mx(limits or {}, **{
            "trust": ["192.0.2.0/24", "127.9.0.0/24"],
            "proxy": ["127.9.0.0/24"], **more})

    def behind(self, header, ip="127.9.0.1"):
        peer = self.peer(ip)
        peer.socket.sendall(header)
        peer.greet()
        return peer

    def may_relay(self, peer):
        peer.say("MAIL FROM:<x@example.org>")
        code = peer.say("RCPT TO:<b@example.net>")[:3]
        peer.say("RSET")
        return {"250": True, "550": False}[code]

    def test_whose_trust(self):
        self.start_mx()
        for n, (header, trusted, client) in enumerate([
                (b"PROXY TCP4 192.0.2.7 192.0.2.25 4660 25\r\n", True,
                 "192.0.2.7"),
                (b"PROXY TCP4 192.0.3.7 192.0.2.25 4660 25\r\n", False,
                 "192.0.3.7"),
                (b"PROXY TCP6 2001:db8::7 2001:db8::1 4660 25\r\n", False,
                 "2001:db8::7"),
                (b"PROXY UNKNOWN\r\n", False, "127.9.0.1"),
                (version_2("192.0.2.8"), True, "192.0.2.8"),
                (version_2("198.51.100.8"), False, "198.51.100.8"),
                (version_2("192.0.2.8", 0x20), False, "127.9.0.1")]):
            peer = self.behind(header)
            self.assertEqual(self.may_relay(peer), trusted, header)
            self.assertEqual(peer.send()[-1], "250")
            event = self.wait_events(n + 1, "connect", listener="mx")[-1]
            self.assertEqual((event["client"], event["proxy"]),
                             (f"unknown[{client}]", "127.9.0.1"))
        self.assertIn("from client.example.org ([192.0.2.7])",
                      self.sink.wait(7)[0].header("Received"))

    def test_none_or_another(self):
        """Who must and does not, and who may not and does."""
        self.start_mx()
        peer = self.peer("127.9.0.1")
        self.assertTrue(peer.say("EHLO x").startswith("421 4.7.0 this add"))
        self.assertEqual(peer.hear(), "")
        event, = self.wait_events(1, "refuse", reason="proxy")
        self.assertIn("something else", event["why"])
        self.assertEqual(self.refused("proxy"), 1)
        for header in [b"PROXY TCP4 192.0.2.7 192.0.2.25 4660 25\r\n",
                       version_2("192.0.2.8")]:
            peer = self.peer("127.8.0.1")
            self.assertTrue(peer.hear().startswith("220 "))
            peer.socket.sendall(header)
            self.assertTrue(peer.hear()[:1] in "5")
        self.assertEqual(self.belfryd.events("connect",
                                             client="unknown[192.0.2.7]"), [])

    def test_limits_are_the_clients(self):
        self.start_mx({"connections_per_ip": 2, "rates":
                       {"connections_per_network": "3/1h"}})
        header = b"PROXY TCP4 198.51.100.%d 192.0.2.25 4660 25\r\n"
        kept = [self.behind(header % 1) for _ in range(2)]
        peer = self.peer("127.9.0.1")
        peer.socket.sendall(header % 1)
        self.assertTrue(peer.hear().startswith("421 4.7.0 too many conn"))
        kept.append(self.behind(header % 2))
        peer = self.peer("127.9.0.1")
        peer.socket.sendall(header % 3)
        self.assertTrue(peer.hear().startswith("421 4.7.0 too many conn"))
        self.assertEqual(
            [e["why"] for e in self.wait_events(2, "refuse")],
            ["connections_per_ip", "rates.connections_per_network"])
        kept[0].say("QUIT")
        lab.wait_for(lambda: self.belfryd.metric(
            "belfry_sessions", listener="mx") == 2, "the session's end")

    def test_stops(self):
        """Also while a proxy has said nothing yet."""
        belfryd = self.start_mx()
        peers = [self.peer("127.9.0.1") for _ in range(8)]
        peers[0].socket.sendall(b"PROXY TCP4 192")
        self.assertTrue(self.peer("127.8.0.1").hear().startswith("220 "))
        self.assertEqual(belfryd.stop(), 0)
        for peer in peers:
            self.assertEqual(peer.hear(), "")

    def test_refused_keep_nobody_out(self):
        """Who is over its limit and stays is not in the way of others."""
        self.start_mx({"connections_per_ip": 1})
        header = b"PROXY TCP4 198.51.100.%d 192.0.2.25 4660 25\r\n"
        self.behind(header % 1)
        for _ in range(300):
            self.peer("127.9.0.1").socket.sendall(header % 1)
        peer = self.peer("127.9.0.1")
        peer.socket.sendall(header % 2)
        self.assertTrue(peer.hear().startswith("220 "))

    @harness.need("swaks")
    def test_swaks(self):
        self.start_mx()
        for version, family in [("1", "TCP4"), ("2", "AF_INET")]:
            done = subprocess.run(
                ["swaks", "--server", f"127.0.0.1:{self.mx}",
                 "--local-interface", "127.9.0.1", "--to", "b@example.net",
                 "--from", "x@example.org", "--proxy-version", version,
                 "--proxy-family", family, "--proxy-source", "192.0.2.7",
                 "--proxy-source-port", "4660", "--proxy-dest", "192.0.2.25",
                 "--proxy-dest-port", "25"],
                capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.sink.wait(2)


if __name__ == "__main__":
    harness.main()
