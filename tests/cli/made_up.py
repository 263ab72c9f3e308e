"""A made-up belfryd for the tests of `belfry`: it answers what the test wants, and
notes what was asked.
"""
import http.server
import json
import os
import pty
import shutil
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import unittest

BELFRY = sys.argv.pop(1)
ID = "0000000000ABC"
NOW = int(time.time())

STATUS = {
    "program": "belfryd", "version": "0.1.0", "hostname": "relay1.example.org",
    "pid": 17, "start_ms": (NOW - 90) * 1000, "stopping": False,
    "pause": {"paused": False},
    "listeners": [{"name": "apps", "address": "127.0.0.1:587", "kind": "smtp",
                   "sessions": 2, "tls": "required"}],
    "certificates": [{"file": "/etc/belfry/fullchain.pem",
                      "not_after_ms": 1799999999000}],
    "queue": {"counting": False, "messages": 3, "active": 1,
              "deliveries": {"ready": {"normal": 1, "bulk": 2},
                             "deferred": {"normal": 4}},
              "oldest_ms": {"alert": 0, "normal": (NOW - 7380) * 1000}},
    "store": {"used_bytes": 1 << 20, "limit_bytes": 100 << 20, "room": True}}


class UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


class Api(http.server.BaseHTTPRequestHandler):
    def answer(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length).decode()
        self.server.asked.append((self.command, self.path, body))
        status, answer = self.server.answers.get(
            (self.command, self.path.replace("/api/v1/", "")),
            (404, {"error": "no such message", "help": "see the log"}))
        text = answer if isinstance(answer, bytes) \
            else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_DELETE = answer

    def address_string(self):
        return "unix"

    def log_message(self, *_):
        pass


class Submit(socketserver.StreamRequestHandler):
    """SMTP that says what the test wants to each verb."""

    def handle(self):
        says = {"": "220 hi", "EHLO": "250-hi\r\n250 XOUTCOME",
                "MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go",
                ".": f"250 2.0.0 queued as {ID}", "XOUTCOME": "250 delivered",
                "QUIT": "221 bye", **self.server.says}
        self.say(says[""])
        for line in self.rfile:
            self.server.heard.append(line)
            verb = line.split()[0].decode().upper()
            if says[verb] is None:
                return
            self.say(says[verb])
            if verb == "DATA" and says[verb].startswith("354"):
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    self.server.content += line
                if says["."] is None:
                    return
                self.say(says["."])

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="belfry-cli-")
        self.addCleanup(shutil.rmtree, self.dir)
        self.conf = os.path.join(self.dir, "belfry.yaml")
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write("hostname: relay1.example.org\n"
                       f"admin_socket: {self.dir}/admin\n"
                       f"submit_socket: {self.dir}/submit\n")
        self.api = self.serve("admin", Api)
        self.api.asked, self.api.answers = [], {}
        self.smtp = self.serve("submit", Submit)
        self.smtp.says, self.smtp.heard, self.smtp.content = {}, [], b""

    def serve(self, name, handler):
        server = UnixServer(os.path.join(self.dir, name), handler)
        thread = threading.Thread(target=server.serve_forever,
                                  kwargs={"poll_interval": 0.01})
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def belfry(self, *arguments, stdin="", exit=0):
        done = subprocess.run(
            [BELFRY, "-c", self.conf, *arguments], input=stdin, timeout=30,
            capture_output=True, text=True, check=False,
            env={**os.environ, "TZ": "UTC", "http_proxy": "http://192.0.2.1"})
        self.assertEqual(done.returncode, exit, done.stdout + done.stderr)
        if exit not in (0, 1, 2, 3):
            self.assertNotEqual(done.stderr, "")
        return done

    def belfry_bytes(self, *arguments):
        return subprocess.run([BELFRY, "-c", self.conf, *arguments],
                              timeout=30, capture_output=True,
                              check=True).stdout

    def asked(self):
        return [f"{method} {path}" for method, path, _ in self.api.asked]

    def terminal(self, answer, exit, *arguments):
        """What is said on a terminal, where ANSWER is typed."""
        try:
            pid, fd = pty.fork()
        except OSError as error:
            self.skipTest(f"no terminal to be had: {error}")
        if pid == 0:
            os.execv(BELFRY, [BELFRY, "-c", self.conf, *arguments])
        os.write(fd, answer.encode() + b"\n")
        said = b""
        try:
            while piece := os.read(fd, 4096):
                said += piece
        except OSError: # how a terminal ends
            pass
        os.close(fd)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]),
                         exit, said)
        return said.decode()
