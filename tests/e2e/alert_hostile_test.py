"""Clients that mean harm, at every place where alerts come in: none of them ends
belfryd, keeps others out, or makes it say that it has what it has not."""
import contextlib
import http.client
import json
import os
import re
import select
import socket
import sys
import threading
import time

import harness
import bad_http
import lab
from clients_test import files
from hooks_test import HooksCase

HOOK, V2, MANAGER = "/hooks/generic", "/api/v2/alerts", "/hooks/alertmanager"
LINK = "/alert/" + "a" * 48 + "?to=anna%40example.org"
BODY = b'{"title": "x"}'
TURN = "\u202e"  # what follows runs from right to left
OPEN = 10000
ROOM = 200  # as docs/operations.md says
MEMORY_MAX = 200  # MB

# Whatever these are answered with, it is no 2xx, and the connection ends.
LENGTHS = [
    b"Content-Length: 14\r\nContent-Length: 15\r\n",
    b"Content-Length: 14\r\nContent-Length: 14\r\n",
    b"Content-Length: 14, 14\r\n",
    b"Content-Length: -1\r\n",
    b"Content-Length: +14\r\n",
    b"Content-Length: 0x0e\r\n",
    b"Content-Length: 9223372036854775808\r\n",
    b"Content-Length: 99999999999999999999999\r\n",
    b"Content-Length : 14\r\n",
    b"Content-Length: 14\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 14\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Transfer-Encoding: \x0bchunked\r\n",
    b"Transfer-Encoding: chunked\r\n",  # what follows is no chunk
    b"X-Filler: " + b"y" * 100000 + b"\r\n",
    b"".join(b"X-%d: y\r\n" % n for n in range(3000)),
]

# {name: (path, body, status, what it says)}
GIANTS = {
    "deep array": (V2, "[" * 100000 + "]" * 100000, 400, "levels"),
    "deep object": (HOOK, '{"a":' * 1000 + "1" + "}" * 1000, 400, "levels"),
    "many values": (V2, "[" + "1," * 500001 + "1]", 400, "values"),
    "many nothings": (V2, "[" + "null," * 100000 + "1]", 400, "labels"),
    "a label": (V2, json.dumps([{"labels": {
        "alertname": "A", "x": "y" * 7000000}}]), 200, ""),
    "a name": (V2, json.dumps([{"labels": {"x" * 7000000: "y"}}]), 400,
               "bad label"),
    "a name that is cut within a character": (V2, json.dumps([{"labels": {
        "x" + chr(0x20ac) * 60: "1"}}], ensure_ascii=False).encode(), 400,
        "bad label"),
    "UTF-8": (V2, b'[{"labels": {"alertname": "\xff\xfe"}}]', 400, "no JSON"),
    "half a pair": (V2, b'[{"labels": {"alertname": "\\ud800"}}]', 400,
                    "no JSON"),
    "NUL": (V2, b'[{"labels": {"alertname": "a\\u0000"}}]', 400, "no JSON"),
    "NUL as it is": (V2, b'[{"labels": {"alertname": "a\x00"}}]', 400,
                     "no JSON"),
    "NUL in a form": (HOOK, "title=a%00b", 400, "NUL"),
    "a number": (V2, "[1e400]", 400, "no JSON"),
    "null": (V2, "[null]", 400, "without labels"),
    "nothing": (V2, "", 400, "empty"),
    "fields": (HOOK, "&".join(["a=b"] * 1001), 400, "too many fields"),
    "parts": (HOOK, b"--x\r\n" * 10000, 400, "form-data"),
    "10 MB": (MANAGER, b" " * 10000000, 413, ""),
}


class Hostile(HooksCase):
    def connect(self, source="127.0.0.1"):
        client = socket.create_connection(
            ("127.0.0.1", self.belfryd.http), 60, source_address=(source, 0))
        self.addCleanup(client.close)
        return client

    def say(self, text):
        """All that is answered to TEXT until the connection ends."""
        said = b""
        with self.connect() as client, contextlib.suppress(
                ConnectionResetError, BrokenPipeError):
            client.sendall(text)
            while piece := client.recv(65536):
                said += piece
        return said

    def alive(self):
        self.assertIsNone(self.belfryd.process.poll())
        self.assertEqual(self.status(HOOK, {"title": "alive"}), 200)

    def memory(self):
        """Of a sanitizer's that says nothing: 0."""
        with open(f"/proc/{self.belfryd.pid}/maps", encoding="utf-8") as file:
            if re.search(r"lib[a-z]+san\.", file.read()):
                return 0
        with open(f"/proc/{self.belfryd.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) // 1024

    def open_alerts(self):
        found, place = [], ""
        while place is not None:
            page = self.belfryd.api("GET", f"alerts?limit=1000{place}")
            found += page["alerts"]
            place = f"&from={page['next']}" if page["next"] else None
        return found

    def kept(self):
        return self.belfryd.api("GET", "malformed")["malformed"]

    # --- what is said ---------------------------------------------------------------

    def test_lengths(self):
        self.begin_with()
        for path in (HOOK, V2, "/api/v2/silences", LINK):
            head = (f"POST {path} HTTP/1.1\r\nHost: x\r\n"
                    "Content-Type: application/json\r\n").encode()
            for fields in LENGTHS:
                said = self.say(head + fields + b"\r\n" + BODY)
                self.assertNotIn(b"HTTP/1.1 2", said, (path, fields[:60]))
        for text in (os.urandom(4000), b"POST " + b"/" * 200000,
                     b"\r\n" * 10000 + b"x\r\n\r\n"):
            self.assertNotIn(b"HTTP/1.1 2", self.say(text))
        for path, fields, status in (
                ("/" + "a" * 100000, b"", 414),
                (V2 + "?filter=" + "a" * 100000, b"", 414),
                (V2, b"X: " + b"y" * 100000 + b"\r\n", 431),
                (V2 + "?" + "filter=a=b&" * 65, b"", 400),
                (V2, b"Content-Encoding: gzip\r\n", 415)):
            said = self.say(f"GET {path} HTTP/1.1\r\nHost: x\r\n".encode() +
                            fields + b"Connection: close\r\n\r\n")
            self.assertRegex(said, f"^HTTP/1.[01] {status} ".encode(), path[:99])
        self.assertEqual(self.open_alerts(), [])
        self.alive()

    def test_giants(self):
        self.begin_with()
        malformed = 0
        for name, (path, body, status, text) in GIANTS.items():
            fields = {"Content_Type": "multipart/form-data; boundary=x"} if \
                name == "parts" else {}
            try:
                got, _, said = self.ask(path, body, **fields)
            except (BrokenPipeError, ConnectionResetError):
                got, said = 413, "" # it would not even be read
            self.assertEqual(got, status, name)
            self.assertIn(text, said, name)
            malformed += got == 400
        for source, count in (("alertmanager", malformed - 4), ("generic", 4)):
            self.assertEqual(self.counted(source, "malformed"), count)
        self.assertEqual(self.counted("alertmanager", "large"), 1)
        # They are refused first, and kept then.
        lab.wait_for(lambda: len(self.kept()) == malformed, "what is kept")
        kept = self.kept()
        self.assertLessEqual(max(m["kept"] for m in kept), 65536)
        self.assertGreater(max(m["size"] for m in kept), 6000000)
        labels, = [a["labels"] for a in self.open_alerts()
                   if a["source"] != "own"] # which says what was refused
        self.assertEqual(labels["alertname"], "A")
        self.assertRegex(labels["x"], r"^y{1000,2000}\.\.\.$")
        self.assertLess(self.memory(), MEMORY_MAX)
        self.alive()

    def test_words(self):
        """What an alert says is words, wherever it arrives."""
        bad = bad_http.BadHttp().start()
        self.addCleanup(bad.stop)
        belfryd = self.prepare()
        belfryd.config["alerts"] = {
            "url": "http://belfry.example", "receivers": [{
                "name": "team", "mail": ["anna@example.org"],
                "ntfy": [{"url": bad.url("/ntfy")}],
                "webhook": [{"url": bad.url("/webhook"), "headers": {
                    "X-Title": "{{title}}"}}],
                "slack": [{"url_file": self.secret("s", bad.url("/slack"))}]}],
            "route": {"receiver": "team", "group_wait": "1s"}}
        belfryd.config["http"][0].update(serve=["api", "metrics", "alerts"])
        belfryd.write_config()
        belfryd.start()
        evil = ("x\r\nX-Evil: 1\r\n\r\n.\r\nMAIL FROM:<evil@example.net>\r\n"
                "Acknowledge: http://evil.example.net/\n\x1b[31m" + TURN)
        self.assertEqual(self.status(V2, [{
            "labels": {"alertname": evil, "severity": "critical" + evil,
                       "evil": "<script>" + evil},
            "annotations": {"summary": "<script>" + evil,
                            "description": evil,
                            "runbook_url": "javascript:alert(1)"},
            "generatorURL": "javascript:alert(1)"}]), 200)
        (mail,) = self.sink.wait(1)
        self.assertEqual(mail.recipients, ["anna@example.org"])
        for line in mail.content.split(b"\r\n\r\n")[0].split(b"\r\n"):
            self.assertNotRegex(line, b"(?i)^(x-evil|mail from)")
        text = mail.content.replace(b"=\r\n", b"").replace(b"=3D", b"=")
        self.assertNotIn(b"<script>", text[text.index(b"<html"):])
        self.assertNotIn(b"javascript:", text)
        self.assertIn(b"Acknowledge: http://evil", text)
        self.assertNotIn(b"\r\nAcknowledge: http://evil", text)
        for octets in (b"\x1b", b"=1B", TURN.encode(), b"=E2=80=AE"):
            self.assertNotIn(octets, mail.content)
        listed = self.belfryd.cli("alert", "list").stdout
        self.assertIn("evil.example.net", listed)
        self.assertNotRegex(listed, f"[\x1b{TURN}]")
        for name in ("ntfy", "webhook", "slack"):
            (request,) = bad.wait(f"/{name}", 1)
            self.assertNotIn("x-evil", request.fields, name)
            self.assertNotIn(TURN.encode(), request.body)
            self.assertNotIn(rb"\u202e", request.body)
        link = re.search(rb"(/alert/[a-z2-7]{48}\?to=[^\s\"<>]+)", text)[1]
        status, _, page = self.ask(link.decode(), method="GET")
        self.assertEqual(status, 200)
        self.assertNotIn("<script>", page)
        self.assertNotIn("javascript:", page)
        self.assertNotIn(TURN, page)

    # --- how it is said ---------------------------------------------------------------

    def test_a_byte_now_and_then(self):
        """Whoever never ends is ended, and keeps nobody out meanwhile."""
        self.begin_with()
        stop, ended = threading.Event(), []
        head = b"POST /hooks/generic HTTP/1.1\r\nHost: x\r\n"
        length = b"Content-Length: 60000\r\n\r\n"
        # What comes at once, and then slowly.
        texts = ((b"", head + b"X: " + b"y" * 999),
                 (b"", head + length + b" " * 999),
                 (b"", head + b"Transfer-Encoding: chunked\r\n\r\n" +
                  b"1\r\n \r\n" * 199),
                 (b"", b"\x16\x03\x01\x02\x00" + b"x" * 999),
                 *((f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: "
                    "application/json\r\n".encode() + length, b" " * 999)
                   for path in (V2, LINK)))

        def drip(client, begin, text):
            began = time.monotonic()
            with contextlib.suppress(OSError):
                client.sendall(begin)
                for byte in text:
                    if stop.wait(0.25):
                        return
                    client.sendall(bytes([byte]))
            ended.append(time.monotonic() - began)

        threads = [threading.Thread(target=drip, args=(
            self.connect(f"127.0.0.{2 + n}"), *text))
                   for text in texts for n in range(5)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(3):
                self.alive()
            lab.wait_for(lambda: len(ended) == len(threads),
                         "the ends of who never ends", 60)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertLess(max(ended), 45)
        self.assertEqual(self.counted("generic", "firing"), 3)

    def test_open_bodies(self):
        """10,000 that begin a body and stay; those above the 200 that have room
        are ended, and those of the machine are heard meanwhile."""
        most = min(OPEN, files() - 1000)
        self.begin_with()
        head = (b"POST /hooks/uptimerobot HTTP/1.1\r\nHost: x\r\n"
                b"Content-Length: 60000\r\n\r\n" + b" " * 20000)
        clients = []
        for n in range(OPEN):
            client = self.connect(f"127.1.{n // 200}.{n % 200 + 1}")
            clients.append(client)
            with contextlib.suppress(OSError):
                client.sendall(head)
            if len(clients) > most:
                clients.pop(0).close()
        self.assertLess(self.memory(), MEMORY_MAX)
        self.assertIn("taken", self.belfryd.cli(
            "alert", "send", "--title", "meanwhile", "--wait").stdout)
        self.assertIn("meanwhile", self.belfryd.cli("alert", "list").stdout)
        lab.wait_for(lambda: len(clients) - self.ended(clients) <= ROOM,
                     "the ends of those above")
        print(f"{len(clients)} clients at once, {self.ended(clients)} of them "
              "ended so far", file=sys.stderr)
        # The others have as long as any request has.
        lab.wait_for(self.is_heard, "room for a post", 45)
        for client in clients:
            client.close()
        self.assertEqual({a["labels"]["alertname"] for a in self.open_alerts()},
                         {"meanwhile", "alive"})

    def test_open_bodies_of_a_network(self):
        """One network's keep none of another out, not even for a moment."""
        self.begin_with()
        clients = []
        for n in range(2 * ROOM):
            client = self.connect(f"127.1.0.{n // 20 + 1}")
            clients.append(client)
            with contextlib.suppress(OSError):
                client.sendall(b"POST /hooks/generic HTTP/1.1\r\nHost: x\r\n"
                               b"Content-Length: 600\r\n\r\n")
        lab.wait_for(lambda: self.ended(clients) >= ROOM, "the ends of most")
        self.assertTrue(self.is_heard())
        for client in clients:
            client.close()

    def ended(self, clients):
        """How many of them the other side has ended."""
        poll, count = select.poll(), 0
        for client in clients:
            poll.register(client, select.POLLIN | select.POLLRDHUP)
        for _, events in poll.poll(0):
            count += bool(events & (select.POLLRDHUP | select.POLLHUP |
                                    select.POLLERR))
        return count

    def is_heard(self):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.status(HOOK, {"title": "alive"}) == 200
        return False

    def test_gone(self):
        """Who asks and leaves: before the body's end nothing was said."""
        self.begin_with()
        for n in range(200):
            body = json.dumps([{"labels": {"alertname": f"A{n % 2}"}}])
            half = body if n % 2 else body[:-1]
            client = self.connect(f"127.0.0.{n + 2}")
            client.sendall((f"POST {V2} HTTP/1.1\r\nHost: x\r\nContent-Type: "
                            "application/json\r\nContent-Length: "
                            f"{len(body)}\r\n\r\n{half}").encode())
            if n % 3 == 0:  # a reset
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                  b"\1\0\0\0\0\0\0\0")
            client.close()
        lab.wait_for(lambda: self.counted("alertmanager", "firing") > 50,
                     "those that were whole")
        self.assertEqual({a["labels"]["alertname"]
                          for a in self.open_alerts()}, {"A1"})
        self.alive()

    # --- what happens meanwhile ----------------------------------------------------------

    def half(self, path, body=BODY):
        """A post whose body is under way, and the rest of it."""
        client = self.connect()
        client.sendall((f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: "
                        "application/json\r\nConnection: close\r\n"
                        f"Expect: 100-continue\r\nContent-Length: {len(body)}"
                        "\r\n\r\n").encode())
        self.assertIn(b" 100 ", client.recv(100))  # its gate let it pass
        client.sendall(body[:5])
        return client, body[5:]

    def rest(self, half):
        client, body = half
        client.sendall(body)
        return int(client.recv(100).split()[1])

    def test_reload(self):
        """What the configuration has no more takes nothing any more."""
        alert = b'[{"labels": {"alertname": "A"}}]'
        belfryd = self.begin_with({"name": "stays", "kind": "generic"},
                                  {"name": "goes", "kind": "generic"})
        stays, goes = self.half("/hooks/stays"), self.half("/hooks/goes")
        belfryd.config["alerts"]["sources"].pop()
        belfryd.write_config()
        self.reload()
        self.assertEqual((self.rest(stays), self.rest(goes)), (200, 404))
        without = [self.half("/hooks/stays"), self.half(V2, alert),
                   self.half(LINK)]
        alerts = belfryd.config.pop("alerts")
        belfryd.write_config()
        self.reload()
        self.assertEqual([self.rest(half) for half in without], [404] * 3)
        belfryd.config["alerts"] = alerts
        belfryd.write_config()
        self.reload()
        trusted = self.half(V2, alert)
        belfryd.config["http"][0]["trust"] = ["192.0.2.1"]
        belfryd.write_config()
        self.reload()
        self.assertEqual(self.rest(trusted), 401)
        self.assertEqual(len(self.open_alerts()), 1)

    def test_killed(self):
        """What was answered with 200 is there, however it ended."""
        belfryd = self.begin_with(route={"group_wait": "1h"})
        taken, stop = set(), threading.Event()

        def post(who):
            n = 0
            while not stop.is_set():
                n += 1
                names = [f"{who}-{n}-{i}" for i in range(5)]
                with contextlib.suppress(OSError, http.client.HTTPException):
                    if self.status(V2, [{"labels": {"alertname": "A", "x": x}}
                                        for x in names]) == 200:
                        taken.update(names)

        threads = [threading.Thread(target=post, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(4):
                count = len(taken)
                lab.wait_for(lambda: len(taken) > count + 50, "posts taken")
                belfryd.kill()
                belfryd.start()
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        belfryd.kill()
        belfryd.start()
        self.assertEqual(taken - {a["labels"]["x"]
                                  for a in self.open_alerts()}, set())


if __name__ == "__main__":
    harness.main()
