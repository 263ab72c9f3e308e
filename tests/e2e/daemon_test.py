"""belfryd as a process: start, reload, stop, privileges, health, metrics."""
import grp
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import unittest

import harness
import lab


def status_of(folder):
    """The fields of a process's or thread's status."""
    with open(f"{folder}/status", encoding="ascii") as lines:
        return {key: value.split() for key, _, value in
                (line.partition(":") for line in lines)}


class Start(harness.Case):
    def run_once(self, belfryd):
        return subprocess.run(
            [lab.program("belfryd"), "-c", belfryd.config_file],
            capture_output=True, text=True, timeout=30, check=False)

    def test_bad_configuration(self):
        belfryd = self.prepare({"colour": "green"})
        done = self.run_once(belfryd)
        self.assertEqual(done.returncode, 78)
        self.assertRegex(done.stderr, r"belfry\.yaml:\d+:\d+: .*colour")

    def test_no_configuration(self):
        done = subprocess.run(
            [lab.program("belfryd"), "-c", "/nonexistent/belfry.yaml"],
            capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(done.returncode, 78)
        self.assertIn("/nonexistent/belfry.yaml: can't be read", done.stderr)

    def test_warning(self):
        """Told once, and as what it is."""
        belfryd = self.prepare()
        belfryd.config["listeners"][0]["trust"] = ["0.0.0.0/0"]
        belfryd.write_config()
        belfryd.start()
        self.assertEqual(
            re.findall(r"(?m)^.*: (warning: .*) trusts more", belfryd.log()),
            ["warning: listener `smtp`"])
        belfryd.config["colour"] = "green"
        belfryd.write_config()
        belfryd.signal(signal.SIGHUP)
        event, = self.wait_events(1, "reload_refused")
        self.assertIn("colour", event["error"])

    def test_second_daemon(self):
        belfryd = self.start()
        done = self.run_once(belfryd)
        self.assertEqual(done.returncode, 1)
        self.assertIn(str(belfryd.pid), done.stderr)
        self.send()
        self.sink.wait(1)

    def test_port_taken(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            belfryd = self.prepare({"listeners": [
                {"role": "submission", "address": f"127.0.0.1:{port}"}]})
            done = self.run_once(belfryd)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{port}: can't listen: Address already in use; another "
                      "program does: `ss -ltnp` shows which", done.stderr)

    def test_says_what_to_do(self):
        """What stops a start at three in the morning, and what mends it."""
        def listen(belfryd):
            belfryd.config["listeners"][0]["address"] = "192.0.2.77:25"

        def folder(belfryd):
            belfryd.config["state_dir"] = "/proc/state"

        def foreign(belfryd):
            os.makedirs(belfryd.config["state_dir"] + "/drop", 0o755)

        def closed(belfryd):
            os.mkdir(belfryd.config["state_dir"], 0o700)

        def unreadable(belfryd):
            os.chmod(belfryd.config_file, 0o600)

        rows = [
            (listen, 1, "this machine has no such address"),
            (folder, 1, "state_dir: the folder /proc/state can't be made")]
        if lab.IS_ROOT:
            rows += [
                (foreign, 1, "must be belfryd's own: `chown nobody: "),
                (closed, 1, "it yourself, `install -d -m 3733 -o nobody "),
                (unreadable, 78, "it is read as user nobody, so that it can "
                 "be reloaded: `chgrp ")]
        for change, status, says in rows:
            with self.subTest(change.__name__):
                belfryd = self.prepare()
                change(belfryd)
                if change is not unreadable:
                    belfryd.write_config()
                done = self.run_once(belfryd)
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertIn(says, done.stderr)

    @unittest.skipUnless(lab.IS_ROOT, "only root can drop root")
    def test_drops_root(self):
        belfryd = self.start()
        status = status_of(f"/proc/{belfryd.pid}")
        uid = str(pwd.getpwnam("nobody").pw_uid)
        self.assertEqual(set(status["Uid"]), {uid})
        self.assertNotIn("0", status["Gid"])
        self.assertNotIn("0", status["Groups"])
        bind_low_ports = 1 << 10
        self.assertEqual(int(status["CapPrm"][0], 16) & ~bind_low_ports, 0)
        for task in os.listdir(f"/proc/{belfryd.pid}/task"):
            with open(f"/proc/{belfryd.pid}/task/{task}/status",
                      encoding="ascii") as lines:
                self.assertIn(f"Uid:\t{uid}\t", lines.read())

    def test_sandbox(self):
        """Whoever started it: every thread of both processes is under a
        filter, and neither can gain anything."""
        belfryd = self.start()
        (spawner,) = lab.children_of(belfryd.pid)
        bind_low_ports = 1 << 10
        for pid, may in ((belfryd.pid, bind_low_ports), (spawner, 0)):
            for task in os.listdir(f"/proc/{pid}/task"):
                has = status_of(f"/proc/{pid}/task/{task}")
                self.assertEqual(has["Seccomp"], ["2"])
                self.assertEqual(has["NoNewPrivs"], ["1"])
                for kind in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
                    most = may if kind in ("CapPrm", "CapEff") else 0
                    self.assertEqual(int(has[kind][0], 16) & ~most, 0, kind)
            with open(f"/proc/{pid}/limits", encoding="ascii") as limits:
                self.assertRegex(limits.read(), r"Max core file size +0 +0 ")

    @unittest.skipUnless(lab.IS_ROOT, "only root is asked for a user")
    def test_root_needs_a_user(self):
        belfryd = self.prepare({"user": ""})
        self.assertNotEqual(self.run_once(belfryd).returncode, 0)


class Places(harness.Case):
    """What lies in the folders of belfryd's user may be anything: root does
    nothing there that this user could not do."""

    def setUp(self):
        super().setUp()
        self.belfryd = self.prepare()
        self.folder = self.belfryd.folder
        self.state = self.belfryd.config["state_dir"]

    def run_once(self, timeout=30, **options):
        return subprocess.run(
            [lab.program("belfryd"), "-c", self.belfryd.config_file],
            capture_output=True, text=True, timeout=timeout, check=False,
            **options)

    def secret(self):
        """A folder that only root may write to."""
        folder = harness.new_folder(self, "secret")
        os.chown(folder, 0, 0)
        return folder

    def owner(self, path):
        return pwd.getpwuid(os.lstat(path).st_uid).pw_name

    @unittest.skipUnless(lab.IS_ROOT, "only root has more rights")
    def test_links(self):
        secret = self.secret()
        os.symlink(secret, os.path.join(self.folder, "a"))
        rows = {"state_dir": "a/state", "drop_dir": "a/drop",
                "submit_socket": "a/submit.sock",
                "admin_socket": "a/b/admin.sock"}
        for key, path in rows.items():
            with self.subTest(key):
                self.belfryd.config = lab.merge(
                    self.belfryd.plain_config(),
                    {key: os.path.join(self.folder, path)})
                self.belfryd.write_config()
                done = self.run_once()
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(path.removesuffix("/admin.sock"), done.stderr)
                self.assertIn("Permission denied", done.stderr)
                self.assertEqual(os.listdir(secret), [])

    @unittest.skipUnless(lab.IS_ROOT, "only root has more rights")
    @harness.need("strace")
    def test_root_changes_nothing(self):
        """No owner and no mode is set as root where the user could put
        something else in the way."""
        trace = os.path.join(self.folder, "trace")
        self.belfryd.start(wrapper=[
            "strace", "-E", "ASAN_OPTIONS=detect_leaks=0", "-o", trace, "-e", "trace=chown,lchown,fchownat,chmod,"
            "fchmodat,bind,mkdir,mkdirat,setresuid,setreuid"])
        with open(trace, encoding="utf-8") as lines:
            calls = [line for line in lines if "setres" in line or
                     self.folder in line or "mkdir" in line]
        root = True
        seen = 0
        for call in calls:
            ids = re.match(r"setresuid\((?:-1|\d+), (-?\d+), ", call)
            if ids:
                root = ids[1] == "0" if ids[1] != "-1" else root
                continue
            seen += 1
            self.assertFalse(root, call)
        self.assertGreater(seen, 4, calls)
        self.belfryd.end_wrapped()
        self.belfryd.process = None

    @unittest.skipUnless(lab.IS_ROOT, "only root gives files away")
    def test_modes(self):
        """Whatever the umask: deep folders can be entered, and all of it is
        belfryd's."""
        deep = os.path.join(self.secret(), "x/y/state")
        self.belfryd.config.update(
            state_dir=deep, admin_socket=f"{deep}-run/admin.sock")
        self.belfryd.write_config()
        self.belfryd.start(wrapper=["sh", "-c", 'umask 077; exec "$@"', "sh"])
        for path, owner, mode in (
                (os.path.dirname(deep), "root", 0o755), (deep, "nobody", 0o711),
                (deep + "/drop", "nobody", 0o3733),
                (deep + "-run", "nobody", 0o755),
                (deep + "-run/admin.sock", "nobody", 0o660),
                (self.folder + "/submit.sock", "nobody", 0o666)):
            with self.subTest(path):
                self.assertEqual(self.owner(path), owner)
                self.assertEqual(os.stat(path).st_mode & 0o7777, mode)
        self.assertEqual(os.stat(deep + "-run/admin.sock").st_gid,
                         grp.getgrnam("nogroup").gr_gid)
        self.assertEqual(self.belfryd.stop(), 0)

    @unittest.skipUnless(lab.IS_ROOT, "one of our own is as good as a file")
    def test_fifo(self):
        """Nobody waits for a writer."""
        os.mkdir(self.state)
        shutil.chown(self.state, "nobody")
        os.mkfifo(os.path.join(self.state, "lock"), 0o600)
        self.assertEqual(self.run_once(timeout=20).returncode, 1)

    def test_one_folder_for_two(self):
        """Each of them would deliver what lies there."""
        drop = os.path.join(self.folder, "drop")
        self.belfryd.config["drop_dir"] = drop
        self.belfryd.write_config()
        self.belfryd.start()
        other = lab.Belfryd(harness.new_folder(self, "e2e"),
                            {"drop_dir": drop, "delivery": {
                                "smarthost": [self.sink.hop()]}})
        done = subprocess.run(
            [lab.program("belfryd"), "-c", other.config_file],
            capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("another belfryd takes mail from this folder",
                      done.stderr)
        self.belfryd.stop()
        other.start()
        self.assertEqual(other.stop(), 0)

    def test_closed(self):
        """Users can't come to the drop folder."""
        os.mkdir(self.state, 0o700)
        if lab.IS_ROOT:
            shutil.chown(self.state, "nobody")
        self.belfryd.start()
        said = f"`chmod o+x {self.state}`"
        event, = self.wait_events(1, "drop_closed")
        self.assertIn(said, event["why"])
        done = self.belfryd.cli("check")
        self.assertIn(said, done.stderr)
        done = self.belfryd.cli("check", "--strict", check=False)
        self.assertEqual(done.returncode, 1)
        os.chmod(self.state, 0o711)
        self.assertEqual(self.belfryd.cli("check", "--strict").returncode, 0)
        os.chmod(os.path.join(self.state, "drop"), 0o700)
        self.assertIn("`chmod 3733 ", self.belfryd.cli("check").stderr)

    def test_closed_streams(self):
        """No socket takes the place of a stream that is closed."""
        self.belfryd.start(wrapper=["sh", "-c", 'exec "$@" <&- >&- 2>&-',
                                    "sh"])
        if not os.access(f"/proc/{self.belfryd.pid}/fd", os.R_OK):
            self.skipTest("only root may look into belfryd")
        for fd in range(3):
            self.assertEqual(os.readlink(
                f"/proc/{self.belfryd.pid}/fd/{fd}"), "/dev/null")
        self.send()
        self.sink.wait(1)


class Stop(harness.Case):
    def test_clean(self):
        belfryd = self.start()
        client = self.client()
        self.assertEqual(belfryd.stop(), 0)
        self.assertEqual(client.getreply()[0], 421)

    def test_data_under_way(self):
        belfryd = self.start(harness.SOON)
        client = self.client()
        idle = self.client()
        client.mail("anna@example.org")
        client.rcpt("ben@example.net")
        self.assertEqual(client.docmd("DATA")[0], 354)
        client.send("Subject: half\r\n\r\nthe first half,\r\n")
        belfryd.signal(signal.SIGTERM)
        self.assertEqual(idle.getreply()[0], 421)
        client.send("and the second\r\n.\r\nMAIL FROM:<a@example.org>\r\n")
        code, said = client.getreply()
        self.assertEqual((code, said[:5]), (250, b"2.0.0"), said)
        self.assertEqual(client.getreply()[0], 421)
        self.assertEqual(belfryd.process.wait(30), 0)
        belfryd.start()
        self.sink.wait(1)
        self.assertIn(b"and the second", self.sink.messages[0].content)

    def test_queue_survives(self):
        self.sink.stop()
        belfryd = self.start(harness.SOON)
        ids = {self.send() for _ in range(5)}
        self.assertEqual(belfryd.stop(), 0)
        belfryd.start()
        self.assertEqual({row["queue_id"] for row in self.queue()}, ids)
        self.sink.start()
        self.sink.wait(5)
        self.wait_empty()
        self.assertEqual(len(self.sink.messages), 5)


class Reload(harness.Case):
    def test_good(self):
        other = lab.Sink().start()
        self.addCleanup(other.stop)
        belfryd = self.start()
        self.send()
        self.sink.wait(1)
        belfryd.config["delivery"]["smarthost"] = [other.hop()]
        belfryd.write_config()
        belfryd.signal(signal.SIGHUP)
        lab.wait_for(lambda: belfryd.events("reload"), "the reload")
        self.send()
        other.wait(1)
        self.assertEqual(len(self.sink.messages), 1)

    def test_what_needs_a_restart(self):
        belfryd = self.start({"dns": {"servers": ["127.0.0.1"]}})
        belfryd.config["admin_group"] = "nobody"
        belfryd.config["dns"] = {"servers": ["127.0.0.2"]}
        belfryd.write_config()
        belfryd.signal(signal.SIGHUP)
        event, = self.wait_events(1, "reload")
        self.assertEqual(event["restart_for"], "dns,admin_group")

    def reload(self, **change):
        """With what CHANGE says; the event."""
        belfryd = self.belfryd
        count = len(belfryd.events("reload"))
        belfryd.config = {key: value for key, value in
                          {**belfryd.config, **change}.items()
                          if value is not None}
        belfryd.write_config()
        belfryd.signal(signal.SIGHUP)
        return self.wait_events(count + 1, "reload")[-1]

    def test_what_still_needs_a_restart(self):
        """It is said until it is so, whatever was reloaded in between."""
        belfryd = self.start({"store": {"max_size": "1G"}})
        group = belfryd.config.get("admin_group")
        event = self.reload(store={"max_size": "1G", "reserve": "30%"},
                            admin_group="nobody")
        self.assertEqual(event["restart_for"], "store.reserve,admin_group")
        event = self.reload(origin="example.org")
        self.assertEqual(event["restart_for"], "store.reserve,admin_group")
        event = self.reload(admin_group=group, store={"max_size": "1G"})
        self.assertNotIn("restart_for", event)

    def test_log_that_can_not_be_opened(self):
        """Nothing of that file counts, and the old log goes on."""
        belfryd = self.start()
        belfryd.config["log"] = {"to": os.path.join(belfryd.folder, "no/log"),
                                 "addresses": "hash"}
        belfryd.write_config()
        belfryd.signal(signal.SIGHUP)
        event, = self.wait_events(1, "reload_refused")
        self.assertIn("No such file", event["error"])
        self.assertEqual(belfryd.events("reload"), [])
        self.assertEqual(
            belfryd.metric("belfry_config_last_reload_successful"), 0)
        self.send()
        self.wait_events(1, "accept", **{"from": "anna@example.org"})

    def test_more_connections_than_descriptors(self):
        belfryd = self.prepare()
        belfryd.start(wrapper=["prlimit", "--nofile=7000:7000"])
        belfryd.config["limits"] = {"connections": 10000}
        belfryd.write_config()
        belfryd.signal(signal.SIGHUP)
        event, = self.wait_events(1, "reload_refused")
        self.assertIn("the process may have 7000", event["error"])
        self.send()
        self.sink.wait(1)

    def test_broken(self):
        belfryd = self.start()
        name = "belfry_config_last_reload_successful"
        self.assertEqual(belfryd.metric(name), 1)
        belfryd.write_config("hostname: [")
        belfryd.signal(signal.SIGHUP)
        lab.wait_for(lambda: belfryd.events("reload_refused"), "a refusal")
        self.assertEqual(belfryd.metric(name), 0)
        self.send()
        self.sink.wait(1)
        belfryd.write_config()
        belfryd.signal(signal.SIGHUP)
        lab.wait_for(lambda: belfryd.metric(name) == 1, "the good one again")

    def test_log_file(self):
        belfryd = self.prepare()
        path = os.path.join(belfryd.folder, "log")
        belfryd.config["log"] = {"to": path}
        belfryd.write_config()
        belfryd.start()
        os.rename(path, path + ".1")
        belfryd.signal(signal.SIGHUP)
        lab.wait_for(lambda: os.path.exists(path), "a new log file")


class Health(harness.Case):
    def test_endpoints(self):
        belfryd = self.start()
        for path in ("/healthz", "/readyz", "/-/healthy", "/-/ready"):
            self.assertEqual(belfryd.get(path)[0], 200, path)
        self.assertEqual(belfryd.get("/nothing/here")[0], 404)

    @harness.need("promtool")
    def test_metrics(self):
        belfryd = self.start()
        self.send()
        self.sink.wait(1)
        self.wait_empty()
        text = belfryd.get("/metrics")[1]
        done = subprocess.run(["promtool", "check", "metrics"], input=text,
                              capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""), text)
        self.assertEqual(
            belfryd.metric("belfry_messages_accepted_total",
                           listener="smtp"), 1)
        self.assertEqual(
            belfryd.metric("belfry_deliveries_total", agent="smtp",
                           result="delivered"), 1)
        self.assertEqual(belfryd.metric("belfry_queue_deliveries"), 0)
        self.assertEqual(
            belfryd.metric("belfry_delivery_latency_seconds_count"), 1)


if __name__ == "__main__":
    harness.main()
