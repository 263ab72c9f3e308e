"""Where sources post their alerts: who may, what is answered, what is kept."""
import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import signal
import socket
import threading
import time

import harness
import lab
from auth_test import AuthCase

SAMPLES = os.path.join(os.environ.get("BELFRY_CONFORMANCE") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "shared",
    "conformance"), "alerts")
SECRET, TOKEN = "a secret of ours", "tokentokentoken1"
DOWN = {"monitorID": "7", "monitorFriendlyName": "shop", "alertType": "1"}
QUICK = {"group_wait": "1s"}


def prometheus(name, **more):
    return [{"labels": {"alertname": name, "severity": "critical"},
             "annotations": {"summary": f"{name} happened"}, **more}]


class HooksCase(AuthCase):
    """A belfryd that is posted to."""

    def secret(self, name, text):
        path = os.path.join(self.belfryd.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        if os.geteuid() == 0:
            os.chown(path, 0, 65534)
        os.chmod(path, 0o640)
        return path

    def begin_with(self, *sources, trust=("loopback",), users=None, **alerts):
        belfryd = self.prepare()
        belfryd.config["alerts"] = {
            "mail": ["anna@example.org"], "sources": list(sources), **alerts}
        belfryd.config["http"][0].update(
            serve=["api", "metrics", "alerts"], trust=list(trust))
        if users:
            belfryd.config["users_file"] = self.write_users(**users)
        belfryd.write_config()
        return belfryd.start()

    def ask(self, path, body=b"", method="POST", **fields):
        """(status, fields, text)"""
        if not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        fields = {k.replace("_", "-"): v for k, v in fields.items()}
        fields.setdefault("Content-Type", "application/json")
        client = http.client.HTTPConnection("127.0.0.1", self.belfryd.http,
                                            timeout=60)
        try:
            client.request(method, path, body, fields)
            answer = client.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            client.close()

    def status(self, *args, **fields):
        return self.ask(*args, **fields)[0]

    def counted(self, source, result):
        return self.belfryd.metric("belfry_alert_events_total", source=source,
                                   result=result)

    def look(self):
        """From now on loopback is trusted, and may see what was counted."""
        self.belfryd.config["http"][0]["trust"] = ["loopback"]
        self.belfryd.write_config()
        self.reload()

    def refused(self, count, **fields):
        self.wait_events(count, "alert_refused", **fields)


class Hooks(HooksCase):
    # --- by which name ------------------------------------------------------------

    def test_names_of_others(self):
        """A page may give its own name our address: then its visitor's browser
        is trusted, and only the name tells."""
        self.begin_with(users={"r": ("secret", "rights: [read]")},
                        url="https://alerts.example.org:8443/x")
        config, port = self.belfryd.config, self.belfryd.http
        config["http"][0]["names"] = ["belfry.mon.example.org"]
        self.belfryd.write_config()
        self.reload()
        paths = ("/api/v1/status", "/api/v1/alerts", "/api/v2/alerts",
                 "/api/v2/silences", "/api/v2/status")
        for host in ("evil.example", f"evil.example:{port}", "evil.example.",
                     "127.0.0.1.evil.example", "localhost.evil.example",
                     "evillocalhost.x", "[evil.example]", "x" * 300):
            for path in paths:
                self.assertEqual(self.status(path, method="GET", Host=host),
                                 421, (host, path))
        silence = {"matchers": [{"name": "a", "value": "b", "isRegex": False}],
                   "startsAt": "2026-01-01T00:00:00Z", "comment": "x",
                   "endsAt": "2030-01-01T00:00:00Z", "createdBy": "x"}
        self.assertEqual(self.status("/api/v2/silences", silence,
                                     Host="evil.example"), 421)
        self.assertEqual(self.status("/api/v2/alerts", prometheus("A"),
                                     Host="evil.example",
                                     Origin="http://evil.example"), 401)
        for host in ("127.0.0.1", f"127.0.0.1:{port}", "[::1]:1", "10.0.0.1",
                     "localhost", "LOCALHOST:1", "a.localhost", "belfry",
                     config["hostname"], config["hostname"] + ".:80",
                     "alerts.example.org", "belfry.mon.example.org:8025"):
            for path in paths:
                self.assertEqual(self.status(path, method="GET", Host=host),
                                 200, (host, path))
        # Who says who they are, and who says nothing that others must not know.
        self.assertEqual(self.status("/api/v1/status", method="GET",
                                     Host="evil.example",
                                     Authorization="Basic cjpzZWNyZXQ="),
                         200)
        self.assertEqual(self.status("/metrics", method="GET",
                                     Host="evil.example"), 200)
        self.assertEqual(self.status("/hooks/uptimerobot", DOWN,
                                     Host="evil.example"), 200)
        self.assertEqual(self.status("/api/v2/alerts", prometheus("A"),
                                     Host="evil.example"), 200)
        (event,) = self.wait_events(1, "host_refused")
        self.assertEqual(event["host"], "evil.example")

    # --- what becomes of it -----------------------------------------------------

    def test_to_a_mail(self):
        self.begin_with(route=QUICK)
        self.assertEqual(self.status("/hooks/uptimerobot", DOWN), 200)
        (mail,) = self.sink.wait(1, 60)
        self.assertIn("shop", mail.header("Subject"))
        self.assertEqual(self.counted("uptimerobot", "firing"), 1)

    def test_prometheus_behind_a_prefix(self):
        self.begin_with(route=QUICK)
        path = "/hooks/alertmanager/api/v2/alerts"
        status, _, text = self.ask(path, prometheus("Disk"))
        self.assertEqual((status, text), (200, ""))
        (mail,) = self.sink.wait(1, 60)
        self.assertIn("Disk", mail.header("Subject"))
        # As Alertmanager: what is good is taken beside what is not.
        status, fields, text = self.ask(path, prometheus("A") + [{
            "labels": {}}])
        self.assertEqual((status, json.loads(text)),
                         (400, "an alert without labels"))
        self.assertEqual(fields["Content-Type"], "application/json")
        self.assertEqual(self.counted("alertmanager", "firing"), 2)
        self.assertEqual(self.counted("alertmanager", "malformed"), 1)

    def test_labels_that_are_too_many_or_too_long(self):
        """Each is known by all that was said of it, and so is its end."""
        self.begin_with(route={**QUICK, "resolve_hold": "0s"})

        def post(**times):
            return self.status("/hooks/alertmanager/api/v2/alerts", json.dumps([
                {"labels": {"alertname": "Long", "query": "x" * 3000 + end},
                 **times} for end in "ab"] + [
                {"labels": {"alertname": "Many", **{
                    f"l{i}": "v" * 40 for i in range(200)}}, **times}]))

        def told(word):
            """Of both, in one mail or in one each."""
            said = [m.content.decode() for m in list(self.sink.messages)]
            return all(any(word in text and name in text for text in said)
                       for name in ("Long", "Many"))

        self.assertEqual(post(), 200)
        lab.wait_for(lambda: told("FIRING"), "three that fire", 60)
        self.assertEqual(post(endsAt="2026-01-01T00:00:00Z",
                              startsAt="2025-01-01T00:00:00Z"), 200)
        lab.wait_for(lambda: told("RESOLVED"), "the end of three", 60)
        self.assertEqual(self.counted("alertmanager", "malformed"), 0)

    def test_malformed_is_kept(self):
        self.begin_with()
        status, _, text = self.ask("/hooks/uptimerobot", '{"a": ')
        self.assertEqual(status, 400)
        self.assertIn("no JSON", text)
        self.assertEqual(self.counted("uptimerobot", "malformed"), 1)
        (event,) = self.wait_events(1, "alert_malformed")
        self.assertEqual(event["source"], "uptimerobot")

    def test_an_event_that_is_no_alert(self):
        self.begin_with()
        status, _, text = self.ask("/hooks/github", {"zen": "x"},
                                   X_GitHub_Event="ping")
        self.assertEqual((status, text), (200, "ignored: it is no alert\n"))
        self.assertEqual(self.counted("github", "ignored"), 1)

    def test_samples(self):
        """What real senders post, without anything being configured."""
        if not os.path.isdir(SAMPLES):
            self.skipTest("no samples here")
        self.begin_with()
        absent = []
        for name, source in (
                ("alertmanager-webhook-v4.json", "alertmanager"),
                ("alertmanager-webhook-v4.json", "grafana"),
                ("prometheus-api-v2-alerts.json", "alertmanager/api/v2/alerts"),
                ("sentry-event_alert.json", "sentry"),
                ("sentry-issue.json", "sentry"),
                ("sentry-metric_alert.json", "sentry"),
                ("sentry-legacy-plugin.json", "sentry"),
                ("uptimerobot-webhook-down.json", "uptimerobot"),
                ("uptimerobot-webhook-up.json", "uptimerobot"),
                ("uptimerobot-webhook.form.txt", "uptimerobot"),
                ("statuspage-component-update.json", "statuspage"),
                ("statuspage-incident-investigating.json", "statuspage"),
                ("statuspage-incident-resolved.json", "statuspage"),
                ("papertrail-counts.payload.json", "papertrail"),
                ("papertrail-events.payload.json", "papertrail"),
                ("papertrail-events.form.http", "papertrail"),
                ("github-issues-upptime.json", "github")):
            if not os.path.exists(os.path.join(SAMPLES, name)):
                absent.append(name)
                continue
            with open(os.path.join(SAMPLES, name), "rb") as file:
                body = file.read()
            fields = {}
            if name.endswith(".http"):
                body = re.split(rb"\r?\n\r?\n", body, maxsplit=1)[1]
            if "form" in name:
                fields["Content_Type"] = "application/x-www-form-urlencoded"
            fields.update(self.sample_fields(name))
            status, _, text = self.ask(f"/hooks/{source}", body, **fields)
            self.assertEqual(status, 200, (name, text))
            self.assertNotIn("ignored", text, name)
        if absent:
            self.skipTest("not here: " + ", ".join(absent))

    def sample_fields(self, name):
        """Those of its own that the sender sends with it."""
        path = os.path.join(SAMPLES, name.replace(".json", ".headers"))
        if not path.endswith(".headers") or not os.path.exists(path):
            return {}
        with open(path, encoding="utf-8") as file:
            lines = [line for line in file if not line.startswith("#")]
        return {k.strip(): v.strip() for k, v in
                (line.split(":", 1) for line in lines if ":" in line)}

    def test_large(self):
        """It is read beside the loop."""
        self.begin_with()
        alerts = [alert for n in range(2000)
                  for alert in prometheus(f"A{n % 3}")]
        for n, alert in enumerate(alerts):
            alert["labels"]["instance"] = f"host{n}"
        self.assertEqual(self.status("/hooks/alertmanager/api/v2/alerts",
                                     alerts), 200)
        self.assertEqual(self.counted("alertmanager", "firing"), 2000)

    # --- what is there ------------------------------------------------------------

    def test_paths(self):
        self.begin_with({"name": "mails", "kind": "mail",
                         "domains": ["example.org"]})
        for path, status in (
                ("/hooks/", 404), ("/hooks/nobody", 404),
                ("/hooks/mails", 404), ("/hooks/cli", 404),
                ("/hooks/own", 404), ("/hooks/uptimerobot/api/v2/alerts", 404),
                ("/hooks/generic/a/b", 404), ("/hooks/generic", 200)):
            self.assertEqual(self.status(path, {"title": "x"}), status, path)
        self.wait_events(7, "alert_refused", source="", status="404",
                         reason="name")
        for method, path, status in (
                ("GET", "/hooks/generic?title=x", 403),
                ("GET", "/hooks/uptimerobot?monitorID=1&alertType=1", 403),
                ("PUT", "/hooks/generic?title=x", 200),
                ("GET", "/hooks/sentry", 405),
                ("DELETE", "/hooks/generic", 405)):
            self.assertEqual(self.status(path, method=method), status, path)

    def test_without_alerts(self):
        belfryd = self.prepare()
        belfryd.config["http"][0]["serve"] = ["metrics", "alerts"]
        belfryd.write_config()
        belfryd.start()
        self.assertEqual(self.status("/hooks/generic", {"title": "x"}), 404)

    def test_not_served(self):
        belfryd = self.begin_with()
        belfryd.config["http"][0]["serve"] = ["api", "metrics"]
        belfryd.write_config()
        self.reload()
        self.assertEqual(self.status("/hooks/generic", {"title": "x"}), 404)

    # --- who may -------------------------------------------------------------------

    def test_token(self):
        belfryd = self.prepare()
        self.begin_sources = {"name": "robot", "kind": "uptimerobot",
                              "token_file": self.secret("token", TOKEN)}
        belfryd.config["alerts"] = {
            "mail": ["anna@example.org"],
            "sources": [self.begin_sources, {
                "name": "other", "kind": "generic",
                "token_file": self.secret("other", TOKEN + "2")}]}
        belfryd.config["http"][0].update(serve=["metrics", "alerts"], trust=[])
        belfryd.write_config()
        belfryd.start()
        self.assertEqual(self.status(f"/hooks/robot/{TOKEN}", DOWN), 200)
        self.assertEqual(self.status(
            f"/hooks/robot/{TOKEN}?monitorID=1&alertType=1", method="GET"),
                         200)
        self.assertEqual(self.status("/hooks/robot/another", DOWN), 401)
        self.assertEqual(self.status("/hooks/robot", DOWN), 401)
        # It is no token of any other.
        self.assertEqual(self.status(f"/hooks/generic/{TOKEN}", DOWN), 401)
        self.assertNotIn(TOKEN, belfryd.log())
        self.assertNotIn("another", belfryd.log())
        self.look()
        self.assertEqual(self.counted("robot", "unauthorized"), 2)
        self.assertEqual(self.counted("generic", "unauthorized"), 1)
        self.assertEqual(self.counted("robot", "forbidden"), 0)
        # Who guesses is not heard for long; the source itself, which was there
        # before, is.
        for _ in range(30):
            status = self.status("/hooks/robot/guess", DOWN)
        self.assertEqual(status, 429)
        self.assertEqual(self.status(f"/hooks/robot/{TOKEN}", DOWN), 200)
        self.assertEqual(self.status(f"/hooks/other/{TOKEN}2", DOWN), 429)

    def test_signature(self):
        belfryd = self.prepare()
        belfryd.config["alerts"] = {
            "mail": ["anna@example.org"],
            "sources": [{"name": "up", "kind": "github",
                         "secret_file": self.secret("secret", SECRET)}]}
        belfryd.config["http"][0].update(serve=["metrics", "alerts"], trust=[])
        belfryd.write_config()
        belfryd.start()
        body = json.dumps({
            "action": "opened", "repository": {"full_name": "a/b"},
            "issue": {"number": 1, "title": "down"}})
        good = hmac.digest(SECRET.encode(), body.encode(), "sha256").hex()
        for signature, status in ((f"sha256={good}", 200),
                                  (f"sha256={good[::-1]}", 401),
                                  (good, 401), (None, 401)):
            fields = {"X_Hub_Signature_256": signature} if signature else {}
            self.assertEqual(self.status("/hooks/up", body,
                                         X_GitHub_Event="issues", **fields),
                             status, signature)
        self.refused(3, source="up", status="401", reason="signature",
                     client="127.0.0.1")
        self.look()
        self.assertEqual(self.counted("up", "unauthorized"), 3)
        # Who guesses is not heard for long.
        for _ in range(30):
            status = self.status("/hooks/up", body)
        self.assertEqual(status, 429)
        self.assertEqual(self.status(
            "/hooks/up", body, X_GitHub_Event="issues",
            X_Hub_Signature_256=f"sha256={good}"), 200)

    def test_networks(self):
        self.begin_with(
            {"name": "near", "kind": "generic", "networks": ["loopback"]},
            {"name": "far", "kind": "generic", "networks": ["192.0.2.0/24"]},
            trust=())
        self.assertEqual(self.status("/hooks/near", {"title": "x"}), 200)
        self.assertEqual(self.status("/hooks/far", {"title": "x"}), 403)
        self.refused(1, source="far", status="403", reason="network")
        # Somebody's word for where he is counts for nothing.
        self.assertEqual(self.status("/hooks/near", {"title": "x"},
                                     X_Forwarded_For="192.0.2.1"), 401)
        self.refused(1, source="near", status="401", reason="login")
        self.look()
        self.assertEqual([self.counted(name, result) for name in (
            "far", "near") for result in ("forbidden", "unauthorized")],
                         [1, 0, 0, 1])

    def test_logins(self):
        self.begin_with(trust=(), users={
            "poster": ("secret", "rights: [post]"),
            "reader": ("secret", "rights: [read]")})
        def login(user, password):
            pair = base64.b64encode(f"{user}:{password}".encode()).decode()
            return self.status("/hooks/generic", {"title": "x"},
                               Authorization=f"Basic {pair}")
        self.assertEqual(login("poster", "secret"), 200)
        self.assertEqual(login("reader", "secret"), 403)
        self.assertEqual(login("poster", "wrong"), 401)
        self.assertEqual(self.status("/hooks/generic", {"title": "x"}), 401)
        self.refused(1, source="generic", status="403", reason="rights")
        self.refused(1, source="generic", status="401", reason="login")
        self.refused(1, source="generic", status="401", reason="nobody")
        self.look()
        self.assertEqual(self.counted("generic", "forbidden"), 1)
        self.assertEqual(self.counted("generic", "unauthorized"), 2)

    def test_pages_of_others(self):
        """What a page makes a trusted browser send counts for nothing."""
        self.begin_with({"name": "near", "kind": "generic",
                         "networks": ["loopback"]})
        for fields in ({"Origin": "https://evil.example"},
                       {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"},
                       {"Sec_Fetch_Site": "same-site"}):
            self.assertEqual(self.status("/hooks/generic", {"title": "x"},
                                         **fields), 401, fields)
            for method in ("GET", "POST"):
                self.assertEqual(self.status(
                    "/hooks/near?title=x", method=method, **fields), 401,
                                 fields)
        # An <img> is a GET, and need not say where it comes from.
        for name in ("generic", "near"):
            status, _, said = self.ask(f"/hooks/{name}?title=x", method="GET")
            self.assertEqual(status, 403)
            self.assertIn(f"/hooks/NAME/TOKEN", said)
            self.refused(1, source=name, status="403", reason="get")
            self.assertEqual(self.counted(name, "firing"), 0)
        self.assertEqual(self.status("/hooks/near", {"title": "x"}), 200)

    # --- limits -----------------------------------------------------------------------

    def test_rate_and_body(self):
        self.begin_with({"name": "few", "kind": "generic", "rate": "3/1h",
                         "body": "2K"})
        self.assertEqual(self.status("/hooks/few", {"title": "x" * 4000}), 413)
        self.assertEqual(self.counted("few", "large"), 1)
        self.refused(1, source="few", status="413", reason="size")
        for _ in range(3):
            self.assertEqual(self.status("/hooks/few", {"title": "x"}), 200)
        self.assertEqual(self.status("/hooks/few", {"title": "x"}), 429)
        self.assertEqual(self.counted("few", "limited"), 1)
        self.assertEqual(self.status("/hooks/generic", {"title": "x"}), 200)

    def test_lost(self):
        """What is refused unread is told of, where it is known whose it is."""
        belfryd = self.prepare()
        belfryd.config["alerts"] = {
            "mail": ["anna@example.org"],
            "sources": [
                {"name": "big", "kind": "generic", "body": "2K",
                 "token_file": self.secret("token", TOKEN)},
                {"name": "fast", "kind": "generic", "rate": "1/1h",
                 "networks": ["loopback"]},
                {"name": "signed", "kind": "github", "body": "2K",
                 "secret_file": self.secret("secret", SECRET)}]}
        belfryd.config["http"][0].update(serve=["metrics", "alerts"], trust=[])
        belfryd.write_config()
        belfryd.start()
        large = {"title": "x" * 4000, "state": "resolved"}
        for path, status in (("signed", 413), (f"big/{TOKEN}", 413),
                             ("fast", 200), ("fast", 429), ("fast", 429)):
            body = large if status == 413 else {"title": "x", "status": "ok"}
            self.assertEqual(self.status("/hooks/" + path, body), status)
        belfryd.signal(signal.SIGHUP)

        def told():
            return {alert["labels"]["of"]: alert["annotations"]["summary"]
                    for alert in belfryd.api("GET", "alerts")["alerts"]
                    if alert["labels"]["alertname"] == "BelfryRefused"}
        lab.wait_for(lambda: len(told()) >= 2, "what was lost")
        self.assertEqual(set(told()), {"big", "fast"})
        self.assertIn("a post was too large; ", told()["big"])
        self.assertIn("more posts came than its `rate`; ", told()["fast"])

    def test_rate_is_for_who_may(self):
        """Who may not post uses up nothing of what is for who may."""
        belfryd = self.prepare()
        belfryd.config["alerts"] = {
            "mail": ["anna@example.org"],
            "sources": [{"name": "up", "kind": "generic", "rate": "4/1h",
                         "secret_file": self.secret("secret", SECRET)},
                        {"name": "login", "kind": "generic",
                         "rate": "4/1h"}]}
        belfryd.config["users_file"] = self.write_users(
            poster=("secret", "rights: [post]"))
        belfryd.config["http"][0].update(serve=["metrics", "alerts"], trust=[])
        belfryd.write_config()
        belfryd.start()
        for name in ("up", "login"):
            for _ in range(5):
                self.assertEqual(self.status(
                    f"/hooks/{name}", {"title": "x"},
                    Authorization="Bearer guess"), 401)
        body = json.dumps({"title": "down"})
        signature = hmac.digest(SECRET.encode(), body.encode(), "sha256").hex()
        pair = base64.b64encode(b"poster:secret").decode()
        self.assertEqual(self.status(
            "/hooks/up", body, X_Hub_Signature_256=f"sha256={signature}"), 200)
        self.assertEqual(self.status(
            "/hooks/login", body, Authorization=f"Basic {pair}"), 200)

    def test_hostile_clients(self):
        """One that sends a byte now and then, one with two lengths, and many
        that open a body and leave it: none of them keeps others out."""
        self.begin_with()
        def open_one(text):
            # Of one address not so many are let in as there is room for.
            client = socket.create_connection(
                ("127.0.0.1", self.belfryd.http),
                source_address=("127.0.0.2", 0))
            self.addCleanup(client.close)
            client.sendall(text.encode())
            return client
        head = "POST /hooks/generic HTTP/1.1\r\nHost: x\r\n"
        twice = open_one(head + "Content-Length: 5\r\nContent-Length: 6\r\n"
                         "\r\n{}{}{}")
        twice.settimeout(10)
        try:
            self.assertIn(b" 400 ", twice.recv(100))
        except ConnectionResetError:
            pass # it sent more than anybody wanted to read
        for _ in range(100):
            open_one(head + "Content-Length: 60000\r\n\r\n{")
        slow = open_one(head + "Content-Length: 60000\r\n\r\n")
        stop = threading.Event()
        def drip():
            while not stop.wait(0.05):
                try:
                    slow.sendall(b" ")
                except OSError:
                    return
        thread = threading.Thread(target=drip)
        thread.start()
        try:
            began = time.monotonic()
            self.assertEqual(self.status("/hooks/generic", {"title": "x"}),
                             200)
            self.assertLess(time.monotonic() - began, 5)
        finally:
            stop.set()
            thread.join()

    # --- what lasts ----------------------------------------------------------------------

    def test_full_store(self):
        """What there is no room for is answered with 503, and comes again;
        what was taken is there, also after a sudden end."""
        belfryd = self.begin_with(route={"group_wait": "10m"})
        belfryd.stop()
        belfryd.config["store"]["max_size"] = "16M"
        belfryd.config["limits"] = {"message_size": "5M"}
        belfryd.write_config()
        belfryd.start()

        def batch(n):
            return [{"labels": {"alertname": f"A{n}", "n": str(k)},
                     "annotations": {"description": "x" * 15000}}
                    for k in range(50)]

        def known():
            return len(json.loads(self.ask("/api/v2/alerts", method="GET")[2]))

        for taken in range(60):
            status, fields, text = self.ask("/api/v2/alerts", batch(taken))
            if status != 200:
                break
        self.assertEqual(status, 503, text)
        self.assertIn("full", text)
        self.assertIn("Retry-After", fields)
        self.assertGreater(taken, 3)
        self.assertEqual(self.counted("alertmanager", "later"), 50)
        self.assertEqual(known(), 50 * taken)
        belfryd.kill()
        belfryd.config["store"]["max_size"] = "64M"
        belfryd.write_config()
        belfryd.start()
        self.assertEqual(self.status("/api/v2/alerts", batch(taken)), 200)
        self.assertEqual(known(), 50 * taken + 50)

    def test_answered_is_durable(self):
        belfryd = self.begin_with(route=QUICK)
        self.assertEqual(self.status("/hooks/generic", {
            "title": "the disk is full", "key": "disk"}), 200)
        belfryd.kill()
        belfryd.start()
        (mail,) = self.sink.wait(1, 60)
        self.assertIn("the disk is full", mail.content.decode())


if __name__ == "__main__":
    harness.main()
