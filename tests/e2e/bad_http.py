"""bad_http - a server of HTTP that does to each path as it is told, also
badly. A step is what one request gets; the last one is for all that follow."""
import socketserver
import ssl
import threading
import time

import lab


def say(status, body=b"", **fields):
    """A step: a whole answer."""
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n"
                   for name, value in fields.items())
    return (f"HTTP/1.1 {status} Said\r\n{head}"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


OK = say(200, b"ok")
CLOSE = b""                             # no answer
CUT_IN_HEAD = b"HTTP/1.1 200 OK\r\nConte"
CUT_IN_BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"
SILENT = "silent"                       # until the client goes
DRIP = "drip"                           # a head without end, slowly
GIANT = "giant"                         # a body without end


class Request:
    def __init__(self, method, path, fields, body):
        self.method, self.path, self.body = method, path, body
        self.fields = fields            # names in lower case
        self.time = time.monotonic()


class Session(socketserver.StreamRequestHandler):
    def read(self):
        line = self.rfile.readline().decode("latin-1")
        if not line.endswith("\r\n"):
            return None
        method, path, _ = line.split()
        fields = {}
        while (line := self.rfile.readline().decode("latin-1")) != "\r\n":
            if not line:
                return None
            name, value = line.rstrip("\r\n").split(":", 1)
            fields[name.lower()] = value.strip()
        body = self.rfile.read(int(fields.get("content-length", 0)))
        return Request(method, path, fields, body)

    def answer(self, step):
        """False: the connection ends."""
        if step == SILENT:
            self.rfile.read()
            return False
        if step == DRIP:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
            while True:
                self.wfile.write(b"x")
                time.sleep(0.5)
        if step == GIANT:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                self.wfile.write(b"giant" * 10000)
        self.wfile.write(step)
        return step not in (CLOSE, CUT_IN_HEAD, CUT_IN_BODY)

    def handle(self):
        try:
            while request := self.read():
                if not self.answer(self.server.bad.take(request)):
                    return
        except OSError:
            pass # the client went


class BadHttp:
    """STEPS: {path: [step, ...]}; others get 200."""

    def __init__(self, steps=None, tls=None, port=0):
        self.steps = {path: list(v) for path, v in (steps or {}).items()}
        self.requests, self.lock = [], threading.Lock()
        self.server = lab.Server(("127.0.0.1", port), Session)
        self.server.bad = self
        self.port = self.server.server_address[1]
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls["certificate_file"], tls["key_file"])
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       daemon=True)

    def start(self):
        self.thread.start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def take(self, request):
        with self.lock:
            self.requests.append(request)
            steps = self.steps.get(request.path, [OK])
            return steps.pop(0) if len(steps) > 1 else steps[0]

    def of(self, path):
        """The requests for PATH, so far."""
        with self.lock:
            return [r for r in self.requests if r.path == path]

    def wait(self, path, count, timeout=60):
        lab.wait_for(lambda: len(self.of(path)) >= count,
                     lambda: f"{count} requests for {path}, not "
                     f"{len(self.of(path))}", timeout)
        return self.of(path)
