"""`belfry` against a made-up belfryd: what it asks, what it prints, how it ends.

usage: cli_test.py BELFRY
"""
import json
import os
import pty
import re
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

from made_up import BELFRY, ID, NOW, STATUS, Case

OTHER = "0000000000ABD"

MESSAGE = {
    "queue_name": "deferred", "queue_id": ID, "arrival_time": NOW - 7380,
    "message_size": 4200, "sender": "anna@example.org", "class": "normal",
    "expires_time": NOW + 400000, "message_id": "<m@example.org>",
    "recipients": [{
        "address": "ben@example.net", "delay_reason": "451 \x1b[2Jtry later",
        "state": "deferred", "tries": 3, "agent": "smtp",
        "destination": "provider", "next_time": NOW + 600}]}
PAUSED = {"paused": True, "reason": "the \x07provider", "alerts": False,
          "since_ms": NOW * 1000, "until_ms": 0}


class Queue(Case):
    def test_list(self):
        self.api.answers = {
            ("GET", "status"): (200, STATUS),
            ("GET", "queue?limit=1000"):
                (200, {"messages": [MESSAGE], "next": OTHER}),
            ("GET", f"queue?limit=1000&from={OTHER}"):
                (200, {"messages": [dict(MESSAGE, queue_id=OTHER, sender="",
                                         message_size=10)], "next": None})}
        out = self.belfry("queue", "list").stdout
        lines = out.splitlines()
        self.assertEqual(lines[0].split(), ["ID", "SIZE", "AGE", "CLASS",
                                            "QUEUE", "SENDER"])
        self.assertEqual(lines[1].split(), [ID, "4.1K", "2h03m", "normal",
                                            "deferred", "anna@example.org"])
        self.assertRegex(lines[2], r"^    ben@example\.net  deferred, 3 tries,"
                                   r" to provider, next try in (9|10)m$")
        self.assertEqual(lines[3], "        451 ?[2Jtry later")
        self.assertTrue(lines[4].endswith(" <>"))
        self.assertEqual(lines[-1], "2 messages, 2 recipients, 4.1K")

    def test_list_json(self):
        self.api.answers = {("GET", "queue?limit=1000"): (
            200, {"messages": [MESSAGE, MESSAGE], "next": None})}
        out = self.belfry("queue", "list", "--json").stdout
        self.assertEqual([json.loads(line) for line in out.splitlines()],
                         [MESSAGE, MESSAGE])

    def test_list_empty_and_paused(self):
        self.api.answers = {
            ("GET", "status"): (200, dict(STATUS, pause=PAUSED)),
            ("GET", "queue?limit=1000"): (200, {"messages": [], "next": None})}
        out = self.belfry("queue", "list").stdout
        self.assertRegex(out, r"^PAUSED since \S+ \S+ until resumed: the "
                              r"\?provider\nThe queue is empty\.\n$")

    def test_list_one(self):
        self.api.answers = {
            ("GET", "status"): (200, STATUS),
            ("GET", "queue?limit=1000"): (200, {"messages": [
                dict(MESSAGE, message_size=284)], "next": None})}
        lines = self.belfry("queue", "list").stdout.splitlines()
        self.assertEqual(lines[-1], "1 message, 1 recipient, 284B")

    def test_list_down(self):
        """Ready, but where it goes nothing goes."""
        self.api.answers = {
            ("GET", "status"): (200, STATUS),
            ("GET", "queue?limit=1000"): (200, {"messages": [
                dict(MESSAGE, recipients=[dict(
                    MESSAGE["recipients"][0], state="ready",
                    destination_down=True)])], "next": None})}
        self.assertRegex(
            self.belfry("queue", "list").stdout,
            r"ready, 3 tries, to provider, which is down, next try in "
            r"(9|10)m\n +451 \?\[2Jtry later")

    def test_list_filter(self):
        """Every option in the query, and on every page."""
        query = ("&to=%2Fa.%2Bb%2F&sender=%3C%3E&dest=one%3A25&held=1"
                 "&corrupt=1&all=1")
        self.api.answers = {
            ("GET", f"queue?limit=1000{query}"):
                (200, {"messages": [], "next": OTHER}),
            ("GET", f"queue?limit=1000&from={OTHER}{query}"):
                (200, {"messages": [MESSAGE] * 3, "next": OTHER})}
        arguments = ["queue", "list", "--to", "/a.+b/", "--from", "<>",
                     "--dest", "one:25", "--held", "--corrupt", "--all"]
        self.assertEqual(len(self.belfry(
            *arguments, "--json", "--limit", "2").stdout.splitlines()), 2)
        self.api.answers[("GET", "status")] = (200, STATUS)
        self.assertIn("2 messages, 2 recipients, 8.2K; there may be more",
                      self.belfry(*arguments, "--limit", "2").stdout)
        for bad in (["--limit", "0"], ["--limit", "x"], ["--older", "soon"],
                    ["--limit", "-1"], ["--from", ""], [ID]):
            self.belfry("queue", "list", *bad, exit=64)

    def test_filter_twice(self):
        """Both of them, or either? Nothing is asked of belfryd."""
        for option, *values in (("--to", "x.org", "a@x.org"),
                                ("--from", "a@x.org", "a@x.org"),
                                ("--dest", "a", "b"), ("--older", "1s", "5d"),
                                ("--held",), ("--corrupt",), ("--all",)):
            given = [word for value in values for word in (option, value)] \
                or [option] * 2
            for command in (["list"], ["hold"], ["remove", "--yes"],
                            ["export", self.dir]):
                with self.subTest(given, command=command):
                    done = self.belfry("queue", *command, *given, exit=64)
                    self.assertIn(f"{option} can be given only once",
                                  done.stderr)
        self.assertEqual(self.asked(), [])

    def test_list_older(self):
        self.api.answers = {("GET", "status"): (200, STATUS)}
        self.belfry("queue", "list", "--older", "2h", exit=66)
        before = int(re.search(r"before_ms=(\d+)", self.asked()[-1])[1])
        self.assertLess(abs(before - (time.time() - 7200) * 1000), 30000)

    def test_act_by_filter(self):
        self.api.answers = {
            ("POST", "queue?action=hold&to=x.org"): (200, {
                "looked": 900, "matched": 3, "recipients": 4, "done": 2,
                "already": 1, "busy": 0, "gone": 0, "kept": 5,
                "failed": 0,
                "next": OTHER}),
            ("POST", f"queue?action=hold&from={OTHER}&to=x.org"): (200, {
                "looked": 100, "matched": 1, "recipients": 1, "done": 0,
                "already": 0, "busy": 1, "gone": 0, "failed": 0,
                "next": None})}
        done = self.belfry("queue", "hold", "--to", "x.org", exit=75)
        self.assertEqual(done.stdout, "2 messages held; 1 already held; "
                                      "5 over, which are only kept "
                                      "(1000 looked at)\n")
        self.assertIn("1 could not be held, since a delivery is under way",
                      done.stderr)
        self.assertEqual(json.loads(self.belfry(
            "queue", "hold", "--to", "x.org", "--json", exit=75).stdout), {
                "action": "hold", "looked": 1000, "matched": 4,
                "recipients": 5, "done": 2, "already": 1, "held": 0,
                "busy": 1, "gone": 0, "kept": 5, "failed": 0})
        self.belfry("queue", "hold", "--to", "x.org", ID, exit=64)
        self.belfry("queue", "hold", "--yes", ID, exit=64)
        # What was done before it broke is said.
        del self.api.answers[
            ("POST", f"queue?action=hold&from={OTHER}&to=x.org")]
        self.assertIn("2 messages held", self.belfry(
            "queue", "hold", "--to", "x.org", exit=66).stdout)

    def test_remove_all(self):
        self.belfry("queue", "remove", "--all", exit=64)
        self.assertEqual(self.asked(), [])
        self.api.answers = {
            ("GET", "status"): (200, STATUS),
            ("POST", "queue?action=count&all=1"): (200, {
                "looked": 2, "matched": 2, "recipients": 5, "next": None}),
            ("POST", "queue?action=remove&all=1"): (200, {
                "looked": 2, "matched": 2, "recipients": 5, "done": 2,
                "next": None})}
        self.assertEqual(
            self.belfry("queue", "remove", "--all", "--yes").stdout,
            "2 messages removed (2 looked at)\n")
        for answer, exit in (("n", 64), ("y", 0)):
            said = self.terminal(answer, exit, "queue", "remove", "--all")
            self.assertIn("Remove 2 messages (5 recipients) for good", said)
            self.assertIn("of 3 messages looked at", said) # how far it is
            self.assertEqual("2 messages removed" in said, exit == 0)

    def test_show(self):
        self.api.answers = {("GET", f"queue/{ID}"): (200, MESSAGE)}
        self.assertIn("Message-ID <m@example.org>",
                      self.belfry("queue", "show", ID).stdout)
        self.assertEqual(json.loads(
            self.belfry("queue", "show", "--json", ID).stdout), MESSAGE)
        done = self.belfry("queue", "show", OTHER, ID, exit=66)
        self.assertEqual(done.stderr,
                         f"belfry: {OTHER}: no such message; see the log\n")
        self.assertIn(ID, done.stdout)

    CONTENT = b"Subject: x\r\n\r\n\x1b[2Jhello\xff\r\n"

    def serve_content(self, content=CONTENT, **message):
        row = dict(MESSAGE, message_size=len(self.CONTENT), **message)
        self.api.answers.update({
            ("GET", f"queue/{ID}"): (200, row),
            ("GET", f"queue/{ID}?whole=1"): (200, row),
            ("GET", f"queue/{ID}/body?page=0"): (200, content),
            ("GET", f"queue/{ID}/body?page=256"): (200, b"")})
        return row

    def test_show_body(self):
        self.serve_content()
        done = subprocess.run(
            [BELFRY, "-c", self.conf, "queue", "show", "--body", ID],
            capture_output=True, timeout=30, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, self.CONTENT))
        self.assertIn("Subject: x\r\n\r\n?[2Jhello?\r\n", self.terminal(
            "", 0, "queue", "show", "--body", ID))
        for bad in ([ID, OTHER], ["--json", ID], ["../../status"], []):
            self.belfry("queue", "show", "--body", *bad, exit=64)
        self.assertIn(OTHER, self.belfry("queue", "show", "--body", OTHER,
                                         exit=66).stderr)

    def test_show_body_refused(self):
        self.serve_content()
        self.api.answers[("GET", f"queue/{ID}/body?page=0")] = (
            403, {"error": "only root and belfryd's user may read messages",
                  "help": "run it as one of them"})
        done = self.belfry("queue", "show", "--body", ID, exit=77)
        self.assertEqual(done.stdout, "")
        self.assertIn("only root", done.stderr)

    def test_body_with_a_damaged_page(self):
        self.serve_content(self.CONTENT[:10])
        self.api.answers[("GET", f"queue/{ID}/body?page=0")] = (
            206, self.CONTENT[:10])
        self.assertIn("instead of", self.belfry(
            "queue", "show", "--body", ID, exit=1).stderr)
        self.assertNotIn("page=256", str(self.api.asked))

    def test_body_cut_short(self):
        self.serve_content(self.CONTENT[:10])
        self.assertIn("instead of", self.belfry(
            "queue", "show", "--body", ID, exit=1).stderr)
        done = self.belfry("queue", "export", self.dir + "/out", ID, exit=1)
        self.assertIn("1 DAMAGED, what can be read of it", done.stdout)
        self.assertEqual(sorted(os.listdir(self.dir + "/out")),
                         [f"{ID}.damaged.eml", f"{ID}.json"])
        with open(f"{self.dir}/out/{ID}.damaged.eml", "rb") as file:
            self.assertEqual(file.read(), self.CONTENT[:10])

    def test_export(self):
        out = os.path.join(self.dir, "out")
        row = self.serve_content()
        self.api.answers[("GET", "queue?whole=1&limit=1000&held=1")] = (
            200, {"messages": [row, dict(row, queue_id=OTHER)], "looked": 9,
                  "next": None})
        text = self.belfry("queue", "export", out, "--held").stdout
        self.assertEqual(text, f"1 message exported to {out}, 26B; "
                               "1 gone meanwhile\n")
        self.assertEqual(sorted(os.listdir(out)),
                         [f"{ID}.eml", f"{ID}.json"])
        for name in os.listdir(out):
            self.assertEqual(os.stat(f"{out}/{name}").st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(out).st_mode & 0o777, 0o700)
        with open(f"{out}/{ID}.eml", "rb") as file:
            self.assertEqual(file.read(), self.CONTENT)
        with open(f"{out}/{ID}.json", encoding="utf-8") as file:
            self.assertEqual(json.load(file), row)
        self.assertEqual(json.loads(self.belfry(
            "queue", "export", "--json", out, ID).stdout),
            {"exported": 1, "bytes": 26, "damaged": 0, "gone": 0,
             "failed": 0})
        self.belfry("queue", "export", out, OTHER, exit=66)
        self.belfry("queue", "export", out, exit=64)
        self.belfry("queue", "export", "--all", exit=64)
        self.belfry("queue", "export", self.conf, ID, exit=1)

    def test_export_follows_no_link(self):
        out, other = self.dir + "/out", self.dir + "/other"
        os.mkdir(out)
        os.symlink(other, f"{out}/{ID}.eml.part")
        os.symlink(other, f"{out}/{ID}.eml")
        self.serve_content()
        self.belfry("queue", "export", out, ID)
        self.assertFalse(os.path.exists(other))

    def test_actions(self):
        for action, done in (("hold", "held"), ("release", "released"),
                             ("flush", "tried now"),
                             ("requeue", "made ready")):
            with self.subTest(action):
                self.api.asked.clear()
                self.api.answers = {("POST", f"queue/{ID}/{action}"):
                                    (200, {"result": "done"})}
                out = self.belfry("queue", action, ID).stdout
                self.assertEqual(out, f"{ID}: {done}\n")
                self.assertEqual(self.asked(),
                                 [f"POST /api/v1/queue/{ID}/{action}"])
                self.belfry("queue", action, OTHER, ID, exit=66)
                self.belfry("queue", action, "nonsense", exit=64)
                self.belfry("queue", action, exit=64)
        self.api.answers = {("POST", f"queue/{ID}/hold"):
                            (200, {"result": "already"})}
        self.assertEqual(self.belfry("queue", "hold", ID).stdout,
                         f"{ID}: already held\n")

    def test_remove(self):
        self.api.answers = {("DELETE", f"queue/{ID}"):
                            (200, {"result": "done"}),
                            ("DELETE", f"queue/{OTHER}"):
                            (409, {"error": "a delivery is under way",
                                   "help": "try again"})}
        self.belfry("queue", "remove", ID, exit=64)
        self.assertEqual(self.asked(), [])
        self.assertEqual(self.belfry("queue", "remove", "--yes", ID).stdout,
                         f"{ID}: removed\n")
        self.belfry("queue", "remove", "--yes", OTHER, exit=75)

    def test_stats(self):
        now = int(time.time()) # those before may have taken long
        dest = {"agent": "smtp", "name": "provider", "waiting": 12,
                "active": 0, "window": 20, "tls": "verified",
                "rate_until_ms": 0,
                "oldest_ms": (now - 60) * 1000, "down": True,
                "not_before_ms": (now + 100) * 1000, "fails": 4,
                "last_reply": "connection refused"}
        self.api.answers = {("GET", "queue-stats"): (
            200, {"counting": True, "destinations": [
                dest, dict(dest, name="x" * 60, down=False),
                dict(dest, name="rated", active=2, window=5, down=False,
                     tls="", last_reply="",
                     rate_until_ms=(now + 50) * 1000)]})}
        out = self.belfry("queue", "stats").stdout
        self.assertRegex(out, r"(?m)^provider +12 +0/20 +1m  verified    DOWN, 4 "
                              r"failed, "
                              r"next in 1m: connection refused$")
        self.assertRegex(out, r"(?m)^rated +12 +2/5 +1m  -           rate used up, "
                              r"next "
                              r"in \d+s$")
        self.assertIn("still counts", out)
        out = self.belfry("queue", "stats", "--json").stdout
        self.assertEqual(json.loads(out.splitlines()[0]), dest)


class Operate(Case):
    def test_status(self):
        self.api.answers = {("GET", "status"): (200, STATUS)}
        out = self.belfry("status").stdout
        self.assertIn("0.1.0 on relay1.example.org, pid 17, up 1m", out)
        self.assertIn("smtp    127.0.0.1:587 (apps), TLS required, 2 connected",
                      out)
        self.assertIn("/etc/belfry/fullchain.pem, until 2027-01-15T", out)
        self.assertIn("3 messages; recipients: 3 ready, 4 deferred, 0 held, "
                      "0 failed; 1 under way; oldest 2h03m", out)
        self.assertIn("1.0M of 100M (1 %)", out)
        self.assertEqual(
            json.loads(self.belfry("status", "--json").stdout), STATUS)

    def test_status_down_and_walk(self):
        down = {"name": "provider", "waiting": 12, "last_reply": "421 \x07no",
                "not_before_ms": (NOW + 100) * 1000}
        walk = {"work": "routes", "running": True, "seen": 5, "moved": 2}
        self.api.answers = {("GET", "status"): (200, dict(
            STATUS, walk=walk, down=[down, dict(
                down, name="other", not_before_ms=NOW * 1000)]))}
        out = self.belfry("status").stdout
        self.assertRegex(out, r"(?m)^down       provider, 12 waiting, next try "
                              r"in 1m: 421 \?no\n           other, 12 "
                              r"waiting, next try now: 421 \?no$")
        self.assertIn("routes     are looked up anew: 5 of 7 recipients, "
                      "2 moved\n", out)

    def test_status_check(self):
        store = STATUS["store"]
        queue = STATUS["queue"]
        old = dict(queue, oldest_ms={"normal": (NOW - 15000) * 1000})
        older = dict(queue, oldest_ms={"bulk": (NOW - 90000) * 1000})
        held = dict(older, deliveries={"held": {"normal": 1}})
        down = {"name": "a|b\n:25", "waiting": 1, "oldest_ms": NOW * 1000}
        rows = (({}, 0, "OK - 3 messages, store 1 % | "),
                ({"down": [down]}, 1, "WARNING - a?b?:25 is down; 3"),
                ({"down": [down] * 2}, 1,
                 "WARNING - 2 destinations are down (a?b?:25); 3"),
                ({"down": [down] * 10}, 1,
                 "WARNING - 10 or more destinations are down"),
                ({"queue": old}, 1, "WARNING - mail waits for 4h"),
                ({"queue": older}, 2, "CRITICAL - mail waits for 1d"),
                ({"queue": held}, 0, "OK"),
                ({"queue": held, "down": [
                    dict(down, oldest_ms=(NOW - 90000) * 1000)]}, 2,
                 "CRITICAL - a?b?:25 is down, mail waits for 1d"),
                ({"drop": {"bad": 1, "kept": 0}}, 1,
                 "WARNING - the drop folder has bad files; 3"),
                ({"drop": {"bad": 0, "kept": 2}}, 1,
                 "WARNING - files of the drop folder can't be taken; 3"),
                ({"queue": dict(STATUS["queue"], messages=1)}, 0,
                 "OK - 1 message, store 1 % | "),
                ({"pause": PAUSED}, 1, "WARNING - delivery is paused; 3"),
                ({"queue": dict(STATUS["queue"], deliveries={
                    "set_aside": {"normal": 1}})}, 1,
                 "WARNING - damaged messages were set aside; 3"),
                ({"store": dict(store, used_bytes=81 << 20)}, 1,
                 "WARNING - the store is nearly full; 3"),
                ({"store": dict(store, room=False), "pause": PAUSED}, 2,
                 "CRITICAL - the store is full, mail is refused, delivery"))
        for change, exit, text in rows:
            with self.subTest(text):
                self.api.answers = {("GET", "status"):
                                    (200, dict(STATUS, **change))}
                out = self.belfry("status", "--check", exit=exit).stdout
                self.assertTrue(out.startswith(f"BELFRY {text}"), out)
                self.assertEqual(out.count("\n"), 1)

    def test_status_check_ages(self):
        self.api.answers = {("GET", "status"): (200, STATUS)}
        for exit, *arguments in (
                (1, "--warning", "2h"), (0, "--warning", "3h"),
                (2, "--critical", "2h"), (2, "--warning", "1h",
                                          "--critical", "2h"),
                (1, "--warning", "1h", "--critical", "0s"),
                (64, "--warning", "soon"), (64, "--critical", "")):
            self.belfry("status", "--check", *arguments, exit=exit)
        self.belfry("status", "--warning", "2h", exit=64)

    def test_status_check_without_belfryd(self):
        os.unlink(os.path.join(self.dir, "admin"))
        out = self.belfry("status", "--check", exit=2).stdout
        self.assertEqual(out, "BELFRY CRITICAL - belfryd does not answer\n")
        self.belfry("status", exit=69)

    def test_pause(self):
        rows = ((["--reason", "r"], {"reason": "r", "alerts": False}),
                (["--reason", "r", "--for", "1h30m"],
                 {"reason": "r", "alerts": False, "for_ms": 5400000}),
                (["--reason", "r", "--until-resumed", "--alerts"],
                 {"reason": "r", "alerts": True, "for_ms": 0}))
        self.api.answers = {("POST", "pause"): (200, PAUSED)}
        for arguments, body in rows:
            with self.subTest(arguments):
                self.api.asked.clear()
                out = self.belfry("pause", *arguments).stdout
                self.assertIn("until resumed: the ?provider", out)
                self.assertIn("nobody is told" if body["alerts"] else
                              "alerts still go out", out)
                self.assertEqual(json.loads(self.api.asked[0][2]), body)
        for arguments in ([], ["--reason", ""], ["--reason", "r", "x"],
                          ["--reason", "r", "--for", "soon"],
                          ["--reason", "r", "--for", "0"],
                          ["--reason", "r", "--for", "1h",
                           "--until-resumed"]):
            with self.subTest(arguments):
                self.api.asked.clear()
                self.belfry("pause", *arguments, exit=64)
                self.assertEqual(self.api.asked, [])

    def test_resume(self):
        self.api.answers = {("POST", "resume"): (200, {"paused": False})}
        self.assertEqual(self.belfry("resume").stdout,
                         "Mail is delivered again.\n")
        self.api.answers = {("POST", "resume"): (200, {"paused": False,
                                                       "alerts": True})}
        self.assertEqual(self.belfry("resume").stdout,
                         "Mail is delivered again, and alerts are told.\n")

    def test_refusals(self):
        for status, exit in ((400, 64), (403, 77), (404, 66), (409, 75),
                             (503, 75), (500, 1)):
            with self.subTest(status):
                self.api.answers = {("POST", "resume"): (
                    status, {"error": "no", "help": "do this"})}
                done = self.belfry("resume", exit=exit)
                self.assertEqual(done.stderr, "belfry: no; do this\n")
        self.api.answers = {("POST", "resume"): (200, b"[")}
        self.belfry("resume", exit=1)

    def test_configuration(self):
        """A broken file does not keep the operator out."""
        self.api.answers = {("POST", "resume"): (200, {"paused": False})}
        with open(self.conf, "a", encoding="utf-8") as file:
            file.write("nonsense: 1\n")
        done = self.belfry("resume")
        self.assertIn("has mistakes", done.stderr)
        self.conf += ".gone"
        self.belfry("resume", exit=78)


class Send(Case):
    ARGUMENTS = ("send", "-", "--from", "anna@example.org", "--to",
                 "ben@example.net")

    def test_content(self):
        out = self.belfry(*self.ARGUMENTS, "--to", "c@example.net",
                          stdin="Subject: x\n\n.dot\nend\r\nlast").stdout
        self.assertEqual(out, f"queued as {ID}\n")
        self.assertEqual(self.smtp.content, b"Subject: x\r\n\r\n..dot\r\n"
                                            b"end\r\nlast\r\n")
        self.assertEqual(self.smtp.heard,
                         [b"EHLO localhost\r\n",
                          b"MAIL FROM:<anna@example.org>\r\n",
                          b"RCPT TO:<ben@example.net>\r\n",
                          b"RCPT TO:<c@example.net>\r\n", b"DATA\r\n",
                          b"QUIT\r\n"])

    def test_file_and_null_sender(self):
        path = os.path.join(self.dir, "mail")
        with open(path, "wb") as file:
            file.write(b"\xff\n")
        self.belfry("send", path, "--from", "", "--to", "b@example.net")
        self.assertEqual(self.smtp.content, b"\xff\r\n")
        self.assertIn(b"MAIL FROM:<>\r\n", self.smtp.heard)

    def test_wait(self):
        out = self.belfry(*self.ARGUMENTS, "--wait").stdout
        self.assertEqual(out, f"queued as {ID}\ndelivered\n")
        self.assertIn(f"XOUTCOME {ID}\r\n".encode(), self.smtp.heard)
        self.smtp.says = {"XOUTCOME": "554 5.0.0 not delivered: 550 no\x1b"}
        done = self.belfry(*self.ARGUMENTS, "--wait", exit=1)
        self.assertIn("not delivered: 550 no?", done.stderr)
        self.smtp.says = {"XOUTCOME": None}
        self.belfry(*self.ARGUMENTS, "--wait", exit=75)

    def test_refused(self):
        rows = (({"": "421 busy"}, 75), ({"RCPT": "452 4.5.3 too many"}, 1),
                ({"RCPT": "421 4.3.2 stopping"}, 75), ({"MAIL": "451 later"}, 75),
                ({"MAIL": "550 no"}, 1), ({"RCPT": "550 5.4.4 no route"}, 1),
                ({"DATA": "554 no"}, 1), ({".": "552 too large"}, 1),
                ({".": "452 full"}, 75), ({"EHLO": None}, 75),
                ({"MAIL": "garbage"}, 75))
        for says, exit in rows:
            with self.subTest(says):
                self.smtp.says = says
                done = self.belfry(*self.ARGUMENTS, exit=exit)
                self.assertIn("nothing was submitted", done.stderr)
                self.assertEqual(done.stdout, "")

    def test_no_answer(self):
        """After the final dot nobody knows."""
        self.smtp.says = {".": None}
        done = self.belfry(*self.ARGUMENTS, exit=75)
        self.assertIn("may or may not have been taken", done.stderr)

    def test_usage(self):
        rows = (["-"], ["-", "--from", "a@example.org"],
                ["-", "--to", "a@example.org"],
                ["--from", "a@example.org", "--to", "b@example.org"],
                ["-", "--from", "a b@example.org", "--to", "b@example.org"],
                ["-", "--from", "a@example.org", "--to", "b@c\r\nDATA"],
                ["-", "--from", "a@example.org", "--to", ""],
                ["/nowhere", "--from", "a@example.org", "--to",
                 "b@example.org"])
        for arguments in rows:
            with self.subTest(arguments):
                self.belfry("send", *arguments, exit=64)
                self.assertEqual(self.smtp.heard, [])

    def test_unreachable(self):
        os.unlink(os.path.join(self.dir, "submit"))
        done = self.belfry(*self.ARGUMENTS, exit=69)
        self.assertIn("is it running?", done.stderr)


class Usage(Case):
    def test_help(self):
        rows = [json.loads(line) for line in
                self.belfry("help", "--json").stdout.splitlines()]
        out = self.belfry("help").stdout
        for row in rows:
            with self.subTest(row["command"]):
                self.assertRegex(out, rf"(?m)^  {row['command']} ")
                words = row["command"].split()
                usage = f"usage: belfry [-c FILE] {row['command']}"
                self.assertTrue(self.belfry(*words, "--help")
                                .stdout.startswith(usage))
                self.assertTrue(self.belfry("help", *words)
                                .stdout.startswith(usage))
                self.belfry(*words, "--no-such-option", exit=64)
        self.assertEqual(len(re.findall("^usage:", self.belfry(
            "help", "queue").stdout, re.M)), 9)
        self.assertEqual(self.belfry("queue", "--help").stdout,
                         self.belfry("help", "queue").stdout)
        for word, meant in (("ack", "alert ack"), ("sttus", "status")):
            self.assertIn(f"no command `{word}`; did you mean `{meant}`?",
                          self.belfry(word, exit=64).stderr)
        self.assertIn("belfry: `queue nope` is no command; behind `queue` goes "
                      "one of: list, ",
                      self.belfry("queue", "nope", exit=64).stderr)
        self.assertIn("belfry: `queue` is no command by itself; ",
                      self.belfry("queue", exit=64).stderr)

    def test_wrong(self):
        for arguments in ([], ["nope"], ["queue"], ["queue", "nope"],
                          ["help", "nope"], ["--nope"], ["-c"],
                          ["check", "x"], ["check", "--nope"],
                          ["config", "reference", "x"]):
            with self.subTest(arguments):
                done = subprocess.run([BELFRY, *arguments], check=False,
                                      capture_output=True, text=True)
                self.assertEqual(done.returncode, 64)
                self.assertRegex(done.stdout + done.stderr,
                                 r"\A(belfry|usage): ")
                self.assertNotIn(BELFRY, done.stderr)

    def test_check_alerts(self):
        """Secrets, and the templates of channels, are looked at."""
        def alerts(receiver):
            with open(self.conf, "a", encoding="utf-8") as file:
                file.write("alerts: {mail: [a@example.org], receivers: "
                           f"[{{name: x, {receiver}}}]}}\n")

        with open(self.conf, encoding="utf-8") as file:
            before = file.read()
        alerts("webhook: [{url: 'http://a/', body: '{{nothing}}'}]")
        done = self.belfry("check", exit=78)
        self.assertRegex(done.stderr, r":\d+:\d+: .*`nothing`")
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write(before)
        alerts("slack: [{url_file: /nowhere/slack}]")
        done = self.belfry("check", exit=78)
        self.assertIn("/nowhere/slack", done.stderr)

    def test_check(self):
        with open(self.conf, encoding="utf-8") as file:
            quiet = file.read()
        with open(self.conf, "a", encoding="utf-8") as file:
            file.write("http: [{address: '0.0.0.0:8025'}]\n")
        done = self.belfry("check")
        self.assertIn("1 warning", done.stdout)
        self.belfry("check", "--strict", exit=1)
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write(quiet)
        self.belfry("check", "--as", "no-such-user", exit=64)
        anchor = os.path.join(self.dir, "anchor")
        with open(self.conf, "a", encoding="utf-8") as file:
            file.write("delivery: {smarthost: [{host: a.example}]}\n"
                       f"dns: {{trust_anchor: {anchor}}}\n")
        done = self.belfry("check", exit=78)
        self.assertIn("dns.trust_anchor: there is no", done.stderr)
        with open(anchor, "w", encoding="utf-8"):
            os.chmod(anchor, 0o600)
        self.assertIn(": ok", self.belfry("check", "--strict").stdout)
        if os.geteuid() == 0:
            os.chmod(self.dir, 0o755)
            done = self.belfry("check", "--as", "nobody", exit=78)
            self.assertIn("dns.trust_anchor: can't read", done.stderr)
            self.check_writes()
            os.chmod(self.dir, 0o700)
            done = self.belfry("check", "--as", "nobody", exit=78)
            self.assertIn("Permission denied", done.stderr)
        with open(self.conf, "a", encoding="utf-8") as file:
            file.write("loop: 2\n")
        done = self.belfry("check", exit=78)
        self.assertEqual(done.stderr, f"{self.conf}:6:1: unknown key `loop`; "
                                      "did you mean `loops`?\n")

    def test_check_waits_for_no_pipe(self):
        fifo = os.path.join(self.dir, "fifo")
        os.mkfifo(fifo)
        with open(self.conf, encoding="utf-8") as file:
            plain = file.read()
        for line in ("include: fifo\n", f"aliases_file: {fifo}\n",
                     f"dns: {{trust_anchor: {fifo}}}\n"):
            with self.subTest(line):
                with open(self.conf, "w", encoding="utf-8") as file:
                    file.write(plain + "delivery: {smarthost: "
                               "[{host: a.example}]}\n" + line)
                self.assertIn("it is no regular file",
                              self.belfry("check", exit=78).stderr)

    def check_writes(self):
        """--as says what of log and Maildirs the user could not write, and
        what program is not there."""
        mail = os.path.join(self.dir, "mail")
        conf = os.path.join(self.dir, "writes.yaml")
        os.mkdir(mail)
        with open(conf, "w", encoding="utf-8") as file:
            file.write("hostname: a.example\n"
                       f"state_dir: {self.dir}/none\n"
                       f"log: {{to: {mail}/log}}\n"
                       "routes:\n  - {match: a.example, deliver: maildir, "
                       f"path: '{mail}/{{local}}'}}\n")
        done = self.belfry("-c", conf, "check", "--as", "nobody", exit=78)
        self.assertEqual(done.stderr,
                         f"{conf}:1:1: log.to: can't write to {mail}: "
                         f"Permission denied\n{conf}:5:5: path: can't "
                         f"write to {mail}: Permission denied\n")
        os.chmod(mail, 0o777)
        self.belfry("-c", conf, "check", "--as", "nobody")
        with open(conf, "a", encoding="utf-8") as file:
            file.write("alerts:\n  receivers:\n    - {name: x, exec: "
                       f"[{{command: [{mail}/page]}}]}}\n"
                       "  route: {receiver: x}\n")
        done = self.belfry("-c", conf, "check", "--as", "nobody", exit=78)
        self.assertEqual(done.stderr, f"{conf}:8:35: command: there is no "
                                      f"{mail}/page\n")

    def test_closed_pipe(self):
        """Who reads only the first lines does not make us ask for all."""
        page = {"messages": [MESSAGE] * 400, "next": ID}
        self.api.answers = {("GET", "queue?limit=1000"): (200, page),
                            ("GET", f"queue?from={ID}&limit=500"): (200, page)}
        done = subprocess.run(
            f"'{BELFRY}' -c '{self.conf}' queue list --json | head -1",
            shell=True, capture_output=True, text=True, timeout=30,
            check=False)
        self.assertEqual(json.loads(done.stdout), MESSAGE)


def has_terminals():
    try:
        for end in pty.openpty():
            os.close(end)
    except OSError:
        return False
    return True


class Password(unittest.TestCase):
    ENTRY = re.compile(rb'^"(.*)": \{password: "(\$y\$[^"]+)"'
                       rb'(, scram: \{iterations: 8192, salt: "[^"]{24}", '
                       rb'stored: "[^"]{44}", server: "[^"]{44}"\})?\}$')

    def run_it(self, *args, given=b"secret\n"):
        return subprocess.run([BELFRY, "password", *args], input=given,
                              capture_output=True, check=False)

    def test_a_pipe(self):
        said = self.run_it("--user", 'an"na')
        self.assertEqual((said.returncode, said.stderr), (0, b""))
        entry = self.ENTRY.match(said.stdout.strip())
        self.assertEqual(entry[1], b'an\\"na')
        self.assertTrue(entry[3])
        self.assertNotIn(b"secret", said.stdout)

    def test_any_byte(self):
        said = self.run_it(given=b"\xff\xfe")
        self.assertEqual(said.returncode, 0)
        self.assertFalse(self.ENTRY.match(said.stdout.strip())[3])
        self.assertIn(b"without keys for SCRAM", said.stderr)

    def test_no(self):
        rows = ((b"", "no password"), (b"\n", "no password"),
                (b"a\0b\n", "NUL"), (b"a" * 512, "at most 511"))
        for given, why in rows:
            said = self.run_it(given=given)
            self.assertEqual((said.returncode, said.stdout), (1, b""), given)
            self.assertIn(why.encode(), said.stderr)
        self.assertEqual(self.run_it("--user", "a\nb").returncode, 64)
        self.assertEqual(self.run_it("anna").returncode, 64)

    def on_terminal(self, *lines):
        pid, tty = pty.fork()
        if pid == 0:
            os.execv(BELFRY, [BELFRY, "password", "--user", "anna"])
        said = b""
        for prompt, line in zip((b"Password: ", b"The same again: "), lines):
            while not said.endswith(prompt):
                said += os.read(tty, 1000)
            os.write(tty, line + b"\n")
        try:
            while piece := os.read(tty, 1000):
                said += piece
        except OSError:
            pass
        os.close(tty)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said

    @unittest.skipUnless(has_terminals(), "no terminal can be made here")
    def test_a_terminal(self):
        status, said = self.on_terminal(b"secret", b"secret")
        self.assertEqual(status, 0, said)
        self.assertNotIn(b"secret", said)
        self.assertTrue(self.ENTRY.match(said.strip().splitlines()[-1]), said)
        status, said = self.on_terminal(b"secret", b"secre")
        self.assertEqual(status, 1)
        self.assertIn(b"not the same", said)
        self.assertNotIn(b"$y$", said)


unittest.main()
