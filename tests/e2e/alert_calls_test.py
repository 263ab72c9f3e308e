"""Alerts by /api/v1: what `belfry alert` and its kin are built on."""
import json
import time

import alertmanager
import harness
import lab


class Calls(harness.Case):
    def setUp(self):
        super().setUp()
        self.start(alertmanager.ALERTS)
        self.http = alertmanager.Api(self.belfryd.http)

    def post(self, *names, **labels):
        self.assertEqual(self.http.post("alerts", [
            {"labels": {"alertname": name, **labels}} for name in names])[0],
            200)

    def api(self, method, path, body=None):
        return self.belfryd.api(method, path, body)

    def alerts(self, query=""):
        return self.api("GET", "alerts" + query)["alerts"]

    def one(self, name):
        (found,) = self.alerts(f'?match=alertname="{name}"')
        return found

    def refused(self, status, method, path, body=None):
        """What the HTTP listener says of it, from who is trusted."""
        got, _, said = self.http.ask(method, "/api/v1/" + path,
                                     body and json.dumps(body))
        self.assertEqual(got, status, said)
        self.assertIn("help", said)
        return said

    def test_list(self):
        self.post("A", severity="critical", team="db")
        self.post("B", "C", severity="warning")
        listed = self.alerts()
        self.assertEqual([a["labels"]["alertname"] for a in listed],
                         ["A", "B", "C"])
        first = listed[0]
        self.assertEqual(
            {k: first[k] for k in ("state", "source", "critical", "acked_by",
                                   "flapping", "noise", "closed", "silences",
                                   "inhibited_by", "maintenance", "muted")},
            {"state": "open", "source": "alertmanager", "critical": True,
             "acked_by": "", "flapping": False, "noise": False,
             "closed": False, "silences": [], "inhibited_by": "",
             "maintenance": "", "muted": False})
        self.assertEqual(set(first["receivers"]), {"oncall", "db"})
        self.assertEqual(listed[1]["critical"], False)
        for query, names in (
                ('?match=severity="warning"', "BC"), ("?state=open", "ABC"),
                ("?state=stale,resolved", ""), ("?receiver=db", "A"),
                ("?receiver=team&state=open,stale", "BC"),
                ("?past=1", ""), ('?match={alertname=~"A|C"}', "AC")):
            self.assertEqual("".join(a["labels"]["alertname"]
                                     for a in self.alerts(query)), names,
                             query)

    def test_pages(self):
        self.post(*(f"n{n}" for n in range(25)))
        seen, place = [], ""
        while place is not None:
            page = self.api("GET", "alerts?limit=10" + place)
            self.assertLessEqual(len(page["alerts"]), 10)
            seen += [a["labels"]["alertname"] for a in page["alerts"]]
            place = page["next"] and f"&from={page['next']}"
        self.assertEqual(sorted(seen), sorted(f"n{n}" for n in range(25)))

    def test_acts(self):
        self.post("A")
        ident = self.one("A")["id"]
        for action, field in (("ack", "acked_by"), ("noise", "noise")):
            said = self.api("POST", f"alerts/{ident}/{action}",
                            {"note": "on it", "who": "anna"})
            self.assertEqual(said, {"id": ident, "result": "done"})
            self.assertTrue(self.one("A")[field])
        self.assertEqual(self.one("A")["acked_by"], "anna")
        self.assertGreater(self.one("A")["acked_ms"], 0)
        self.assertEqual(self.api("POST", f"alerts/{ident}/ack")["result"],
                         "already")
        self.api("POST", f"alerts/{ident}/unack")
        self.assertEqual(self.one("A")["acked_by"], "")
        self.api("POST", f"alerts/{ident}/close", {"who": "ben"})
        shown = self.api("GET", f"alerts/{ident}")
        self.assertEqual((shown["state"], shown["closed"]),
                         ("resolved", True))
        history = [(h["what"], h["who"]) for h in shown["history"]]
        self.assertEqual(history[0], ("opened", ""))
        for entry in (("acknowledged", "anna"), ("noise", "anna"),
                      ("closed", "ben")):
            self.assertIn(entry, history)
        self.assertIn("on it", [h["text"] for h in shown["history"]])
        self.assertEqual(self.http.alerts(), [])
        lab.wait_for(lambda: self.belfryd.events(
            "operator", action="close", id=ident), "the log")

    def test_who(self):
        """Over TCP the body does not say who it was."""
        self.post("A")
        ident = self.one("A")["id"]
        status, _, said = self.http.ask(
            "POST", f"/api/v1/alerts/{ident}/ack",
            json.dumps({"who": "somebody else"}))
        self.assertEqual(status, 200, said)
        self.assertEqual(self.one("A")["acked_by"], "127.0.0.1")

    def test_silences(self):
        self.post("A", team="db")
        ident = self.api("POST", "silences", {
            "matchers": ['alertname="A"', 'team=~"d."'], "for_ms": 60000,
            "comment": "why", "who": "anna"})["id"]
        (listed,) = self.api("GET", "silences")["silences"]
        self.assertEqual(
            {k: listed[k] for k in ("id", "state", "matchers", "created_by",
                                    "comment")},
            {"id": ident, "state": "active", "created_by": "anna",
             "matchers": ['alertname="A"', 'team=~"d."'], "comment": "why"})
        # It ends a minute after the question, and starts when it is kept.
        lasts = listed["ends_ms"] - listed["starts_ms"]
        self.assertTrue(0 < lasts <= 60000, lasts)
        self.assertEqual(self.one("A")["silences"], [ident])
        self.assertEqual(self.api("DELETE", f"silences/{ident}"),
                         {"id": ident, "result": "done"})
        self.assertEqual(self.api("DELETE", f"silences/{ident}")["result"],
                         "already")
        self.assertEqual(self.one("A")["silences"], [])
        later = int(time.time() * 1000) + 3600000
        self.api("POST", "silences", {
            "matchers": ['a="x"'], "starts_ms": later,
            "ends_ms": later + 1000})
        self.assertEqual([s["state"] for s in self.api("GET", "silences")[
            "silences"] if s["id"] != ident], ["pending"])

    def test_mute(self):
        self.assertEqual(self.api("GET", "status")["alerts"]["mute"],
                         {"muted": False})
        said = self.api("POST", "mute", {"reason": "moving", "for_ms": 60000,
                                         "who": "anna"})
        self.assertEqual({k: said[k] for k in ("muted", "reason", "who")},
                         {"muted": True, "reason": "moving", "who": "anna"})
        self.assertAlmostEqual(said["until_ms"], time.time() * 1000 + 60000,
                               delta=20000)
        self.assertEqual(said.pop("result"), "done")
        self.assertEqual(self.api("GET", "status")["alerts"]["mute"], said)
        self.post("A")
        self.assertTrue(self.one("A")["muted"])
        for result in ("done", "already"):
            self.assertEqual(self.api("POST", "unmute", {"who": "ben"}),
                             {"muted": False, "result": result})
        self.assertFalse(self.one("A")["muted"])

    def test_malformed(self):
        for body in ("{", "[{}]"):
            self.assertEqual(self.http.post("alerts", body)[0], 400)
        lab.wait_for(lambda: len(self.api("GET", "malformed")["malformed"])
                     == 2, "what was kept")
        newest, oldest = self.api("GET", "malformed")["malformed"]
        self.assertEqual((oldest["source"], oldest["size"], oldest["kept"]),
                         ("alertmanager", 1, 1))
        self.assertTrue(newest["why"])
        for entry, body in ((newest, b"[{}]"), (oldest, b"{")):
            connection = lab.AdminConnection(
                self.belfryd.config["admin_socket"])
            self.addCleanup(connection.close)
            connection.request("GET", f"/api/v1/malformed/{entry['number']}")
            self.assertEqual(connection.getresponse().read(), body)
        self.refused(403, "GET", "malformed")

    def test_status(self):
        self.post("A", "B")
        self.api("POST", f"alerts/{self.one('A')['id']}/ack")
        status = self.api("GET", "status")["alerts"]
        self.assertEqual(
            {k: status[k] for k in ("loaded", "open", "stale", "resolved",
                                    "acked", "suppressed", "suspended",
                                    "clock_doubt")},
            {"loaded": True, "open": 2, "stale": 0, "resolved": 0, "acked": 1,
             "suppressed": 0, "suspended": [], "clock_doubt": False})
        self.assertEqual(self.api("POST", "clock-accept"),
                         {"result": "already"})

    def test_noise(self):
        said = self.api("GET", "noise?days=3")
        self.assertEqual(said["rules"], [])
        # Until the report was made, which takes a moment.
        self.assertAlmostEqual(said["until_ms"] - said["since_ms"],
                               3 * 86400000, delta=60000)

    def test_refused(self):
        self.post("A")
        ident = self.one("A")["id"]
        for path in ("alerts?state=half", "alerts?match=a", "alerts?limit=0",
                     "alerts?limit=1001", "alerts?from=x", "alerts?x=1",
                     "alerts?past=1&state=open", "alerts?past=1&receiver=a",
                     "noise?days=0", "noise?days=91"):
            self.refused(400, "GET", path)
        nobody = "11111111-1111-1111-1111-111111111111"
        for method, path in (("GET", "alerts/0000000000001"),
                             ("POST", "alerts/0000000000001/ack"),
                             ("POST", f"alerts/{ident}/resolve"),
                             ("DELETE", f"silences/{nobody}")):
            self.refused(404, method, path)
        good = {"matchers": ['a="x"'], "for_ms": 1000}
        for change in ({"matchers": []}, {"matchers": "a=b"},
                       {"matchers": ["a"]}, {"matchers": [3]},
                       {"matchers": ['a=~".*"']}, {"for_ms": 0},
                       {"for_ms": -1}, {"ends_ms": 5}, {"comment": 3},
                       {"comment": "x" * 501}, {"starts_ms": "now"},
                       {"for_ms": None, "ends_ms": None}, {"what": 1},
                       {"matchers": [f'a{n}="{"x" * 90}"'
                                     for n in range(64)]}):
            self.refused(400, "POST", "silences", {**good, **change})
        for times in ({"ends_ms": 5}, {"ends_ms": 253402300800000},
                      {"for_ms": 253402300800000}, {"for_ms": (1 << 63) - 1},
                      {"starts_ms": 9, "ends_ms": 8}):
            said = self.refused(400, "POST", "silences", {
                "matchers": good["matchers"], **times})
            self.assertEqual(said["error"], "bad times")
            self.assertIn("in the year 9999 at the latest", said["help"])
        for body in ({}, {"reason": ""}, {"reason": "x" * 256},
                     {"reason": "x", "for_ms": 0},
                     {"reason": "x", "for_ms": 8 * 86400000},
                     {"reason": "x", "until_ms": 5}):
            self.refused(400, "POST", "mute", body)
        self.refused(400, "POST", f"alerts/{ident}/ack", {"note": "x" * 501})
        self.refused(400, "POST", f"alerts/{ident}/ack", {"note": 3})
        self.refused(405, "PUT", "alerts")


if __name__ == "__main__":
    harness.main()
