"""/api/v2 beside the packaged Alertmanager: the same calls, and answers that
are the same field by field; amtool; and who may what."""
import datetime
import http.client
import json
import re
import threading
import time
import urllib.parse

import alertmanager
import harness
import lab

ALERTS = [
    {"labels": {"alertname": "A", "instance": "db1", "severity": "critical",
                "team": "db"},
     "annotations": {"summary": "full \u00e4"},
     "generatorURL": "http://p.example.org/graph?g0.expr=a%3D1&g0.tab=1"},
    {"labels": {"alertname": "A", "instance": "db1", "severity": "warning"},
     "annotations": {}, "startsAt": "2026-01-01T10:00:00.123Z",
     "endsAt": alertmanager.at(36000)},
    {"labels": {"alertname": "B", "instance": "db2"}}]


def silence(comment, matchers=None, starts=0, ends=3600, **more):
    return {"matchers": matchers or [{"name": "alertname", "value": "B",
                                      "isRegex": False}],
            "startsAt": alertmanager.at(starts),
            "endsAt": alertmanager.at(ends), "createdBy": "anna",
            "comment": comment, **more}


def moment(text):
    if text.startswith("0001-"):
        return 0
    return datetime.datetime.fromisoformat(
        text.replace("Z", "+00:00")).timestamp()


class Beside(harness.Case):
    """Both are asked the same."""

    def setUp(self):
        super().setUp()
        self.start(alertmanager.ALERTS)
        self.ours = alertmanager.Api(self.belfryd.http)

    def with_peer(self):
        self.peer = alertmanager.Peer(self)
        return self.ours, self.peer

    def same(self, ours, theirs, place=""):
        """Times may be some seconds apart, since they are of the post."""
        if isinstance(theirs, dict):
            self.assertEqual(set(ours), set(theirs), place)
            for key, value in theirs.items():
                self.same(ours[key], value, f"{place}.{key}")
        elif isinstance(theirs, list):
            self.assertEqual(len(ours), len(theirs), place)
            for i, value in enumerate(theirs):
                self.same(ours[i], value, f"{place}[{i}]")
        elif re.search(r"\.(updatedAt|startsAt|endsAt)$", place):
            self.assertRegex(ours, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
                                   r"\.\d{3}Z$")
            self.assertAlmostEqual(moment(ours), moment(theirs), delta=20,
                                   msg=place)
        else:
            self.assertEqual(ours, theirs, place)

    def same_answer(self, path, **params):
        answers = [api.get(path, **params) for api in (self.ours, self.peer)]
        self.assertEqual(answers[0][0], answers[1][0], (path, params))
        self.assertEqual(answers[0][1]["Content-Type"],
                         answers[1][1]["Content-Type"])
        if answers[1][0] == 200:
            self.same(answers[0][2], answers[1][2], f"{path} {params} ")
        else:
            self.assertEqual(type(answers[0][2]), type(answers[1][2]))

    def post_to_both(self, alerts):
        for api in self.with_peer():
            status, _, body = api.post("alerts", alerts)
            self.assertEqual((status, body), (200, ""))
            lab.wait_for(lambda: [
                a for g in api.get("alerts/groups")[2] for a in g["alerts"]
                if a["status"]["state"] == "suppressed"],
                "groups, and what is inhibited in them")

    @alertmanager.ALERTMANAGER
    def test_listings(self):
        self.post_to_both(ALERTS)
        for path in ("alerts", "alerts/groups"):
            for params in (
                    {}, {"filter": 'alertname="A"'}, {"filter": "alertname=A"},
                    {"filter": ['alertname="A"', 'severity!="critical"']},
                    {"filter": 'instance=~"db[12]"'}, {"filter": 'x=""'},
                    {"filter": "bad"}, {"filter": ""}, {"filter": 'a=~"("'},
                    {"active": "false"}, {"active": "maybe"},
                    {"active": "yes"}, {"active": ""},
                    {"inhibited": "false"}, {"silenced": "false"},
                    {"unprocessed": "false"}, {"receiver": "on.*"},
                    {"receiver": "onc"}, {"receiver": "("},
                    {"receiver": "team|db"}, {"nonsense": "1"}):
                with self.subTest(path, **params):
                    self.same_answer(path, **params)
        self.same_answer("receivers")

    @alertmanager.ALERTMANAGER
    def test_no_name(self):
        """Labels stay as they came: nobody adds one."""
        for api in self.with_peer():
            self.assertEqual(api.post("alerts", [
                {"labels": {"instance": "db9"}}])[0], 200)
            self.assertEqual(api.post("alerts", [
                {"labels": {"a": "past"}, "startsAt": "1969-01-01T00:00:00Z",
                 "endsAt": "1969-12-31T23:59:59Z"}])[0], 200)
            lab.wait_for(lambda api=api: len(api.alerts()) == 1, "the alert")
        self.same_answer("alerts")

    @alertmanager.ALERTMANAGER
    def test_empty(self):
        self.with_peer()
        for path in ("alerts", "alerts/groups", "receivers", "silences"):
            self.same_answer(path)
        for path in ("/-/ready", "/-/healthy"):
            self.assertEqual([api.ask("GET", path)[0] for api in (
                self.ours, self.peer)], [200, 200])

    @alertmanager.ALERTMANAGER
    def test_status(self):
        """Every member is there, as clients take it to be."""
        ours, theirs = [api.get("status")[2] for api in self.with_peer()]

        def shape(value):
            if isinstance(value, dict):
                return {k: shape(v) for k, v in value.items()}
            return type(value)
        self.assertEqual(shape(ours), shape(theirs))
        self.assertEqual(ours["cluster"], theirs["cluster"])

    @alertmanager.ALERTMANAGER
    def test_refused_posts(self):
        """400 as there, also where its framework says 422."""
        self.with_peer()
        for body in ("{", "{}", [{}], [{"labels": {}}],
                     [{"labels": {"a b": "x"}}], [{"labels": {"a": 1}}],
                     [{"labels": {"a": ""}}], [{"labels": {"": "x"}}],
                     [{"labels": {"a": "x"}, "startsAt": "yesterday"}],
                     [{"labels": {"a": "x"}, "startsAt": alertmanager.at(9),
                       "endsAt": alertmanager.at(8)}]):
            with self.subTest(body):
                status, headers, said = self.ours.post("alerts", body)
                self.assertEqual(status, 400)
                self.assertIsInstance(said, str)
                self.assertEqual(headers["Content-Type"], "application/json")
                self.assertIn(self.peer.post("alerts", body)[0], (400, 422))
        for body in ([], "[]"):
            self.assertEqual(self.ours.post("alerts", body)[0], 200)
        self.assertEqual(self.ours.alerts(), [])

    def test_half_understood(self):
        """As there: what is good is taken, and the rest refused."""
        status, _, said = self.ours.post("alerts", [
            {"labels": {"alertname": "good"}}, {"labels": {}}])
        self.assertEqual(status, 400, said)
        self.assertEqual([a["labels"] for a in self.ours.alerts()],
                         [{"alertname": "good"}])
        (kept,) = self.belfryd.api("GET", "malformed")["malformed"]
        self.assertEqual(kept["source"], "alertmanager")

    @alertmanager.ALERTMANAGER
    def test_methods_and_paths(self):
        self.with_peer()
        for method, path in (("PUT", "alerts"), ("DELETE", "alerts"),
                             ("DELETE", "silences"), ("POST", "status"),
                             ("GET", "nonsense"), ("GET", "silence/"),
                             ("GET", "silence/nonsense"),
                             ("DELETE", "silence/nonsense"),
                             ("POST", "silence/" + "1" * 36)):
            with self.subTest(method=method, path=path):
                ours, theirs = [api.ask(method, "/api/v2/" + path)
                                for api in (self.ours, self.peer)]
                self.assertEqual(ours[0], theirs[0])
                self.assertEqual(ours[2]["code"], theirs[2]["code"])
                self.assertEqual(
                    set((ours[1]["Allow"] or "").split(",")),
                    set((theirs[1]["Allow"] or "").split(",")))
        for kind in ("text/plain", "application/x-www-form-urlencoded"):
            self.assertEqual([api.ask(
                "POST", "/api/v2/alerts", "[]", {"Content-Type": kind})[0]
                for api in (self.ours, self.peer)], [415, 415])

    @alertmanager.ALERTMANAGER
    def test_silences(self):
        self.post_to_both(ALERTS)
        bodies = (
            silence("one"),
            silence("later", [{"name": "alertname", "value": "A|C",
                               "isRegex": True, "isEqual": False}], 1800),
            silence("two", [{"name": "alertname", "value": "A",
                             "isRegex": False},
                            {"name": "severity", "value": ".+",
                             "isRegex": True, "isEqual": True}], -60, 7200))
        for api in (self.ours, self.peer):
            for body in bodies:
                status, _, said = api.post("silences", body)
                self.assertEqual(status, 200, said)
                self.assertRegex(said["silenceID"], r"^[0-9a-f-]{36}$")
        for params in ({}, {"filter": 'alertname="B"'},
                       {"filter": 'alertname=~"B"'}, {"filter": "bad"},
                       {"filter": ['alertname="A"', 'severity=~".+"']}):
            ours, theirs = [api.get("silences", **params) for api in (
                self.ours, self.peer)]
            self.assertEqual(ours[0], theirs[0])
            if ours[0] == 200:
                self.same([{**s, "id": s["comment"]} for s in ours[2]],
                          [{**s, "id": s["comment"]} for s in theirs[2]])
        for api in (self.ours, self.peer):
            ids = {s["comment"]: s["id"] for s in api.get("silences")[2]}
            lab.wait_for(lambda: sum(
                bool(a["status"]["silencedBy"]) for a in api.alerts()) == 3,
                "what is silenced")
            self.assertEqual(
                [a["status"] for a in api.alerts(filter="alertname=B")],
                [{"inhibitedBy": [], "silencedBy": [ids["one"]],
                  "state": "suppressed"}])
            self.assertEqual(api.alerts(silenced="false"), [])
            self.change(api, ids["two"])
            self.end(api, ids["one"])

    def change(self, api, ident):
        """Another end is the same silence, other matchers are a new one."""
        before = api.get(f"silence/{ident}")[2]
        status, _, said = api.post("silences", {
            **before, "endsAt": alertmanager.at(9000), "comment": "longer"})
        self.assertEqual((status, said), (200, {"silenceID": ident}))
        status, _, said = api.post("silences", {
            **before, "matchers": [{"name": "alertname", "value": "Z",
                                    "isRegex": False}]})
        self.assertEqual(status, 200)
        self.assertNotEqual(said["silenceID"], ident)
        self.assertEqual(api.get(f"silence/{ident}")[2]["status"],
                         {"state": "expired"})
        self.assertEqual(api.post("silences", silence("x", id="1" * 8 + (
            "-1111" * 3) + "-" + "1" * 12))[::2], (404, "silence not found"))
        self.assertEqual(api.post("silences", silence(
            "x", id="nonsense"))[::2], (404, "silence not found"))

    def end(self, api, ident):
        for _ in range(2):
            self.assertEqual(api.ask("DELETE", f"/api/v2/silence/{ident}")[
                ::2], (200, ""))
        self.assertEqual(api.get(f"silence/{ident}")[2]["status"],
                         {"state": "expired"})
        nobody = "11111111-1111-1111-1111-111111111111"
        self.assertEqual(api.get(f"silence/{nobody}")[::2], (404, ""))
        self.assertEqual(api.ask("DELETE", f"/api/v2/silence/{nobody}")[::2],
                         (500, "silence not found"))
        lab.wait_for(lambda: [a["status"]["state"] for a in api.alerts(
            filter="alertname=B")] == ["active"], "the end of a silence")

    @alertmanager.ALERTMANAGER
    def test_refused_silences(self):
        self.with_peer()
        good = silence("x")
        bodies = ["", "{", "[]", "{}"]
        for name in good:
            bodies.append({k: v for k, v in good.items() if k != name})
        for matcher in ({"name": "a", "value": "(", "isRegex": True},
                        {"name": "a b", "value": "x", "isRegex": False},
                        {"name": "a", "value": "", "isRegex": False},
                        {"name": "a", "value": ".*", "isRegex": True},
                        {"name": "a", "value": "x"}):
            bodies.append(silence("x", [matcher]))
        bodies += [silence("x", starts=100, ends=50),
                   silence("x", starts=-100, ends=-50),
                   {**good, "matchers": []}]
        for body in bodies:
            with self.subTest(body):
                status, _, said = self.ours.post("silences", body)
                self.assertEqual(status, 400)
                self.assertIsInstance(said, str)
                self.assertIn(self.peer.post("silences", body)[0], (400, 422))
        self.assertEqual(self.ours.post("silences", silence("x", [
            {"name": f"a{n}", "value": "x" * 90, "isRegex": False}
            for n in range(64)]))[::2],
            (400, "silence invalid: it is too long"))
        self.assertEqual(self.ours.get("silences")[2], [])

    @alertmanager.ALERTMANAGER
    def test_recovery(self):
        """What an end in the past says is over is not listed."""
        self.post_to_both(ALERTS)
        for api in (self.ours, self.peer):
            self.assertEqual(api.post("alerts", [
                {**ALERTS[0], "endsAt": alertmanager.at(-60)}])[0], 200)
            lab.wait_for(lambda: [
                a["status"]["inhibitedBy"] for a in api.alerts(
                    filter="alertname=A")] == [[]],
                "what it inhibited to be alone")

    def test_killed(self):
        """What was answered is there again afterwards."""
        self.assertEqual(self.ours.post("alerts", ALERTS)[0], 200)
        self.assertEqual(self.ours.post("silences", silence("x"))[0], 200)
        lab.wait_for(lambda: self.ours.alerts(silenced="false",
                                              filter="alertname=B") == [],
                     "the silence")
        before = [self.ours.get(path)[2] for path in (
            "alerts", "alerts/groups", "silences")]
        self.belfryd.kill()
        self.belfryd.start()
        after = [self.ours.get(path)[2] for path in (
            "alerts", "alerts/groups", "silences")]
        self.same(after[0], before[0], "alerts ")
        self.same(after[1], before[1], "groups ")
        self.assertEqual(after[2], before[2])

    @alertmanager.AMTOOL
    def test_amtool(self):
        tool = self.ours.tool
        tool("alert", "add", "alertname=T", "x=1", "--annotation=summary=hey",
             "--generator-url=http://g.example.org/")
        self.assertIn("hey", tool("alert", "query", "alertname=T").stdout)
        self.assertEqual(json.loads(tool(
            "alert", "query", "-o", "json", "alertname=U").stdout), [])
        ident = tool("silence", "add", "alertname=~T.*", "x=1", "-c", "why",
                     "-a", "anna", "-d", "1h").stdout.strip()
        listed = tool("silence", "query").stdout
        for what in (ident, 'alertname=~"T.*"', 'x="1"', "why", "anna"):
            self.assertIn(what, listed)
        lab.wait_for(lambda: "T" not in tool("alert", "query").stdout,
                     "the silence")
        self.assertIn("suppressed", tool("alert", "query", "-s").stdout)
        self.assertIn("longer", tool("silence", "update", "-d", "2h", "-c",
                                     "longer", ident).stdout)
        self.assertEqual(tool("silence", "query", "-q").stdout.split(),
                         [ident])
        tool("silence", "expire", ident)
        self.assertEqual(tool("silence", "query", "-q").stdout, "")
        self.assertIn(ident, tool("silence", "query", "--expired").stdout)
        lab.wait_for(lambda: "T" in tool("alert", "query").stdout,
                     "the end of the silence")
        done = tool("silence", "expire",
                    "11111111-1111-1111-1111-111111111111", check=False)
        self.assertIn("silence not found", done.stderr)

    @alertmanager.AMTOOL
    @alertmanager.ALERTMANAGER
    def test_amtool_config(self):
        """The configuration that is shown is one, and routes as ours does."""
        self.with_peer()
        tool = self.ours.tool
        for question in (("show",), ("test", "severity=critical", "team=db"),
                         ("test", "severity=critical", "instance=web1",
                          "job=x"), ("test", "team=db"), ("test", "a=b")):
            self.assertEqual(tool("config", "routes", *question).stdout,
                             self.peer.tool("config", "routes",
                                            *question).stdout)
        shown = tool("config", "routes", "show").stdout
        for line in ("default-route  receiver: team",
                     '{severity="critical"}  continue: true  receiver: oncall',
                     '{team="db"}  receiver: db'):
            self.assertIn(line, shown)
        self.assertEqual(tool("config", "routes", "test", "severity=critical",
                              "team=db").stdout, "oncall,db\n")
        self.assertIn("receiver: \"team\"", tool("config", "show").stdout)
        self.assertIn("disabled", tool("cluster", "show").stdout)


class Many(harness.Case):
    def test_ten_thousand(self):
        """One body of 10,000 alerts, and a listing of all of them."""
        self.start(alertmanager.ALERTS)
        api = alertmanager.Api(self.belfryd.http)
        alerts = [{"labels": {"alertname": "N", "n": str(n), "pad": "x" * 300},
                   "annotations": {"summary": "y" * 100}}
                  for n in range(10000)]
        self.assertEqual(api.post("alerts", alerts)[0], 200)
        answers = []
        asked = [threading.Thread(target=lambda: answers.append(
            len(api.alerts()))) for _ in range(4)]
        for thread in asked:
            thread.start()
        for thread in asked:
            thread.join()
        self.assertEqual(answers, [10000] * 4)
        self.assertEqual(len(api.alerts(filter='n=~"1.*"')), 1111)
        self.assertEqual(api.post("alerts", alerts + alerts[:1])[0], 400)
        self.assertEqual(api.ask("POST", "/api/v2/alerts", None, {
            "Content-Length": str((8 << 20) + 1)})[0], 413)

    def test_storm(self):
        """Prometheus sends no batch again: all of them are taken."""
        self.start(alertmanager.ALERTS)
        client = http.client.HTTPConnection("127.0.0.1", self.belfryd.http,
                                            timeout=60)
        self.addCleanup(client.close)
        for batch in range(300):
            client.request("POST", "/api/v2/alerts", json.dumps([{"labels": {
                "alertname": "N", "n": f"{batch}-{n}"}} for n in range(64)]),
                           {"Content-Type": "application/json"})
            answer = client.getresponse()
            self.assertEqual((answer.status, answer.read()), (200, b""))
        self.assertEqual(len(alertmanager.Api(self.belfryd.http).alerts()),
                         300 * 64)

    def test_costly_filters(self):
        """Expressions that never end are refused, and hold nobody up."""
        self.start(alertmanager.ALERTS)
        api = alertmanager.Api(self.belfryd.http)
        for source in range(4):
            self.assertEqual(api.post("alerts", [{"labels": {
                "alertname": "N", "host": "a" * 40, "n": f"{source}-{n}"}}
                for n in range(1000)])[0], 200)
        costly = [f'host=~"((a|aa)+)+[bc]{{{n}}}"' for n in range(1, 9)]
        stop, waits = threading.Event(), []

        def look():
            while not stop.wait(0.01):
                began = time.monotonic()
                self.belfryd.get("/healthz")
                waits.append(time.monotonic() - began)

        looks = threading.Thread(target=look)
        looks.start()
        try:
            for path in ("/api/v2/alerts?" + urllib.parse.urlencode(
                            [("filter", text) for text in costly]),
                         "/api/v2/alerts/groups?" + urllib.parse.urlencode(
                             [("filter", text) for text in costly]),
                         "/api/v1/alerts?" + urllib.parse.urlencode(
                             {"match": ",".join(costly)})):
                status, body = self.belfryd.get(path)
                self.assertEqual(status, 400, path)
                self.assertIn("take too much to compare", body)
            self.assertEqual(self.belfryd.get("/api/v2/alerts?receiver="
                                              "((d|de)*)*x")[0], 200)
        finally:
            stop.set()
            looks.join()
        self.assertGreater(len(waits), 1)
        self.assertLess(max(waits), 1)
        # What ends is answered, also where it takes several turns.
        page = self.belfryd.get("/api/v1/alerts?limit=10&" +
                                urllib.parse.urlencode({"match": ",".join(
                                    ['n=~".*3.*-.*9.*9"'] * 64)}))
        page = json.loads(page[1])
        self.assertEqual(len(page["alerts"]), 10)
        self.assertIsNotNone(page["next"])
        self.assertEqual(len(api.alerts(filter='n=~".*3.*-.*9.*9"')), 19)

    def test_bodies_that_do_not_end(self):
        """All together they are held to a ceiling; then there is room again."""
        self.start(alertmanager.ALERTS)
        api = alertmanager.Api(self.belfryd.http)
        head = (b"POST /api/v2/alerts HTTP/1.1\r\nHost: x\r\nContent-Type: "
                b"application/json\r\nContent-Length: 8000000\r\n\r\n")
        clients = []
        for _ in range(15): # 20 may come from one address
            client = http.client.HTTPConnection("127.0.0.1", api.port)
            client.connect()
            self.addCleanup(client.close)
            client.sock.sendall(head + b" " * 7000000)
            clients.append(client)
        self.assertEqual(api.get("status")[0], 200)
        with open(f"/proc/{self.belfryd.pid}/status",
                  encoding="ascii") as status:
            held = int(re.search(r"RssAnon:\s+(\d+)", status.read())[1])
        if "asan" not in lab.program("belfryd"):
            self.assertLess(held, 250 * 1024)
        for client in clients:
            client.close()
        lab.wait_for(lambda: api.post("alerts", [{"labels": {
            "alertname": "A"}}])[0] == 200, "room for a body")


if __name__ == "__main__":
    harness.main()
