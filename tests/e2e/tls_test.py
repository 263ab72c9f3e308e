"""TLS between belfryd and programs that others wrote: openssl s_client, Python's
smtplib, swaks, Postfix's posttls-finger."""
import os
import re
import signal
import smtplib
import socket
import ssl
import subprocess
import unittest

import harness  # first: it knows where lab is
import ca
import lab

NAME = "relay.example.org"
TEXT = harness.message("hello")


class Tls(harness.Case):
    def setUp(self):
        super().setUp()
        folder = harness.new_folder(self, "ca")
        self.ca = ca.CA(folder)
        self.pair = self.ca.cert("relay", NAME)

    def start(self, config=None, **listener):
        """One listener for each kind of TLS, for everybody on loopback."""
        self.ports = {}
        listeners = []
        for kind in ("none", "starttls", "required", "implicit"):
            self.ports[kind] = lab.free_port()
            listeners.append({"name": kind, "role": "submission", "tls": kind,
                              "address": f"127.0.0.1:{self.ports[kind]}"})
            if kind != "none":
                listeners[-1].update(listener)
        return super().start(lab.merge(
            {"tls": self.pair, "listeners": listeners}, config or {}))

    def connect(self, kind="starttls", context=None, name=NAME):
        """A client behind the handshake and EHLO."""
        context = context or self.ca.client()
        if kind == "implicit":
            client = smtplib.SMTP_SSL("127.0.0.1", self.ports[kind],
                                      timeout=30, context=Named(context, name))
        else:
            client = smtplib.SMTP("127.0.0.1", self.ports[kind], timeout=30)
            client.ehlo("clear.example.org")
            client.starttls(context=Named(context, name))
        self.addCleanup(client.close)
        client.ehlo("client.example.org")
        return client

    def mail(self, client):
        client.sendmail("anna@example.org", ["ben@example.net"], TEXT)

    def handshakes(self, result, **labels):
        return self.belfryd.metric("belfry_tls_handshakes_total",
                                   result=result, **labels)

    # --- what is said ---------------------------------------------------------

    def test_smtplib(self):
        self.start()
        for kind in ("starttls", "required", "implicit"):
            client = self.connect(kind)
            self.assertNotIn("starttls", client.esmtp_features)
            self.mail(client)
            client.quit()
            self.assertEqual(self.handshakes("ok", listener=kind), 1)
        for message in self.sink.wait(3):
            received = message.header("Received")
            self.assertRegex(received, r"with ESMTPS id")
            self.assertRegex(received, r"\(TLSv1\.3, TLS_\w+, \d+ bits\)")
            self.assertIn("client.example.org", received)
            self.assertNotIn("clear.example.org", received)
        accepted = self.wait_events(3, "accept", tls="TLSv1.3")
        self.assertTrue(all(e["cipher"].startswith("TLS_") for e in accepted))

    def test_versions(self):
        self.start({"tls": {"min_version": "1.3"}})
        self.connect()
        old = self.ca.client()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with self.assertRaises(ssl.SSLError):
            self.connect(context=old)
        failed = self.wait_events(1, "tls_failed")[0]
        self.assertEqual(failed["error"], "TLS: unsupported protocol")
        self.assertEqual(self.handshakes("failed"), 1)

    def test_required(self):
        self.start()
        client = smtplib.SMTP("127.0.0.1", self.ports["required"])
        self.addCleanup(client.close)
        client.ehlo("c.example.org")
        self.assertEqual(client.mail("a@example.org")[0], 530)
        self.assertEqual(client.noop()[0], 250)

    def test_large_both_ways(self):
        """Much more than one record, and many commands in one."""
        self.start()
        client = self.connect("implicit")
        body = harness.message("large", body=b"x" * 76 + b"\r\n") + \
            (b"y" * 76 + b"\r\n") * 100000
        client.sendmail("anna@example.org", ["ben@example.net"], body)
        client.sock.sendall(b"NOOP\r\n" * 20000)
        heard = b""
        while heard.count(b"\r\n") < 20000:
            heard += client.sock.recv(65536)
        self.assertEqual(set(heard.splitlines()), {b"250 2.0.0 ok"})
        self.assertEqual(len(self.sink.wait(1)[0].content.split(b"y" * 76)),
                         100001)

    # --- what is in clear -------------------------------------------------------

    def plain(self, kind="starttls"):
        peer = socket.create_connection(("127.0.0.1", self.ports[kind]), 30)
        self.addCleanup(peer.close)
        return peer

    def hear(self, peer, end):
        text = b""
        while not re.search(end, text):
            more = peer.recv(65536)
            self.assertTrue(more, text)
            text += more
        return text

    def greeted(self):
        """A peer that has said EHLO."""
        self.start()
        peer = self.plain()
        self.hear(peer, rb"220 .*\r\n")
        peer.sendall(b"EHLO c.example.org\r\n")
        self.hear(peer, rb"250 .*\r\n")
        return peer

    def test_injection(self):
        """What stands behind STARTTLS is never a command."""
        peer = self.greeted()
        peer.sendall(b"STARTTLS\r\nRSET\r\n")
        self.assertTrue(self.hear(peer, rb"\r\n").startswith(b"554 5.5.1"))
        self.assertEqual(peer.recv(100), b"")

    def test_injection_later(self):
        """The same in a packet of its own: it is no handshake."""
        peer = self.greeted()
        peer.sendall(b"STARTTLS\r\n")
        self.hear(peer, rb"220 .*\r\n")
        peer.sendall(b"MAIL FROM:<a@example.org>\r\n")
        self.assertNotIn(b"250", peer.recv(1000))
        self.wait_events(1, "tls_failed",
                         error="TLS: the peer does not speak TLS")

    def test_never_begins(self):
        """A client that says nothing in the handshake does not stay."""
        self.start({"limits": {"command_time": "1s"}})
        peer = self.plain("implicit")
        self.assertEqual(peer.recv(100), b"")
        self.wait_events(1, "tls_failed", error="timeout")

    # --- which certificate --------------------------------------------------------

    def test_names(self):
        other = self.ca.cert("other", "other.example.org", "*.sub.example.org")
        self.start({"tls": {"more": [other]}})
        for name, shown in ((NAME, "relay"), ("other.example.org", "other"),
                            ("x.sub.example.org", "other"),
                            ("unknown.example.org", "relay")):
            context = self.ca.client()
            context.check_hostname = False
            client = self.connect("implicit", context, name)
            self.assertEqual(ca.serial_of(client.sock),
                             self.ca.serial(shown), name)

    def test_reload(self):
        """A new certificate for who comes; nobody else is disturbed."""
        self.start()
        before = self.connect()
        before.mail("anna@example.org")
        first = self.ca.serial("relay")
        self.ca.cert("relay", NAME)
        self.belfryd.signal(signal.SIGHUP)
        self.wait_events(1, "reload")
        after = self.connect()
        self.assertEqual(ca.serial_of(after.sock), self.ca.serial("relay"))
        self.assertEqual(ca.serial_of(before.sock), first)
        self.assertEqual(before.rcpt("ben@example.net")[0], 250)
        self.assertEqual(before.data(TEXT)[0], 250)
        self.mail(before)
        self.mail(after)
        self.sink.wait(3)

    def test_broken_reload(self):
        """The old pair stays, and the log says what is wrong where."""
        self.start()
        first = self.ca.serial("relay")
        self.ca.cert("stray", NAME)
        os.rename(self.ca.path("stray.key"), self.ca.path("relay.key"))
        self.belfryd.signal(signal.SIGHUP)
        refused = self.wait_events(1, "reload_refused")[0]
        self.assertIn("relay.key: is not the key of the certificate",
                      refused["error"])
        self.assertRegex(refused["where"], r"belfry\.yaml:\d+:\d+$")
        client = self.connect()
        self.assertEqual(ca.serial_of(client.sock), first)
        done = self.belfryd.cli("check", check=False)
        self.assertEqual(done.returncode, 78, done.stderr)
        self.assertIn("is not the key of the certificate", done.stderr)

    def test_open_key(self):
        os.chmod(self.pair["key_file"], 0o644)
        with self.assertRaises(lab.Failed) as failed:
            self.start()
        self.assertIn("everybody on this machine can read",
                      str(failed.exception))
        self.belfryd.process = None

    @unittest.skipUnless(lab.IS_ROOT, "who starts it is who it will be")
    def test_key_of_root(self):
        """Read as the final user, from the first start on."""
        os.chown(self.pair["key_file"], 0, 0)
        with self.assertRaises(lab.Failed) as failed:
            self.start()
        self.assertIn("can't be read by user nobody", str(failed.exception))
        self.belfryd.process = None

    def test_reload_begins_tls(self):
        """All that TLS needs can be had after the start."""
        super().start()
        config = lab.merge(self.belfryd.config, {"tls": self.pair})
        config["listeners"][0]["tls"] = "starttls"
        self.belfryd.config = config
        self.belfryd.write_config()
        self.belfryd.signal(signal.SIGHUP)
        self.wait_events(1, "reload")
        self.ports = {"starttls": self.belfryd.smtp}
        self.mail(self.connect())
        self.sink.wait(1)

    # --- sessions that go on ----------------------------------------------------------

    def handshake(self, session=None, kind="implicit", context=None):
        """A connection's socket after NOOP, behind which its ticket comes."""
        sock = socket.create_connection(("127.0.0.1", self.ports[kind]), 30)
        client = context.wrap_socket(sock, server_hostname=NAME,
                                     session=session)
        self.addCleanup(client.close)
        self.hear(client, rb"220 .*\r\n")
        client.sendall(b"NOOP\r\n")
        self.hear(client, rb"250 .*\r\n")
        return client

    def test_tickets(self):
        """On any loop, and after a reload; not after a restart."""
        self.start({"loops": 3})
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = self.ca.client()
            context.minimum_version = context.maximum_version = version
            client = self.handshake(context=context)
            self.assertFalse(client.session_reused)
            for _ in range(6):
                client = self.handshake(client.session, context=context)
                self.assertTrue(client.session_reused, version)
        self.belfryd.signal(signal.SIGHUP)
        self.wait_events(1, "reload")
        client = self.handshake(client.session, context=context)
        self.assertTrue(client.session_reused)
        self.belfryd.stop()
        self.belfryd.start()
        client = self.handshake(client.session, context=context)
        self.assertFalse(client.session_reused)

    def test_a_certificate_goes_with_the_session(self):
        """Who resumes is who it was."""
        self.start_sites(ca_file=self.ca.file, names=["site.example.org"])
        context = self.ca.client("site")
        session = self.handshake(context=context).session
        client = self.handshake(session, context=context)
        self.assertTrue(client.session_reused)
        client.sendall(b"EHLO c\r\n")
        self.hear(client, rb"250 .*\r\n")
        client.sendall(b"MAIL FROM:<a@example.org>\r\n"
                       b"RCPT TO:<b@example.net>\r\n")
        self.hear(client, rb"250 2.1.5")

    def test_a_certificate_ends(self):
        """A gauge, the status, and a warning where it is soon."""
        self.ca.cert("relay", NAME, days=5)
        other = self.ca.cert("other", "other.example.org", days=20)
        self.start({"tls": {"more": [other]}})
        warned = self.wait_events(1, "certificate")[0]
        self.assertEqual(warned["days"], "4")
        self.assertEqual(warned["file"], self.pair["certificate_file"])
        status = self.belfryd.api("GET", "status")
        soon, later = status["certificates"]
        self.assertAlmostEqual(later["not_after_ms"] - soon["not_after_ms"],
                               15 * 86400e3, delta=60e3)
        self.assertEqual(
            self.belfryd.metric(
                "belfry_tls_certificate_not_after_timestamp_seconds",
                file=other["certificate_file"]),
            later["not_after_ms"] // 1000)
        self.assertEqual([p.get("tls") for p in status["listeners"]
                          if p["kind"] == "smtp"],
                         [None, "starttls", "required", "implicit"])
        said = self.belfryd.cli("status", check=False).stdout
        self.assertIn("relay.pem, until ", said)
        self.assertIn(", TLS starttls", said)
        self.ca.cert("relay", NAME)
        self.belfryd.signal(signal.SIGHUP)
        self.wait_events(1, "reload")
        self.wait_events(1, "certificate")

    # --- who the client is ----------------------------------------------------------

    def start_sites(self, **clients):
        for name in ("site", "stranger"):
            self.ca.cert(name, f"{name}.example.org")
        return self.start(trust=["192.0.2.1"], client_certificates=clients)

    def may_send(self, name=None, context=None):
        client = self.connect(context=context or self.ca.client(name))
        client.mail("anna@example.org")
        code = client.rcpt("ben@example.net")[0]
        client.quit()
        return code == 250

    def test_client_names(self):
        self.start_sites(ca_file=self.ca.file, names=["SITE.example.org"])
        self.assertTrue(self.may_send("site"))
        self.assertFalse(self.may_send("stranger"))
        self.assertFalse(self.may_send())
        shown = self.wait_events(2, "tls")
        self.assertEqual([(e["name"], e["certified"]) for e in shown],
                         [("site.example.org", "yes"),
                          ("stranger.example.org", "no")])
        self.assertEqual(shown[0]["fingerprint"], self.ca.fingerprint("site"))

    def test_client_of_another_ca(self):
        other = harness.new_folder(self, "ca")
        self.start_sites(ca_file=self.ca.file, names=["site.example.org"])
        forger = ca.CA(other)
        forger.cert("site", "site.example.org")
        context = self.ca.client()
        context.load_cert_chain(forger.path("site.pem"),
                                forger.path("site.key"))
        self.assertFalse(self.may_send(context=context))
        self.assertEqual(self.wait_events(1, "tls")[0]["certified"], "no")

    def test_client_that_signs(self):
        """A client's certificate makes no further ones."""
        self.start_sites(ca_file=self.ca.file,
                         names=["forged.example.org"])
        self.ca.cert("forged", "forged.example.org", by="site")
        with open(self.ca.path("forged.pem"), "a", encoding="ascii") as chain:
            with open(self.ca.path("site.pem"), encoding="ascii") as file:
                chain.write(file.read())
        self.assertFalse(self.may_send("forged"))
        shown = self.wait_events(1, "tls")[0]
        self.assertEqual((shown["name"], shown["certified"]),
                         ("forged.example.org", "no"))

    def test_client_fingerprint(self):
        self.ca.cert("site", "site.example.org")
        digits = self.ca.fingerprint("site").replace(":", "").lower()
        site = self.ca.path("site.pem")
        with open(site, encoding="utf-8") as file:
            kept = file.read()
        self.ca.cert("stranger", "stranger.example.org")
        self.start(trust=["192.0.2.1"],
                   client_certificates={"fingerprints": [digits]})
        with open(site, encoding="utf-8") as file:
            self.assertEqual(file.read(), kept)
        self.assertTrue(self.may_send("site"))
        self.assertFalse(self.may_send("stranger"))

    def test_client_is_taken_away(self):
        """An open session is asked anew after a reload."""
        self.start_sites(ca_file=self.ca.file)
        client = self.connect(context=self.ca.client("site"))
        self.mail(client)
        for listener in self.belfryd.config["listeners"][1:]:
            listener["client_certificates"] = {
                "ca_file": self.ca.file, "names": ["nobody.example.org"]}
        self.belfryd.write_config()
        self.belfryd.signal(signal.SIGHUP)
        self.wait_events(1, "reload")
        client.mail("anna@example.org")
        self.assertEqual(client.rcpt("ben@example.net")[0], 550)

    # --- other people's programs ------------------------------------------------------

    def test_s_client(self):
        self.start()
        for kind in ("starttls", "implicit"):
            done = subprocess.run(
                ["openssl", "s_client", "-connect",
                 f"127.0.0.1:{self.ports[kind]}", "-CAfile", self.ca.file,
                 "-verify_return_error", "-verify_hostname", NAME, "-quiet",
                 "-no_ign_eof"]
                + (["-starttls", "smtp"] if kind == "starttls" else []),
                input=b"QUIT\r\n", capture_output=True, timeout=30,
                check=False)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_renegotiation(self):
        """Asked for when the banner is there: it would be no part of it."""
        self.start()
        with subprocess.Popen(
                ["openssl", "s_client", "-connect",
                 f"127.0.0.1:{self.ports['implicit']}", "-tls1_2", "-CAfile",
                 self.ca.file], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE) as client:
            while not client.stdout.readline().startswith(b"220 "):
                self.assertIsNone(client.poll())
            said = client.communicate(b"R\n", timeout=30)[1]
        self.assertIn(b"no renegotiation", said)

    @harness.need("swaks")
    def test_swaks(self):
        self.start()
        for kind, option in (("starttls", "--tls"), ("required", "--tls"),
                             ("implicit", "--tls-on-connect")):
            done = subprocess.run(
                ["swaks", "--server", f"127.0.0.1:{self.ports[kind]}",
                 "--from", "anna@example.org", "--to", "ben@example.net",
                 option, "--tls-verify", "--tls-ca-path", self.ca.file,
                 "--tls-sni", NAME], capture_output=True, text=True,
                timeout=60, check=False)
            self.assertIn("queued as", done.stdout, done.stdout + done.stderr)
        self.sink.wait(3)

    @harness.need("posttls-finger")
    def test_posttls_finger(self):
        self.start()
        with open(os.path.join(self.ca.folder, "main.cf"), "w",
                  encoding="ascii") as file:
            file.write("compatibility_level = 3.6\n")
        done = subprocess.run(
            ["posttls-finger", "-c", "-l", "secure", "-F", self.ca.file,
             f"[127.0.0.1]:{self.ports['starttls']}", NAME],
            env={**os.environ, "MAIL_CONFIG": self.ca.folder},
            capture_output=True, text=True, timeout=60, check=False)
        self.assertIn("Verified TLS connection established",
                      done.stdout + done.stderr)


class Named:
    """A context that asks for NAME wherever it connects to."""

    def __init__(self, context, name):
        self.context, self.name = context, name

    def wrap_socket(self, sock, **options):
        options["server_hostname"] = self.name
        return self.context.wrap_socket(sock, **options)


if __name__ == "__main__":
    harness.main()
