"""belfry-milter by its protocol: the scripts of tests/milter, which miltertest
speaks, and many sessions at once."""
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

import milter_kit
import harness
import lab

SCRIPTS = os.path.join(lab.REPO, "tests", "milter")
MILTERTEST = shutil.which("miltertest")


class Mta:
    """The mail server's side; see libmilter/mfdef.h."""

    STEPS = 0x1fffff

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.say(b"O", struct.pack("!III", 6, 0x1ff, self.STEPS))
        self.steps = struct.unpack("!III", self.hear()[1])[2]

    def say(self, command, data=b""):
        self.socket.sendall(struct.pack("!I", len(data) + 1) + command + data)

    def read(self, length):
        data = b""
        while len(data) < length:
            piece = self.socket.recv(length - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def hear(self):
        packet = self.read(struct.unpack("!I", self.read(4))[0])
        return packet[:1], packet[1:]

    def ask(self, command, *strings):
        self.say(command, b"".join(s + b"\0" for s in strings))
        return self.hear()[0]

    def connect(self, ip=b"192.0.2.1"):
        self.say(b"C", b"client.example\0004\0\x19" + ip + b"\0")
        said = self.hear()[0]
        return said if said != b"c" else self.ask(b"H", b"client.example")

    def header(self, sender, fields):
        said = self.ask(b"M", b"<" + sender + b">")
        if said != b"c":
            return said
        for name, value in fields:
            self.say(b"L", name + b"\0" + value + b"\0")
        return self.ask(b"N")

    def end(self, body=b"hello\r\n"):
        """The last answer, and what was inserted."""
        self.say(b"B", body)
        self.say(b"E")
        inserted = []
        while True:
            command, data = self.hear()
            if command == b"i":
                inserted.append(data[4:].split(b"\0")[:2])
            elif command not in b"mhp":
                return command, inserted

    def message(self, sender=b"anna@good.example"):
        said = self.header(sender, [(b"From", b" " + sender),
                                    (b"Subject", b" x")])
        return self.end() if said == b"c" else (said, [])

    def close(self):
        self.socket.close()


def of(inserted, name):
    return [value for key, value in inserted if key == name]


class Scripts(milter_kit.Case):
    def run_script(self, name):
        self.start({"milter": {"ours": {"daemons": ["ORIGINATING"]}}})
        done = subprocess.run(
            [MILTERTEST, "-D", f"SOCKET=local:{self.milter.path}",
             "-D", "GOOD=192.0.2.1", "-D", f"LOCAL={SCRIPTS}", "-s",
             os.path.join(SCRIPTS, name)], capture_output=True, text=True,
            timeout=120, check=False)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
        lab.wait_for(lambda: self.milter.metric("belfry_milter_sessions") == 0,
                     "all sessions to end")


def add_scripts():
    for name in sorted(os.listdir(SCRIPTS)):
        if name != "common.lua":
            test = lambda self, name=name: self.run_script(name)
            setattr(Scripts, "test_" + name.replace(".lua", ""),
                    harness.need("miltertest")(test))


add_scripts()


class Sessions(milter_kit.Case):
    def mta(self):
        mta = Mta(self.milter.path)
        self.addCleanup(mta.close)
        return mta

    def test_reload_in_header(self):
        """A message keeps what it began with, its keys too."""
        self.start()
        stranger, ours = self.mta(), self.mta()
        stranger.connect()
        ours.connect(b"127.0.0.1")
        for mta, sender in ((stranger, b"anna@good.example"),
                            (ours, b"anna@ours.example")):
            self.assertEqual(mta.header(sender, [(b"From", b" " + sender)]),
                             b"c")
        self.milter.config["verdict"] = {"authserv_id": "new.example"}
        self.milter.config["dkim"] = {"sign": []}
        self.milter.write_config()
        self.milter.reload()
        self.assertTrue(of(stranger.end()[1], b"Authentication-Results")[0]
                        .startswith(b" mx.example.org;"))
        self.assertEqual(len(of(ours.end()[1], b"DKIM-Signature")), 2)
        self.assertTrue(of(stranger.message()[1], b"Authentication-Results")[0]
                        .startswith(b" new.example;"))
        self.assertEqual(ours.header(b"anna@ours.example", []), b"a")

    def test_reload_in_body(self):
        """The same, where the keys are in use already."""
        self.start()
        ours = self.mta()
        ours.connect(b"127.0.0.1")
        self.assertEqual(ours.header(b"anna@ours.example",
                                     [(b"From", b" anna@ours.example")]), b"c")
        ours.say(b"B", b"the first half,\r\n")
        self.milter.config["dkim"] = {"sign": []}
        self.milter.write_config()
        self.milter.reload()
        self.milter.reload() # the first one's has nobody else any more
        self.assertEqual(len(of(ours.end()[1], b"DKIM-Signature")), 2)
        self.assertEqual(ours.header(b"anna@ours.example", []), b"a")

    def test_many(self):
        """Sixteen sessions side by side, with reloads and aborts between."""
        self.start()
        failed, ending = [], threading.Event()

        def work(n):
            ip, sender, name = (
                (b"192.0.2.1", b"anna@good.example", b"Authentication-Results")
                if n % 2 else
                (b"127.0.0.1", b"anna@ours.example", b"DKIM-Signature"))
            try:
                for i in range(10):
                    mta = Mta(self.milter.path)
                    mta.connect(ip)
                    if i % 3 == 0:
                        mta.header(sender, [(b"From", b" " + sender)])
                        mta.say(b"A")
                    said, inserted = mta.message(sender)
                    if said != b"c" or not of(inserted, name):
                        failed.append((n, i, said, inserted))
                    mta.close()
            except (OSError, EOFError) as error:
                failed.append((n, error))

        def reload():
            while not ending.wait(0.05):
                self.milter.process.send_signal(signal.SIGUSR1)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
        reloader = threading.Thread(target=reload)
        for thread in [*threads, reloader]:
            thread.start()
        for thread in threads:
            thread.join()
        ending.set()
        reloader.join()
        self.assertEqual(failed, [])
        lab.wait_for(lambda: self.milter.metric("belfry_milter_sessions") == 0,
                     "all sessions to end")
        self.assertEqual(self.milter.metric("belfry_milter_messages_total"),
                         160)

    def test_mute_dns(self):
        """A name server that says nothing costs the deadline, no more, and
        many wait side by side."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
            mute.bind(("127.0.0.1", 0))
            self.start({"dns": {"servers": [
                f"127.0.0.1@{mute.getsockname()[1]}"], "timeout": "20s"},
                "verdict": {"dns": {"deadline": "500ms"}}})
            said = []

            def work():
                mta = Mta(self.milter.path)
                mta.connect()
                said.append(mta.message()[0])
                mta.close()

            threads = [threading.Thread(target=work) for _ in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(20)
            self.assertEqual(said, [b"y"] * 20)
            self.assertEqual(self.milter.metric(
                "belfry_milter_messages_total", disposition="tempfail"), 20)

    def test_ended_in_wait(self):
        """SIGTERM while a message waits for the DNS."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
            mute.bind(("127.0.0.1", 0))
            self.start({"dns": {"servers": [
                f"127.0.0.1@{mute.getsockname()[1]}"], "timeout": "20s"},
                "verdict": {"dns": {"deadline": "2s"}}})
            mta = self.mta()
            mta.connect()
            mta.say(b"M", b"<anna@good.example>\0")
            mta.hear()
            mta.say(b"L", b"From\0 anna@good.example\0")
            mta.say(b"N")
            lab.wait_for(lambda: mute.recv(1000), "a question")
            self.assertEqual(self.milter.stop(nudge=False), 0)

    def test_sessions(self):
        self.start({"milter": {"sessions": 2}})
        first, second, third = self.mta(), self.mta(), self.mta()
        self.assertEqual(third.connect(), b"t")
        third.close()
        lab.wait_for(lambda: self.milter.metric("belfry_milter_sessions") == 2,
                     "the third to be gone")
        self.assertEqual(first.connect(), b"c")
        self.assertEqual(second.connect(), b"c")

    def test_health(self):
        self.start()
        self.assertEqual(self.milter.get("/healthz"), (200, "ok\n"))
        self.assertEqual(self.milter.get("/-/ready"), (200, "ok\n"))
        if shutil.which("promtool"):
            done = subprocess.run(["promtool", "check", "metrics"],
                                  input=self.milter.get("/metrics")[1],
                                  text=True, capture_output=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_observed(self):
        """A line for each message of others, none of ours."""
        self.start()
        for ip, sender in ((b"192.0.2.1", b"anna@good.example"),
                           (b"127.0.0.1", b"anna@ours.example")):
            mta = self.mta()
            mta.connect(ip)
            mta.message(sender)
        self.assertEqual(self.milter.stop(), 0)
        folder = os.path.join(self.milter.folder, "observed")
        name, = os.listdir(folder)
        with open(os.path.join(folder, name), encoding="ascii") as file:
            line, = file
        self.assertIn('"good.example"', line)


class Start(milter_kit.Case):
    def ends(self, status, said):
        self.milter.start(wait=False)
        self.assertEqual(self.milter.process.wait(30), status)
        self.assertIn(said, self.milter.log())
        self.milter.process = None

    def test_no_section(self):
        self.prepare()
        del self.milter.config["milter"]
        self.milter.write_config()
        self.ends(78, "has no section `milter`")

    def test_mistake(self):
        self.prepare({"milter": {"sokcet": "x"}})
        self.ends(78, "did you mean `socket`?")

    def test_no_key(self):
        self.prepare({"dkim": {"sign": [{"match": "a.example", "selectors": [
            {"name": "s", "key_file": "/no/such/key"}]}]}})
        self.ends(78, "/no/such/key")

    def test_twice(self):
        self.start()
        first, self.milter.process = self.milter.process, None
        self.milter.start(wait=False)
        self.assertEqual(self.milter.process.wait(30), 1)
        self.assertIn("another program listens there", self.milter.log())
        self.milter.process = first
        self.assertTrue(self.milter.is_ready())

    def test_ended_at_once(self):
        """SIGTERM while it still starts."""
        self.prepare()
        self.milter.start(wait=False)
        while not os.path.exists(self.milter.path):
            time.sleep(0.0005)
            self.assertIsNone(self.milter.process.poll())
        self.assertEqual(self.milter.stop(), 0)
        self.assertFalse(os.path.exists(self.milter.path))

    def test_in_the_way(self):
        """What is no socket is not removed."""
        self.prepare()
        os.mkdir(os.path.dirname(self.milter.path), 0o755)
        with open(self.milter.path, "w", encoding="ascii") as file:
            file.write("mine")
        self.ends(1, "what is there is no socket")
        with open(self.milter.path, encoding="ascii") as file:
            self.assertEqual(file.read(), "mine")

    def test_rights(self):
        """Of the socket, and of the folder that was made for it."""
        self.start({"milter": {"socket_mode": "0640"}})
        found = os.stat(self.milter.path)
        self.assertEqual(found.st_mode & 0o7777, 0o640)
        folder = os.stat(os.path.dirname(self.milter.path))
        self.assertEqual(folder.st_mode & 0o777, 0o750)
        if lab.IS_ROOT:
            status = os.stat(f"/proc/{self.milter.process.pid}")
            self.assertEqual(found.st_uid, status.st_uid)
            self.assertEqual((found.st_gid, folder.st_gid),
                             (shutil._get_gid("postfix"),) * 2)


if __name__ == "__main__":
    harness.main()
