"""Whose session, and whose message: XCLIENT by swaks, XFORWARD by Postfix."""
import subprocess
import unittest

import clients_test
import harness
import lab
import postfix

SETTINGS = """myhostname = front.peer.example
relayhost = [127.0.0.1]:MX
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
smtp_send_xforward_command = yes
"""


class Xclient(clients_test.Case):
    def swaks(self, *options, to="b@example.net", code=0):
        done = subprocess.run(
            ["swaks", "--server", f"127.0.0.1:{self.mx}", "--from",
             "x@example.org", "--to", to, *options],
            capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout

    @harness.need("swaks")
    def test_swaks(self):
        """Trust, limits and log are of the client that was told."""
        self.start_mx({"rates": {"messages_per_ip": "2/1h"}},
                      xclient=["127.0.0.1"], trust=["192.0.2.0/24"])
        for ip in "192.0.2.1", "192.0.2.1", "192.0.2.1":
            self.swaks("--xclient-addr", ip, "--xclient-name",
                       "c.example.org", "--xclient-proto", "ESMTP")
        self.sink.wait(3)
        event = self.wait_events(3, "accept")[0]
        self.assertEqual(event["client"], "c.example.org[192.0.2.1]")
        self.swaks("--xclient-addr", "198.51.100.1", code=24)
        for code in 0, 0, 23:
            self.swaks("--xclient-addr", "198.51.100.2", to="a@inner.example",
                       code=code)
        self.assertEqual(self.wait_events(1, "rate")[0]["limit"],
                         "messages_per_ip")
        self.assertIn("([198.51.100.2])",
                      self.sink.wait(5)[4].header("Received"))

    def test_counts_move(self):
        self.start_mx({"connections_per_ip": 2}, xclient=["127.9.0.0/24"])
        kept = []
        for i in range(3):
            peer = self.peer(f"127.9.0.{i + 1}")
            peer.greet()
            reply = peer.say("XCLIENT ADDR=192.0.2.7")
            self.assertEqual(reply[:3], "220" if i < 2 else "421", reply)
            kept.append(peer)
        self.assertEqual(self.wait_events(1, "rate")[0]["limit"],
                         "connections_per_ip")
        # Its own address has no connection any more.
        for _ in range(2):
            again = self.peer("127.9.0.1")
            self.assertTrue(again.hear().startswith("220 "))
            kept.append(again)

    def test_not_listed(self):
        self.start_mx({}, xclient=["127.9.0.0/24"],
                      xforward=["127.9.0.0/24"])
        peer = self.peer("127.8.0.1")
        peer.greet()
        for verb in "XCLIENT", "XFORWARD":
            self.assertEqual(peer.say(f"{verb} ADDR=127.0.0.1")[:9],
                             "550 5.7.0")


@unittest.skipUnless(postfix.can_run(),
                     "Postfix is not installed, or there is no root to run it")
class Xforward(clients_test.Case):
    def test_postfix(self):
        """The log knows whose message it is, and its id there."""
        self.start_mx({}, xforward=["loopback"])
        peer = postfix.Instance("xforward", SETTINGS.replace(
            "MX", str(self.mx)))
        self.addCleanup(peer.stop)
        peer.start()
        self.mx, mx = peer.port, self.mx
        client = self.peer("127.9.0.1")
        client.greet()
        client.say("MAIL FROM:<x@example.org>")
        client.say("RCPT TO:<a@inner.example>")
        client.say("DATA")
        said = client.say("Subject: x\r\n\r\nx\r\n.")
        self.assertEqual(said[:3], "250", said)
        self.sink.wait(1)
        event, = self.wait_events(1, "accept")
        self.assertEqual(event["origin"], "unknown[127.9.0.1]")
        self.assertEqual(event["origin_id"], said.split()[-1])
        self.assertEqual(event["client"], "unknown[127.0.0.1]")
        self.mx = mx


if __name__ == "__main__":
    harness.main()
