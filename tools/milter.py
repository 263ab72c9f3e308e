"""milter - a belfry-milter of our own on loopback, and what it signs with."""
import contextlib
import os
import re
import signal
import socket
import subprocess
import urllib.request

import lab


class Milter:
    """Asked at `socket`, as Postfix writes it; CONFIG is laid over the plain
    one. Its configuration, key and log are in FOLDER."""

    events, log = lab.Belfryd.events, lab.Belfryd.log
    metric = lab.Belfryd.metric

    def __init__(self, folder, config=None, preset=None):
        self.folder, self.http = folder, lab.free_port()
        self.program = lab.program("belfry-milter", preset)
        self.config_file = os.path.join(folder, "belfry.yaml")
        self.log_file = os.path.join(folder, "milter.log")
        self.path = os.path.join(folder, "milter", "milter.sock")
        self.process = None
        self.config = lab.merge({
            "hostname": "mx.example.org",
            "milter": {"user": "nobody" if lab.IS_ROOT else "",
                       "socket": f"unix:{self.path}",
                       "socket_group": "postfix" if lab.IS_ROOT else "",
                       "http": f"127.0.0.1:{self.http}",
                       "observed_dir": os.path.join(folder, "observed")},
        }, config or {})
        self.write_config()

    @property
    def socket(self):
        where = self.config["milter"]["socket"]
        return where if where.startswith("unix:") else "inet:" + where

    def write_config(self, text=None):
        with open(self.config_file, "w", encoding="utf-8") as file:
            file.write(text or lab.yaml(self.config).lstrip("\n") + "\n")

    def start(self, wait=True):
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                [self.program, "-c", self.config_file],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                start_new_session=True)
        if wait:
            lab.wait_for(self.is_ready, "belfry-milter to be ready")
        return self

    def get(self, path, timeout=10):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}",
                                    timeout=timeout) as answer:
            return answer.status, answer.read().decode()

    def is_ready(self):
        if self.process.poll() is not None:
            raise lab.Failed(f"belfry-milter ended with "
                             f"{self.process.returncode}:\n{self.log()}")
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def reload(self, event="reload"):
        """SIGUSR1, and the line that says what came of it."""
        before = len(self.events(event))
        self.process.send_signal(signal.SIGUSR1)
        lab.wait_for(lambda: len(self.events(event)) > before, self.log)
        return self.events(event)[-1]

    def memory(self, name="VmHWM"):
        """KiB."""
        with open(f"/proc/{self.process.pid}/status",
                  encoding="ascii") as file:
            return int(re.search(rf"^{name}:\s+(\d+)", file.read(), re.M)[1])

    def kill(self):
        self.process.kill()
        self.process.wait()

    def nudge(self):
        """A connection that says nothing."""
        where = self.config["milter"]["socket"]
        with contextlib.suppress(OSError):
            if where.startswith("unix:"):
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(where.removeprefix("unix:"))
            else:
                host, port = where.rsplit(":", 1)
                socket.create_connection((host, int(port)), 1).close()

    def stop(self, nudge=True):
        """SIGTERM, and the exit status. libmilter sees that it shall end when
        somebody connects, else after up to five seconds."""
        if self.process.poll() is None:
            self.process.terminate()
        for _ in range(800):
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self.process.wait(0.05)
            if nudge:
                self.nudge()
        self.kill()
        raise lab.Failed("belfry-milter did not end:\n" + self.log())
