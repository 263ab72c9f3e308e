"""Who may what with alerts: by login, by network, and by trust."""
import json

import alert_api_test
import alertmanager
import harness
import lab


class Who(harness.Case):
    """Rights, by login and by trust."""
    USERS = ("poster: {token_file: '%(folder)s/poster', rights: [post]}\n"
             "reader: {token_file: '%(folder)s/reader', rights: [read]}\n"
             "actor: {token_file: '%(folder)s/actor', rights: [act]}\n")

    def begin(self, trust=(), **http_conf):
        belfryd = self.prepare(alertmanager.ALERTS)
        folder = belfryd.folder
        for name in ("poster", "reader", "actor"):
            alertmanager.write(f"{folder}/{name}", name + "-token")
        alertmanager.write(f"{folder}/users.yaml",
                           self.USERS % {"folder": folder})
        belfryd.config["users_file"] = f"{folder}/users.yaml"
        belfryd.config["http"][0].update(trust=list(trust), **http_conf)
        belfryd.write_config()
        belfryd.start()
        self.api = alertmanager.Api(belfryd.http)
        return belfryd

    def ask(self, method, path, body=None, token=None, **more):
        """The status; PATH is of /api/v2, or whole."""
        headers = {"Content-Type": "application/json", **more}
        if token:
            headers["Authorization"] = f"Bearer {token}-token"
        if path[0] != "/":
            path = "/api/v2/" + path
        return self.api.ask(method, path, body, headers)[0]

    def test_rights(self):
        self.begin()
        calls = {
            "read": [("GET", path, None) for path in (
                "alerts", "alerts/groups", "silences", "receivers", "status")],
            "post": [("POST", "alerts", [{"labels": {"a": "x"}}])],
            "act": [("POST", "silences", alert_api_test.silence("x")),
                    ("DELETE", "silence/11111111-1111-1111-1111-"
                     "111111111111", None)]}
        for right, asked in calls.items():
            for call in asked:
                with self.subTest(call):
                    self.assertEqual(self.ask(*call), 401)
                    for user, has in (("reader", "read"), ("poster", "post"),
                                      ("actor", "act")):
                        status = self.ask(*call, token=user)
                        if has == right:
                            self.assertIn(status, (200, 500))
                        else:
                            self.assertEqual(status, 403)

    def test_rights_to_an_alert(self):
        """Who may see and who may post may not say what is done."""
        self.begin()
        for name in ("A", "B"):
            self.assertEqual(self.ask("POST", "alerts", [
                {"labels": {"alertname": name}}], "poster"), 200)
        _, _, said = self.api.ask("GET", "/api/v1/alerts", headers={
            "Authorization": "Bearer reader-token"})
        idents = [alert["id"] for alert in said["alerts"]]
        self.assertEqual(len(idents), 2)
        for ident, actions in zip(idents, (("ack", "unack", "noise"),
                                           ("close",))):
            for action in actions:
                with self.subTest(action):
                    call = ("POST", f"/api/v1/alerts/{ident}/{action}", {})
                    self.assertEqual(self.ask(*call), 401)
                    for user in ("reader", "poster"):
                        self.assertEqual(self.ask(*call, token=user), 403)
                    self.assertEqual(self.belfryd.events("operator", action=action), [])
                    self.assertEqual(self.ask(*call, token="actor"), 200)
                    (event,) = self.wait_events(1, "operator", action=action)
                    self.assertEqual(event["user"], "actor")

    def test_source(self):
        """A source that is configured may be known by its networks."""
        belfryd = self.prepare(lab.merge(alertmanager.ALERTS, {"alerts": {
            "sources": [{"name": "alertmanager", "kind": "alertmanager",
                         "networks": ["loopback"], "body": "2K"}]}}))
        belfryd.config["http"][0]["trust"] = ["192.0.2.1"]
        belfryd.write_config()
        belfryd.start()
        self.api = alertmanager.Api(belfryd.http)
        alert = {"labels": {"alertname": "A"}}
        self.assertEqual(self.ask("POST", "alerts", [alert]), 200)
        self.assertEqual(self.ask("GET", "alerts"), 401)
        self.assertEqual(self.ask("POST", "silences", alert_api_test.silence("x")), 401)
        self.assertEqual(self.ask("POST", "alerts", [alert] * 200), 413)

    def test_counted(self):
        belfryd = self.begin(trust=["loopback"])
        self.ask("POST", "alerts", [
            {"labels": {"alertname": "A"}},
            {"labels": {"alertname": "B"}, "endsAt": alertmanager.at(-9)}])
        self.ask("POST", "alerts", [{}])
        for result in ("firing", "resolved", "malformed"):
            self.assertEqual(belfryd.metric(
                "belfry_alert_events_total", source="alertmanager",
                result=result), 1, result)

    def test_trust(self):
        self.begin(trust=["loopback"])
        self.assertEqual(self.ask("POST", "alerts", [{"labels": {
            "alertname": "A"}}]), 200)
        self.assertEqual(self.ask("POST", "silences", alert_api_test.silence("x")), 200)
        self.assertEqual(self.ask("GET", "alerts"), 200)
        for name in ("X-Forwarded-For", "Forwarded"):
            self.assertEqual(self.ask("GET", "alerts", **{name: "x"}), 401)

    def test_pages_of_others(self):
        """A browser that is trusted does not post a form of another page."""
        belfryd = self.begin(trust=["loopback"])
        body = json.dumps(alert_api_test.silence("x"))
        for kind in ("text/plain", "application/x-www-form-urlencoded",
                     "multipart/form-data; boundary=x"):
            status, _, _ = self.api.ask(
                "POST", "/api/v2/silences", body,
                {"Content-Type": kind, "Origin": "https://evil.example.org"})
            self.assertEqual(status, 415)
        status, _, _ = self.api.ask("OPTIONS", "/api/v2/silences", None, {
            "Origin": "https://evil.example.org",
            "Access-Control-Request-Method": "POST"})
        self.assertEqual(status, 405)
        status, _, _ = self.api.ask(
            "POST", "/api/v1/mute", json.dumps({"reason": "x"}),
            {"Origin": "https://evil.example.org"})
        self.assertEqual(status, 403)
        self.assertEqual(self.api.get("silences")[2], [])
        self.assertEqual(belfryd.api("GET", "silences")["silences"], [])

    def test_not_served(self):
        """`serve` without alerts has nothing of it."""
        self.begin(trust=["loopback"], serve=["api", "metrics"])
        for path in ("/api/v2/status", "/api/v2/alerts", "/alert/x",
                     "/hooks/alertmanager"):
            self.assertEqual(self.api.ask("GET", path)[0], 404)

    def test_without_alerts(self):
        belfryd = self.prepare()
        belfryd.config["http"][0]["serve"].append("alerts")
        belfryd.write_config()
        belfryd.start()
        api = alertmanager.Api(belfryd.http)
        for path in ("/api/v2/status", "/api/v2/alerts", "/api/v1/alerts",
                     "/alert/x?to=y"):
            self.assertEqual(api.ask("GET", path)[0], 404)


if __name__ == "__main__":
    harness.main()
