"""`belfry alert`, `silence` and `mute` against a made-up belfryd.

usage: alert_test.py BELFRY
"""
import getpass
import json
import time
import unittest

from made_up import NOW, STATUS, Case

ID, OTHER, THIRD = "6GZXPKGP00000", "6GZXPKGP00001", "6GZXPKGP00002"
SILENCE = "5f9c2f6e-0b1d-4e5a-9c77-3a2f0d1e4b55"
WHO = getpass.getuser()

ALERT = {
    "id": ID, "state": "open", "source": "prometheus", "key": "00ff",
    "labels": {"alertname": "DiskWillFill", "instance": "db1",
               "severity": "critical"},
    "annotations": {"summary": "91 % of \x1b[2Jdb1 is full",
                    "description": "It grows.\nLook for logs.",
                    "runbook_url": "https://example.org/disk", "by": "node"},
    "url": "https://prometheus.example.org/g", "critical": True,
    "starts_ms": (NOW - 7380) * 1000, "changed_ms": (NOW - 7380) * 1000,
    "updated_ms": (NOW - 130) * 1000, "ends_ms": (NOW + 290) * 1000,
    "acked_by": "", "acked_ms": 0, "flapping": False, "noise": False,
    "closed": False, "receivers": ["oncall"], "silences": [],
    "inhibited_by": "", "maintenance": "", "muted": False}
MUTE = {"muted": True, "reason": "the rack", "who": "anna",
        "since_ms": (NOW - 60) * 1000, "until_ms": (NOW + 1790) * 1000}
OPEN = "alerts?limit=500&state=open%2Cstale"


def alert(**fields):
    return {**ALERT, **fields}


def acked(**fields):
    return alert(acked_by="anna", acked_ms=(NOW - 600) * 1000, **fields)


class Alerts(Case):
    def serve_list(self, *alerts, query=OPEN, alerts_status=None):
        self.api.answers.update({
            ("GET", "status"): (200, dict(STATUS, alerts=alerts_status or {})),
            ("GET", query): (200, {"alerts": list(alerts), "next": None})})

    def rows(self, *arguments):
        return self.belfry("alert", "list", *arguments).stdout.splitlines()

    def test_list(self):
        self.serve_list(
            acked(id=THIRD), alert(), alert(id=OTHER, critical=False, labels={
                "alertname": "NodeDown", "instance": "n4", "job": "node"},
                annotations={}))
        head, *rows, total = self.rows()
        self.assertEqual(head.split(),
                         ["ID", "SEVERITY", "AGE", "STATE", "ALERT"])
        self.assertEqual(rows, [
            f"{ID}  critical    2h03m  open         "
            "DiskWillFill: 91 % of ?[2Jdb1 is full",
            f"{OTHER}  -           2h03m  open         "
            'NodeDown instance="n4", job="node"',
            f"{THIRD}  critical    2h03m  acked        "
            "DiskWillFill: 91 % of ?[2Jdb1 is full (anna has it, 10m)"])
        self.assertEqual(total, "3 alerts: 2 need somebody (1 critical), "
                                "1 acknowledged")

    def test_states(self):
        """What they are called, and what comes first."""
        rows = [("open", alert()), ("flapping", alert(flapping=True)),
                ("stale", alert(state="stale")), ("acked", acked()),
                ("silenced", acked(silences=[SILENCE])),
                ("inhibited", alert(inhibited_by="00ff")),
                ("maintenance", alert(maintenance="sunday"))]
        for at, (_, row) in enumerate(rows):
            row["starts_ms"] = (NOW - at) * 1000
        self.serve_list(*(row for _, row in reversed(rows)))
        lines = self.rows()
        self.assertEqual([line.split()[3] for line in lines[1:-1]],
                         [word for word, _ in rows])
        self.assertEqual(
            lines[-1], "7 alerts: 2 need somebody (2 critical), 1 no longer "
            "reported, 1 acknowledged, 3 silenced or held back")

    def test_critical_before_new(self):
        self.serve_list(
            alert(critical=False, starts_ms=NOW * 1000),
            alert(id=OTHER), alert(id=THIRD, starts_ms=(NOW - 1) * 1000))
        self.assertEqual([line.split()[0] for line in self.rows()[1:-1]],
                         [THIRD, OTHER, ID])

    def test_list_long(self):
        self.serve_list(alert(annotations={"summary": "\u00e9" * 1000}))
        line = self.rows()[1]
        self.assertTrue(line.endswith("\u00e9..."), line)
        self.assertLess(len(line.encode()), 250)

    def test_list_none(self):
        self.serve_list()
        self.assertEqual(self.rows(), ["No alert is open."])
        self.serve_list(query="alerts?limit=500")
        self.serve_list(query="alerts?limit=500&past=1")
        self.assertEqual(self.rows("--all"), ["There is no such alert."])
        self.serve_list(query=OPEN + "&match=a%3Db&receiver=boss")
        self.assertEqual(self.rows("--match", "a=b", "--receiver", "boss"),
                         ["No alert matches."])

    def test_list_muted(self):
        self.serve_list(alert(muted=True), alerts_status={"mute": MUTE})
        lines = self.rows()
        self.assertRegex(lines[0], r"^MUTED since \S+ \S+ until \S+ \S+ "
                                   r"\(29m more\) by anna: the rack$")
        self.assertEqual(lines[-1], "1 alert: 1 needs somebody (1 critical)")

    def test_progress(self):
        self.serve_list(alert())
        self.assertIn("1 alerts so far", self.terminal("", 0, "alert", "list"))

    def test_list_pages(self):
        """Every option in the query, and on every page; no status with it."""
        query = "&state=open&match=a%3D%22b%22%2Cc%21%3Dd&receiver=on%20call"
        self.api.answers = {
            ("GET", f"alerts?limit=500{query}"):
                (200, {"alerts": [alert()], "next": OTHER}),
            ("GET", f"alerts?limit=500&from={OTHER}{query}"):
                (200, {"alerts": [alert(id=OTHER)], "next": None})}
        lines = self.rows("--json", "--state", "open", "--match", 'a="b"',
                          "--match", "c!=d", "--receiver", "on call")
        self.assertEqual([json.loads(line) for line in lines],
                         [alert(), alert(id=OTHER)])

    def test_list_all(self):
        over = alert(id=OTHER, state="resolved",
                     changed_ms=(NOW - 3600) * 1000)
        for arguments, query in ((["--all"], ""),
                                 (["--state", "resolved"], "&state=resolved")):
            self.serve_list(over, query=f"alerts?limit=500{query}&match=a%3Db")
            self.serve_list(dict(over, id=THIRD, closed=True, acked_by="ben",
                                 changed_ms=(NOW - 7380) * 1000),
                            query="alerts?limit=500&past=1&match=a%3Db")
            lines = self.rows(*arguments, "--match", "a=b")
            self.assertEqual([line.split()[:4] for line in lines[1:-1]], [
                [OTHER, "critical", "1h00m", "resolved"],
                [THIRD, "critical", "2h03m", "closed"]])
            self.assertEqual(lines[-1], "2 alerts: 0 need somebody, 2 over")
        # What is only kept is of no receiver any more.
        self.serve_list(over, query="alerts?limit=500&receiver=x")
        self.assertEqual(len(self.rows("--all", "--receiver", "x")), 3)

    def test_list_wrong(self):
        for bad in (["--state", "bad"], ["--all", "--state", "open"], [ID],
                    ["--limit", "1"]):
            self.belfry("alert", "list", *bad, exit=64)
        self.assertEqual(self.asked(), [])

    def test_no_alerts(self):
        """An older belfryd, or a configuration without any."""
        self.api.answers = {
            ("GET", "status"): (200, STATUS), ("GET", OPEN): (404, {
                "error": "there are no alerts here", "help": "set alerts"})}
        self.assertEqual(self.belfry("alert", "list", exit=66).stderr,
                         "belfry: there are no alerts here; set alerts\n")

    def test_show(self):
        self.api.answers = {("GET", f"alerts/{ID}"): (200, acked(
            silences=[SILENCE], history=[
                {"when_ms": 1700000000000, "what": "opened", "who": "",
                 "text": ""},
                {"when_ms": 1700000060000, "what": "acknowledged",
                 "who": "anna", "text": "on \x1bit"}]))}
        self.assertEqual(self.belfry("alert", "show", ID).stdout.splitlines(), [
            f"{ID}  DiskWillFill: 91 % of ?[2Jdb1 is full",
            "  critical, open for 2h03m, since " + time.strftime(
                "%Y-%m-%d %H:%M", time.gmtime(NOW - 7380)),
            "  It grows.",
            "  Look for logs.",
            "  acknowledged  anna, 10m ago",
            f"  silenced by   {SILENCE}",
            "  runbook       https://example.org/disk",
            "  look at       https://prometheus.example.org/g",
            '  labels        alertname="DiskWillFill"',
            '                instance="db1"',
            '                severity="critical"',
            '  annotations   by="node"',
            "  source        prometheus, last heard of 2m ago; "
            "no longer reported in 4m",
            "  key           00ff",
            "  receivers     oncall",
            "  history",
            "    2023-11-14 22:13:20  opened",
            "    2023-11-14 22:14:20  acknowledged by anna: on ?it"])

    def test_title(self):
        """The name, the summary and the place, each only once."""
        for summary, labels, title in (
                ("", {"alertname": "A"}, "A"),
                ("it is full", {"alertname": "A"}, "A: it is full"),
                ("A is full", {"alertname": "A"}, "A is full"),
                ("A is full", {"alertname": "A", "instance": "db1"},
                 "A is full on db1"),
                ("db1 is full", {"alertname": "A", "instance": "db1",
                                 "host": "h"}, "A: db1 is full"),
                ("full", {"alertname": "A", "host": "h"}, "A: full on h")):
            self.serve_list(alert(labels=labels, annotations={
                "summary": summary}))
            self.assertTrue(self.rows()[1].endswith(f"  {title}"), title)

    def test_show_stale(self):
        self.api.answers = {("GET", f"alerts/{ID}"): (200, alert(
            state="stale", muted=True, maintenance="sunday",
            inhibited_by="00ff"))}
        out = self.belfry("alert", "show", ID).stdout
        self.assertIn("  critical, no longer reported, open for 2h03m, ", out)
        self.assertIn("\n  inhibited by  00ff\n  maintenance   sunday\n"
                      "  muted         `belfry unmute` ends it\n", out)

    def test_show_nobody(self):
        self.api.answers = {("GET", f"alerts/{ID}"): (200, alert(
            receivers=[], history=[]))}
        self.assertIn("  receivers     none: nobody is told of it\n",
                      self.belfry("alert", "show", ID).stdout)

    def test_show_several(self):
        self.api.answers = {
            ("GET", f"alerts/{ID}"): (200, alert(history=[])),
            ("GET", f"alerts/{OTHER}"): (200, alert(
                id=OTHER, state="resolved", flapping=True, noise=True,
                ends_ms=(NOW - 60) * 1000))}
        out = self.belfry("alert", "show", ID, OTHER).stdout
        self.assertIn(f"\n`belfry alert ack {ID}` says that you have it.\n\n"
                      f"{OTHER}  Disk", out)
        self.assertIn("  critical, resolved 1m ago, since", out)
        self.assertIn(", FLAPPING, marked as noise\n", out)
        lines = self.belfry("alert", "show", "--json", ID, OTHER).stdout
        self.assertEqual([json.loads(line)["id"]
                          for line in lines.splitlines()], [ID, OTHER])
        self.assertIn(ID, self.belfry("alert", "show", THIRD, ID,
                                      exit=66).stdout)
        for bad in (["db1"], ["../status"], []):
            self.belfry("alert", "show", *bad, exit=64)

    def test_acts(self):
        for action, done in (("ack", "acknowledged"), ("unack", "nobody's"),
                             ("close", "closed"),
                             ("noise", "marked as noise")):
            with self.subTest(action):
                self.api.asked.clear()
                self.api.answers = {
                    ("POST", f"alerts/{ID}/{action}"):
                        (200, {"id": ID, "result": "done"}),
                    ("POST", f"alerts/{OTHER}/{action}"):
                        (200, {"id": OTHER, "result": "already"})}
                out = self.belfry("alert", action, "--note", "über", ID,
                                  OTHER).stdout
                self.assertEqual(out, f"{ID}: {done}\n"
                                      f"{OTHER}: already {done}\n")
                self.assertEqual(
                    [json.loads(body) for _, _, body in self.api.asked],
                    [{"who": WHO, "note": "über"}] * 2)
                self.assertEqual(json.loads(self.belfry(
                    "alert", action, "--json", ID).stdout),
                    {"id": ID, "result": "done"})
                self.assertEqual(json.loads(self.api.asked[-1][2]),
                                 {"who": WHO})
                # One that is gone does not keep the others.
                self.assertIn(ID, self.belfry("alert", action, THIRD, ID,
                                              exit=66).stdout)
                for bad in (["db1"], ["--note", "x"], [],
                            ["--note", b"\xff", ID]):
                    self.belfry("alert", action, *bad, exit=64)
        for bad in (["ack", "--week"], ["noise", "--week", ID],
                    ["noise", "--week", "--note", "x"]):
            self.belfry("alert", *bad, exit=64)

    def test_noise_week(self):
        rule = {"source": "prometheus", "alertname": "Disk\x07Full",
                "incidents": 12, "notices": 40, "acked": 1, "flapping": 2,
                "noise": 3}
        report = {"since_ms": 1699400000000, "until_ms": 1700000000000,
                  "rules": [rule, dict(rule, notices=1, incidents=1)]}
        self.api.answers = {("GET", "noise?days=7"): (200, report)}
        self.assertEqual(
            self.belfry("alert", "noise", "--week").stdout.splitlines(), [
                "From 2023-11-07 23:33 to 2023-11-14 22:13:",
                " NOTICES  INCIDENTS   ACKED  FLAPPING   NOISE  RULE",
                "      40         12       1         2       3  "
                "Disk?Full (prometheus)",
                "       1          1       1         2       3  "
                "Disk?Full (prometheus)",
                "2 rules: 41 notices of 13 incidents, 2 acknowledged, "
                "6 marked as noise"])
        self.assertEqual([json.loads(line) for line in self.belfry(
            "alert", "noise", "--week", "--json").stdout.splitlines()],
            report["rules"])
        report["rules"] = []
        self.assertEqual(self.belfry("alert", "noise", "--week").stdout,
                         "Nobody was told of anything in the last week.\n")

    def test_malformed(self):
        rows = [{"number": 1, "when_ms": (NOW - 120) * 1000, "size": 4200,
                 "kept": 4200, "source": "backup", "why": "line 1: \x1bno"},
                {"number": 2, "when_ms": (NOW - 7380) * 1000, "size": 10,
                 "kept": 10, "source": "grafana", "why": "no alerts"}]
        self.api.answers = {
            ("GET", "malformed"): (200, {"malformed": rows}),
            ("GET", "malformed/2"): (200, b"\xff{\x1b}\r\n")}
        self.assertEqual(self.belfry("alert", "malformed").stdout.splitlines(),
                         ["NUMBER     AGE    SIZE  SOURCE: WHY",
                          "     1      2m    4.1K  backup: line 1: ?no",
                          "     2   2h03m     10B  grafana: no alerts"])
        self.assertEqual([json.loads(line) for line in self.belfry(
            "alert", "malformed", "--json").stdout.splitlines()], rows)
        self.assertEqual(self.belfry_bytes("alert", "malformed", "--body",
                                           "2"), b"\xff{\x1b}\r\n")
        self.assertIn("?{?}\r\n", self.terminal(
            "", 0, "alert", "malformed", "--body", "2"))
        self.belfry("alert", "malformed", "--body", "3", exit=66)
        for bad in (["--body", "0"], ["--body", "x"], ["--body", "-1"], ["2"],
                    ["--json", "--body", "2"], ["--body", "2/../status"]):
            self.belfry("alert", "malformed", *bad, exit=64)
        rows.clear()
        self.assertEqual(self.belfry("alert", "malformed").stdout,
                         "Everything that came was understood.\n")


class Silences(Case):
    ADD = ["silence", "add", "--comment", "new disk"]

    def posted(self):
        return next(json.loads(body) for method, path, body in
                    reversed(self.api.asked)
                    if (method, path) == ("POST", "/api/v1/silences"))

    def test_add(self):
        self.api.answers = {
            ("POST", "silences"): (200, {"id": SILENCE}),
            ("GET", "alerts?limit=1000&state=open,stale&match=instance%3D%22"
                    "db1%22%2Cjob%3D~%22a%7Cb%22"): (200, {
                        "alerts": [ALERT], "next": None})}
        out = self.belfry(*self.ADD, "--for", "2h", 'instance="db1"',
                          "job=~a|b").stdout
        until = time.gmtime(self.posted()["ends_ms"] / 1000)
        self.assertEqual(out.splitlines(), [
            f"{SILENCE}: silenced until "
            f"{time.strftime('%Y-%m-%d %H:%M', until)} (2h00m)",
            "1 open alert matches it now.",
            f"`belfry silence expire {SILENCE}` ends it."])
        body = self.posted()
        self.assertLess(abs(body.pop("ends_ms") - (time.time() + 7200) * 1000),
                        30000)
        self.assertEqual(body, {"who": WHO, "comment": "new disk", "matchers": [
            'instance="db1"', 'job=~"a|b"']})
        self.assertEqual(json.loads(self.belfry(
            *self.ADD, "--for", "2h", "--json", 'a="b"').stdout),
            {"id": SILENCE})

    def test_add_matches_nothing(self):
        self.api.answers = {
            ("POST", "silences"): (200, {"id": SILENCE}),
            ("GET", "alerts?limit=1000&state=open,stale&match=a%3D%22b%22"):
                (200, {"alerts": [], "next": None})}
        self.assertIn("\nNo alert that is open matches it now.\n",
                      self.belfry(*self.ADD, "--for", "2h", "a=b").stdout)

    def test_until(self):
        self.api.answers = {("POST", "silences"): (200, {"id": SILENCE})}
        for text, moment in (
                ("2100-01-02T03:04", "2100-01-02T03:04:00"),
                ("2100-01-02 03:04", "2100-01-02T03:04:00"),
                ("2100-01-02", "2100-01-02T00:00:00"),
                ("2100-01-02T03:04+01:00", "2100-01-02T02:04:00"),
                ("2100-01-02T03:04:05Z", "2100-01-02T03:04:05")):
            with self.subTest(text):
                self.belfry(*self.ADD, "--json", "--until", text, "a=b")
                self.assertEqual(time.strftime(
                    "%Y-%m-%dT%H:%M:%S",
                    time.gmtime(self.posted()["ends_ms"] / 1000)), moment)
        self.belfry(*self.ADD, "--json", "--until", "00:00", "a=b")
        self.assertEqual(self.posted()["ends_ms"] % 86400000, 0)
        self.assertGreater(self.posted()["ends_ms"], time.time() * 1000)

    def test_add_wrong(self):
        for bad in (["--for", "2h"], ["a=b"], ["--for", "soon", "a=b"],
                    ["--for", "0s", "a=b"], ["--until", "2001-01-01", "a=b"],
                    ["--until", "25:00", "a=b"],
                    ["--for", "1h", "--until", "2100-01-01", "a=b"],
                    ["--for", "1h", "db1"], ["--for", "1h", "a=~("],
                    ["--for", "1h", "{}"], ["--for", "1h", "--comment", "",
                                            "a=b"]):
            with self.subTest(bad):
                self.belfry(*self.ADD, *bad, exit=64)
        self.assertIn("say why", self.belfry(
            "silence", "add", "--for", "1h", "a=b", exit=64).stderr)
        self.assertIn('"db1" is no matcher', self.belfry(
            *self.ADD, "--for", "1h", "db1", exit=64).stderr)
        self.assertEqual(self.asked(), [])

    def test_list(self):
        row = {"id": SILENCE, "state": "expired", "matchers": ['a="b"',
               'c!="\x1bd"'], "starts_ms": 1699990000000,
               "ends_ms": 1700000000000, "updated_ms": 1699990000000,
               "created_by": "anna", "comment": "new disk"}
        active = dict(row, state="active", ends_ms=(NOW + 7435) * 1000)
        pending = dict(row, state="pending", starts_ms=(NOW + 175) * 1000)
        rows = [row, pending, active]
        self.api.answers = {("GET", "silences"): (200, {"silences": rows})}
        lines = self.belfry("silence", "list").stdout.splitlines()
        self.assertRegex(lines[0], rf"^{SILENCE}  active, until \S+ \S+ "
                                   r"\(in 2h03m\) by anna$")
        self.assertEqual(lines[1:3], ['    a="b", c!="?d"', "    new disk"])
        self.assertRegex(lines[3], r"  pending, from \S+ \S+ \(in 2m\) by anna")
        self.assertEqual(len(lines), 6)
        lines = self.belfry("silence", "list", "--all").stdout.splitlines()
        self.assertRegex(lines[6], r"  expired, until 2023-11-14 22:13 "
                                   r"\(\w+ ago\) by anna$")
        for arguments, expected in ((["--json"], [pending, active]),
                                    (["--json", "--all"], rows)):
            self.assertEqual([json.loads(line) for line in self.belfry(
                "silence", "list", *arguments).stdout.splitlines()], expected)
        rows[1:] = []
        self.assertEqual(self.belfry("silence", "list").stdout,
                         "There is no silence.\n")
        self.belfry("silence", "list", SILENCE, exit=64)

    def test_expire(self):
        answer = {"id": SILENCE, "result": "done"}
        self.api.answers = {("DELETE", f"silences/{SILENCE}"): (200, answer)}
        self.assertEqual(self.belfry("silence", "expire", SILENCE).stdout,
                         f"{SILENCE}: expired\n")
        self.assertEqual(json.loads(self.belfry(
            "silence", "expire", "--json", SILENCE).stdout), answer)
        answer["result"] = "already"
        self.assertEqual(self.belfry("silence", "expire", SILENCE).stdout,
                         f"{SILENCE}: already expired\n")
        self.belfry("silence", "expire", SILENCE.replace("5", "6"), exit=66)
        for bad in ([ID], ["../status"], []):
            self.belfry("silence", "expire", *bad, exit=64)


class Mute(Case):
    def test_mute(self):
        self.api.answers = {("POST", "mute"): (200, MUTE),
                            ("POST", "unmute"): (200, {"muted": False})}
        out = self.belfry("mute", "--for", "30m", "--reason", "the rack").stdout
        self.assertRegex(out, r"^MUTED since .* by anna: the rack\nAlerts are "
                              r"taken and kept, and nobody is told\. `belfry "
                              r"unmute` ends it\.\n$")
        self.belfry("mute", "--reason", "the rack")
        soon = int(time.time()) // 60 * 60 + 7200
        self.belfry("mute", "--reason", "the rack", "--until",
                    time.strftime("%H:%M", time.localtime(soon)))
        self.assertEqual(self.belfry("unmute").stdout,
                         "People are told again.\n")
        self.api.answers["POST", "unmute"] = (
            200, {"muted": False, "result": "already"})
        self.assertEqual(self.belfry("unmute").stdout, "Nothing was muted.\n")
        self.assertEqual([json.loads(body) for _, _, body in self.api.asked], [
            {"who": WHO, "reason": "the rack", "for_ms": 1800000},
            {"who": WHO, "reason": "the rack"},
            {"who": WHO, "reason": "the rack", "until_ms": soon * 1000},
            {"who": WHO}, {"who": WHO}])

    def test_wrong(self):
        for bad in ([], ["--for", "1h"], ["--reason", ""],
                    ["--reason", "x", "--for", "soon"],
                    ["--reason", "x", "--for", "0s"], ["--reason", "x", "y"],
                    ["--reason", "x", "--for", "8d"],
                    ["--reason", "x", "--until", "2026-01-01"],
                    ["--reason", "x", "--for", "1h", "--until", "08:00"],
                    ["--reason", b"\xff"]):
            self.belfry("mute", *bad, exit=64)
        self.belfry("unmute", "now", exit=64)
        self.belfry("clock", "accept", "now", exit=64)
        self.assertEqual(self.asked(), [])

    def test_clock(self):
        self.api.answers = {
            ("POST", "clock-accept"): (200, {"result": "done"})}
        self.assertIn("is taken to be right",
                      self.belfry("clock", "accept").stdout)
        self.api.answers = {
            ("POST", "clock-accept"): (200, {"result": "already"})}
        self.assertEqual(self.belfry("clock", "accept").stdout,
                         "Nobody doubted the clock.\n")


class Status(Case):
    WELL = {"loaded": True, "open": 3, "stale": 0, "resolved": 7, "acked": 1,
            "suppressed": 0, "flapping": 0, "groups": 2, "silences": 0,
            "notices_out": 0, "failed": 0, "suspended": [],
            "mute": {"muted": False}, "clock_doubt": False}
    ILL = dict(WELL, loaded=False, stale=1, suppressed=2, flapping=1,
               silences=1, notices_out=4, failed=2, mute=MUTE,
               clock_doubt=True, suspended=[{
                   "channel": "mail", "address": "ben@example.net",
                   "until_ms": 1700000000000, "words": "550 5.1.1 \x1bno"}])

    def status(self, alerts, *arguments, exit=0):
        self.api.answers = {("GET", "status"): (200, dict(
            STATUS, alerts=alerts, queue=dict(STATUS["queue"], oldest_ms={})))}
        return self.belfry("status", *arguments, exit=exit).stdout

    def test_well(self):
        out = self.status(self.WELL)
        self.assertIn("\nalerts     3 open, 1 acknowledged\n", out)
        self.assertNotIn("clock", out)
        self.assertIn("BELFRY OK", self.status(self.WELL, "--check"))

    def test_ill(self):
        out = self.status(self.ILL)
        self.assertRegex(out, "^MUTED since ")
        self.assertIn(
            "\nalerts     3 open, 1 no longer reported, 1 acknowledged, "
            "2 silenced or held back, 1 flapping, 4 not told yet; still "
            "being read\n"
            "not told   ben@example.net (mail), until the next alert tries it: "
            "550 5.1.1 ?no\n"
            "           2 other addresses took nothing when tried last; `belfry "
            "alert show ID` says why\n"
            "clock      DOUBTED, so that nothing expires; when it is right: "
            "`belfry clock accept`\n", out)
        self.assertIn(
            "BELFRY WARNING - alerts are muted, 1 address for alerts does not "
            "exist, 2 addresses took no alert, the clock is doubted; 3 ",
            self.status(self.ILL, "--check", exit=1))

    def test_none(self):
        self.api.answers = {("GET", "status"): (200, STATUS)}
        self.assertNotIn("alerts", self.belfry("status").stdout)


if __name__ == "__main__":
    unittest.main()
