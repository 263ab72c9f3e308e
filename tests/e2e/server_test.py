"""belfryd's sockets: what a client can do to a session, and who may ask what
over HTTP. The protocol itself is tests/proto's."""
import http.client
import json
import os
import signal
import smtplib
import socket
import time

import harness
import lab


class Raw:
    """A client that sends bytes as it is told."""

    def __init__(self, case, port, path=None):
        if path:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(path)
        else:
            self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.settimeout(30)
        case.addCleanup(self.socket.close)
        self.file = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        """The last line of the next reply; "" when the server hung up."""
        while True:
            line = self.file.readline().decode()
            if line[3:4] != "-":
                return line

    def say(self, text):
        self.send(text.encode() + b"\r\n")
        return self.line()


BEGIN = (b"EHLO c.example.org\r\n",
         b"MAIL FROM:<anna@example.org>\r\nRCPT TO:<ben@example.net>\r\n"
         b"DATA\r\n")
BODY = b"Subject: raw\r\n\r\nhello\r\n.\r\n"


class Session(harness.Case):
    def raw(self):
        client = Raw(self, self.belfryd.smtp)
        self.assertTrue(client.line().startswith("220 "))
        return client

    def begin(self):
        client = self.raw()
        client.send(BEGIN[0])
        self.assertEqual(client.line()[:3], "250")
        client.send(BEGIN[1])
        for code in ("250", "250", "354"):
            self.assertEqual(client.line()[:3], code)
        return client

    def test_byte_by_byte(self):
        self.start()
        client = self.raw()
        for part, replies in ((BEGIN[0], 1), (BEGIN[1], 3),
                              (BODY + b"QUIT\r\n", 2)):
            for i in range(len(part)):
                client.send(part[i:i + 1])
            said = [client.line() for _ in range(replies)]
        self.assertEqual([line[:3] for line in said], ["250", "221"])
        self.assertEqual(client.line(), "")
        self.assertIn(b"hello", self.sink.wait(1)[0].content)

    def test_goes_on_after_the_refusal(self):
        """No reset takes the last reply from a client that still sends."""
        belfryd = self.start()
        client = self.raw()
        client.send(b"POST / HTTP/1.1\r\nContent-Length: 40000\r\n\r\n")
        lab.wait_for(lambda: belfryd.events("disconnect"), "the end")
        for _ in range(4):
            client.send(b"x" * 10000)
        self.assertEqual(client.line()[:9], "554 5.5.1")
        self.assertEqual(client.line(), "")

    def test_lost_in_data(self):
        belfryd = self.start()
        client = self.begin()
        client.send(b"Subject: lost\r\n\r\nhalf a li")
        client.socket.close()
        client.file.close()
        lab.wait_for(lambda: belfryd.events("disconnect", reason="lost"),
                     "the end of the session")
        self.assertEqual(self.queue(), [])
        self.assertEqual(belfryd.events("accept"), [])

    def test_half_close(self):
        """A client that sends all it has and closes its side is answered."""
        self.start()
        client = self.begin()
        client.send(BODY)
        client.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(client.line()[:3], "250")
        self.assertEqual(client.line(), "")
        self.sink.wait(1)

    def test_gone_before_the_reply(self):
        """What was committed is logged although nobody listens."""
        belfryd = self.start()
        client = self.begin()
        client.send(BODY)
        client.socket.close()
        client.file.close()
        self.sink.wait(1)
        belfryd.stop()
        self.assertEqual(len(belfryd.events("accept")), 1)

    def test_command_time(self):
        """A byte now and then does not move the deadline."""
        belfryd = self.start({"limits": {"command_time": "1s"}})
        client = self.raw()
        started = time.monotonic()
        said = ""
        client.socket.settimeout(0.2)
        while not said and time.monotonic() < started + 20:
            client.send(b"N")
            try:
                said = client.socket.recv(100).decode()
            except TimeoutError:
                pass
        self.assertTrue(said.startswith("421 4.4.2 "), said)
        self.assertLess(time.monotonic() - started, 10)
        self.assertEqual(
            belfryd.metric("belfry_messages_refused_total",
                           listener="smtp", reason="timeout"), 1)

    def test_no_replies_read(self):
        """Who sends and never reads is not kept in memory."""
        self.start()
        client = self.raw()
        client.socket.settimeout(2)
        sent = 0
        with self.assertRaises(TimeoutError):
            while sent < 200 * 1024 * 1024:
                sent += client.socket.send(b"NOOP\r\n" * 10000)
        with open(f"/proc/{self.belfryd.pid}/status",
                  encoding="ascii") as status:
            for line in status:
                if line.startswith("RssAnon:") and "BELFRY_BIN" not in \
                        os.environ:
                    self.assertLess(int(line.split()[1]), 64 * 1024)
        self.send()
        self.sink.wait(1)

    def test_a_flood_of_mail_locks_the_machine_itself_out_of_nothing(self):
        belfryd = self.start({"limits": {"connections": 3}})
        flood = [self.client() for _ in range(3)]
        with self.assertRaises((smtplib.SMTPException, OSError)):
            self.client().ehlo()
        file = os.path.join(belfryd.folder, "message")
        with open(file, "w", encoding="ascii") as out:
            out.write("Subject: x\n\nx\n")
        # Else it would lie in the drop folder, which goes well too.
        self.assertIn("queued as ", belfryd.cli(
            "send", file, "--from", "anna@example.org", "--to",
            "ben@example.net").stdout)
        self.sink.wait(1)
        for client in flood:
            client.quit()

    def test_connections_per_ip(self):
        belfryd = self.start({"limits": {"connections_per_ip": 2}})
        first, second = self.raw(), self.raw()
        third = Raw(self, belfryd.smtp)
        self.assertTrue(third.line().startswith("421 4.7.0 "))
        self.assertEqual(third.line(), "")
        self.assertEqual(belfryd.metric("belfry_sessions", listener="smtp"),
                         2)
        first.say("QUIT")
        lab.wait_for(lambda: belfryd.metric("belfry_sessions",
                                            listener="smtp") == 1,
                     "the first to go")
        self.raw()
        self.assertEqual(second.say("NOOP")[:3], "250")
        self.assertEqual(
            belfryd.metric("belfry_messages_refused_total",
                           reason="connections_per_ip"), 1)

    def test_not_trusted(self):
        belfryd = self.prepare()
        belfryd.config["listeners"][0]["trust"] = ["192.0.2.0/24"]
        belfryd.write_config()
        belfryd.start()
        client = self.raw()
        client.say("EHLO c.example.org")
        client.say("MAIL FROM:<anna@example.org>")
        self.assertEqual(client.say("RCPT TO:<ben@example.net>")[:9],
                         "550 5.7.1")
        refused = lab.wait_for(
            lambda: belfryd.events("refuse", reason="trust"), "the log")
        self.assertEqual(refused[0]["verb"], "RCPT")
        self.assertEqual(refused[0]["session"],
                         belfryd.events("connect")[0]["session"])

    def test_stop_while_committing(self):
        """Under load a stop loses no 250 and gives every client an end."""
        belfryd = self.start()
        clients = [self.begin() for _ in range(20)]
        for client in clients:
            client.send(BODY)
        belfryd.signal(signal.SIGTERM)
        accepted = sum(client.line()[:3] == "250" for client in clients)
        self.assertEqual(belfryd.process.wait(30), 0)
        belfryd.start()
        self.sink.wait(accepted)
        self.assertEqual(len(belfryd.events("accept")), accepted)


class Submit(harness.Case):
    def test_identity(self):
        """The socket's own verb, and the Sender field of another sender."""
        belfryd = self.start()
        client = Raw(self, None, belfryd.config["submit_socket"])
        self.assertEqual(client.line()[:3], "220")
        for said in ("EHLO c.example.org", "MAIL FROM:<other@example.org>",
                     "RCPT TO:<ben@example.net>"):
            self.assertEqual(client.say(said)[:3], "250")
        self.assertEqual(client.say("DATA")[:3], "354")
        client.send(BODY)
        ident = client.line().split()[-1]
        self.assertEqual(client.say(f"XOUTCOME {ident}"),
                         "250 2.0.0 delivered\r\n")
        self.assertEqual(client.say("XOUTCOME 0000000000001")[:3], "550")
        message = self.sink.wait(1)[0]
        self.assertTrue(message.header("Sender").endswith(
            "@relay.example.org>"))
        accepted = lab.wait_for(
            lambda: belfryd.events("accept", listener="submit"), "the log")
        self.assertTrue(accepted[0]["user"])


    def test_leaves_while_it_waits(self):
        """Who asks for a fate and leaves is not kept until it is known."""
        self.sink.stop()
        belfryd = self.start(harness.SOON)
        client = Raw(self, None, belfryd.config["submit_socket"])
        client.line()
        for said in ("EHLO c.example.org", "MAIL FROM:<a@example.org>",
                     "RCPT TO:<ben@example.net>", "DATA"):
            client.say(said)
        client.send(BODY)
        ident = client.line().split()[-1]
        client.send(f"XOUTCOME {ident}\r\nNOOP\r\n".encode())
        self.assertEqual(belfryd.metric("belfry_sessions",
                                        listener="submit"), 1)
        client.file.close()
        client.socket.close()
        lab.wait_for(lambda: belfryd.metric("belfry_sessions") == 0,
                     "the end of the session", 10)


class Listeners(harness.Case):
    def test_reload_that_can_not_listen(self):
        """It changes nothing, and says so."""
        belfryd = self.start()
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        other = os.path.join(belfryd.folder, "other.sock")
        belfryd.config["listeners"] = [
            {"name": "new", "role": "submission",
             "address": f"127.0.0.1:{lab.free_port()}"},
            {"name": "other", "role": "submission",
             "address": f"127.0.0.1:{taken.getsockname()[1]}"}]
        was, belfryd.config["submit_socket"] = \
            belfryd.config["submit_socket"], other
        belfryd.write_config()
        belfryd.signal(signal.SIGHUP)
        lab.wait_for(lambda: belfryd.events("listen"), "the error")
        self.assertIn("ss -ltnp", belfryd.events("listen")[0]["help"])
        self.assertEqual(belfryd.events("reload"), [])
        self.assertEqual(
            belfryd.metric("belfry_config_last_reload_successful"), 0)
        self.assertTrue(os.path.exists(was))
        self.assertFalse(os.path.exists(other))
        self.send()
        self.sink.wait(1)

    def test_reload_moves_a_listener(self):
        belfryd = self.start()
        old, new = belfryd.smtp, lab.free_port()
        client = self.client()
        belfryd.config["listeners"][0]["address"] = f"127.0.0.1:{new}"
        belfryd.write_config()
        belfryd.signal(signal.SIGHUP)
        lab.wait_for(lambda: belfryd.events("reload"), "the reload")
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.1", old)).close()
        self.assertEqual(client.noop()[0], 250)
        belfryd.smtp = new
        self.send()
        self.sink.wait(1)

    def test_reload_widens_a_listener(self):
        """From 127.0.0.1 to every address, and back. When something else then
        is in the way the old one goes on."""
        belfryd = self.start()
        narrow, wide = f"127.0.0.1:{belfryd.smtp}", f":{belfryd.smtp}"
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        listeners = belfryd.config["listeners"]
        belfryd.config["listeners"] = [
            {**listeners[0], "address": wide},
            {"name": "other", "role": "submission",
             "address": f"127.0.0.1:{taken.getsockname()[1]}"}]
        belfryd.write_config()
        belfryd.signal(signal.SIGHUP)
        lab.wait_for(lambda: belfryd.events("listen"), "the error")
        self.send()
        for count, address in ((1, wide), (2, narrow)):
            belfryd.config["listeners"] = [
                {**listeners[0], "address": address}]
            belfryd.write_config()
            belfryd.signal(signal.SIGHUP)
            self.wait_events(count, "reload")
            self.send()
        self.assertEqual(len(belfryd.events("listen")), 1)
        self.assertEqual(belfryd.events("accept_paused"), [])
        self.sink.wait(3)

    def test_reload_keeps_a_listener(self):
        """A reload that changes another one loses no connection."""
        belfryd = self.start()
        belfryd.config["listeners"].append(
            {"name": "two", "role": "submission",
             "address": f"127.0.0.1:{lab.free_port()}"})
        belfryd.write_config()
        belfryd.signal(signal.SIGHUP)
        for _ in range(40):
            self.client().close()
        lab.wait_for(lambda: belfryd.events("reload"), "the reload")
        self.send()
        self.sink.wait(1)


class Http(harness.Case):
    def ask(self, method, path, headers=None, body=None, admin=True):
        connection = http.client.HTTPConnection("127.0.0.1",
                                                self.belfryd.http, timeout=30)
        if admin:
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(30)
            connection.sock.connect(self.belfryd.config["admin_socket"])
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def test_rights(self):
        self.start()
        for path, tcp in (("/api/v1/status", 200),
                          ("/api/v1/queue-stats", 200),
                          ("/api/v1/queue", 403),
                          ("/api/v1/nothing", 404),
                          ("/api/v1/queue/nonsense", 404)):
            with self.subTest(path):
                status, text = self.ask("GET", path, admin=False)
                self.assertEqual(status, tcp, text)
                self.assertEqual({"error", "help"} <= set(json.loads(text)),
                                 tcp != 200)
        for path in ("/api/v1/pause", "/api/v1/resume"):
            self.assertEqual(self.ask("POST", path, admin=False)[0], 403)
        self.assertEqual(self.ask("GET", "/api/v1/pause")[0], 405)
        self.assertEqual(self.ask("POST", "/metrics")[0], 405)

    def test_forwarded(self):
        belfryd = self.start()
        for name in ("X-Forwarded-For", "Forwarded"):
            for _ in range(2):
                self.assertEqual(
                    self.ask("GET", "/metrics", {name: "127.0.0.1"},
                             admin=False)[0], 401)
        self.assertEqual(
            self.ask("GET", "/healthz", {"X-Forwarded-For": "192.0.2.1"},
                     admin=False)[0], 200)
        belfryd.stop()
        self.assertEqual(len(belfryd.events("forwarded_refused")), 1)

    def test_behind_a_proxy(self):
        belfryd = self.prepare()
        belfryd.config["http"][0].update(
            {"proxy": ["loopback"], "trust": ["192.0.2.0/24"]})
        belfryd.write_config()
        belfryd.start()
        for chain, status in (("192.0.2.7", 200), ("198.51.100.1", 401),
                              ("192.0.2.7, 198.51.100.1", 401),
                              ("198.51.100.1, 192.0.2.7, 127.0.0.1", 200),
                              ("nonsense", 401), ("", 401)):
            with self.subTest(chain):
                self.assertEqual(
                    self.ask("GET", "/metrics", {"X-Forwarded-For": chain},
                             admin=False)[0], status)
        self.assertEqual(self.ask("GET", "/metrics", admin=False)[0], 401)

    def test_bad_bodies(self):
        self.start()
        for body in ("", "[]", "{", '{"reason": ""}', '{"reason": 1}',
                     '{"reason": "r", "for_ms": -1}',
                     '{"reason": "r", "for_ms": "4h"}',
                     '{"reason": "r", "for_ms": 1, "until_ms": 1}',
                     '{"reason": "r", "until_ms": 5}',
                     '{"reason": "r", "alerts": "no"}',
                     '{"reason": "%s"}' % ("r" * 256)):
            with self.subTest(body):
                status, text = self.ask("POST", "/api/v1/pause", body=body)
                self.assertEqual(status, 400, text)
        self.assertEqual(
            self.ask("GET", "/api/v1/queue?limit=0")[0], 400)
        self.assertEqual(
            self.ask("GET", "/api/v1/queue?from=nonsense")[0], 400)

    def test_forwarded_in_two_lines(self):
        belfryd = self.prepare()
        belfryd.config["http"][0].update(
            {"proxy": ["loopback"], "trust": ["192.0.2.0/24"]})
        belfryd.write_config()
        belfryd.start()
        for chains, status in ((("192.0.2.7", "198.51.100.1"), 401),
                               (("198.51.100.1", "192.0.2.7"), 200),
                               (("192.0.2.7", "127.0.0.1"), 200),
                               (("192.0.2.7", ""), 401)):
            with self.subTest(chains), socket.create_connection(
                    ("127.0.0.1", belfryd.http)) as client:
                client.sendall(
                    b"GET /metrics HTTP/1.0\r\nHost: h\r\n" + b"".join(
                        f"X-Forwarded-For: {chain}\r\n".encode()
                        for chain in chains) + b"\r\n")
                self.assertIn(f" {status} ",
                              client.makefile().readline())

    def hold(self, count, connect):
        """COUNT connections that say nothing."""
        held = [connect() for _ in range(count)]
        for connection in held:
            self.addCleanup(connection.close)
        return held

    def closed(self, connection):
        connection.settimeout(10)
        try:
            return connection.recv(1) == b""
        except ConnectionResetError:
            return True

    def test_idle_clients_lock_nobody_out(self):
        """20 an address and 200 in all by TCP, of the last of them no network
        all; 50 a uid by the admin socket, which has a count of its own."""
        belfryd = self.start()

        def tcp(source):
            return lambda: socket.create_connection(
                ("127.0.0.1", belfryd.http), 30, (source, 0))

        def admin():
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(belfryd.config["admin_socket"])
            return connection

        self.hold(20, tcp("127.0.0.2"))
        self.assertTrue(self.closed(self.hold(1, tcp("127.0.0.2"))[0]))
        self.assertEqual(belfryd.get("/healthz")[0], 200)
        for i in range(3, 9):
            self.hold(20, tcp(f"127.0.0.{i}"))
        self.assertTrue(self.closed(self.hold(20, tcp("127.0.0.9"))[-1]))
        free = len(self.until_closed(tcp, "127.1"))
        self.assertGreater(free, 20)
        belfryd.cli("status")
        first = self.hold(50, admin)[0]
        self.assertTrue(self.closed(self.hold(1, admin)[0]))
        first.close()
        lab.wait_for(lambda: belfryd.cli("status", check=False).returncode
                     == 0, "a free place")
        events = belfryd.events("refuse", verb="connect")
        self.assertEqual({event["reason"] for event in events},
                         {"connections", "connections_per_ip",
                          "connections_share"})

    def until_closed(self, tcp, begin):
        """One of each network, until there is no place for another."""
        held = []
        for i in range(250):
            (connection,) = self.hold(1, tcp(f"{begin}.{i}.1"))
            connection.settimeout(0.1)
            try:
                connection.recv(1)
            except TimeoutError:
                held.append(connection)
                continue
            except ConnectionResetError:
                pass
            return held
        self.fail("there is a place for everybody")

    def test_unknown_names(self):
        """A name that is not known, or twice there, is no request for more."""
        self.sink.stop()
        self.start(harness.SOON)
        self.send()
        for method, path, body in (
                ("POST", "queue?action=remove&to=net&senders=x", None),
                ("POST", "queue?action=remove&to=example.net&to=x.org", None),
                ("POST", "queue?action=remove&all=1&all=1", None),
                ("POST", "queue?action=remove&all=1&%FF=1", None),
                ("POST", "queue?action=remove&all=1&to%20sender=1", None),
                ("POST", "queue?action=remove&all=1", '{"to": "x.org"}'),
                ("POST", "queue?action=remove&to=", None),
                ("POST", "queue?action=remove&sender=", None),
                ("POST", "queue?action=remove&dest=", None),
                ("GET", "queue?sneder=x", None),
                ("GET", "queue?limit=1&limit=2", None),
                ("GET", "status?verbose", None),
                ("POST", "pause?for=1", '{"reason": "r"}'),
                ("POST", "pause", '{"reason": "r", "for": 1}'),
                ("POST", "resume", '{"alerts": true}'),
                ("POST", "store/backup", '{"dir": "/x", "to": 1}')):
            with self.subTest(path, body=body):
                status, text = self.ask(method, f"/api/v1/{path}", body=body)
                self.assertEqual(status, 400, text)
                self.assertEqual(set(json.loads(text)), {"error", "help"})
        self.assertEqual(len(self.queue()), 1)
        self.sink.start()

    def test_pages_of_the_queue(self):
        self.sink.stop()
        self.start(harness.SOON)
        ids = [self.send() for _ in range(5)]
        seen, path = [], "/api/v1/queue?limit=2"
        for _ in range(10):
            page = json.loads(self.ask("GET", path)[1])
            seen += [message["queue_id"] for message in page["messages"]]
            if page["next"] is None:
                break
            path = f"/api/v1/queue?limit=2&from={page['next']}"
        self.assertEqual(seen, sorted(ids))
        self.sink.start()


if __name__ == "__main__":
    harness.main()
