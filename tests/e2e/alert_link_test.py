"""The links in alerts' mails: what opening them shows, and what pressing a
button does."""
import html
import http.client
import json
import re
import urllib.parse

import alertmanager
import harness
import lab

ANNA = "anna@example.net"
FORM = "application/x-www-form-urlencoded"


class Links(harness.Case):
    def begin(self, **more):
        belfryd = self.prepare({"alerts": {
            "mail": [ANNA], "url": "http://127.0.0.1:1", "route": {
                "group_by": ["job"], "group_wait": "1s"}, **more}})
        belfryd.config["http"][0]["trust"] = []
        belfryd.config["alerts"]["url"] = f"http://127.0.0.1:{belfryd.http}"
        belfryd.config["users_file"] = f"{belfryd.folder}/users.yaml"
        alertmanager.write(f"{belfryd.folder}/token", "post-token")
        alertmanager.write(f"{belfryd.folder}/users.yaml",
                           f"p: {{token_file: '{belfryd.folder}/token', "
                           "rights: [post, read]}\n")
        belfryd.write_config()
        belfryd.start()
        self.api = alertmanager.Api(belfryd.http)
        self.token = {"Authorization": "Bearer post-token",
                      "Content-Type": "application/json"}

    def fire(self, *hosts, **labels):
        status, _, said = self.api.ask("POST", "/api/v2/alerts", json.dumps([
            {"labels": {"alertname": "Disk", "job": "node", "instance": host,
                        **labels},
             "annotations": {"summary": f"<b>{host}</b> is full & slow"}}
            for host in hosts]), self.token)
        self.assertEqual(status, 200, said)

    def links(self, count=1):
        """Those of the last of COUNT mails."""
        text = self.sink.wait(count, 60)[-1].content.decode()
        text = text.replace("=\r\n", "").replace("=3D", "=")
        found = dict.fromkeys(re.findall(
            r"http://127\.0\.0\.1:\d+(/alert/[a-z2-7]{48}\?to=[^\s\"<>]+)",
            text))
        self.assertGreaterEqual(len(found), 2, text)
        return [html.unescape(link) for link in found]

    def ask(self, method, link, form=None, headers=None):
        client = http.client.HTTPConnection("127.0.0.1", self.belfryd.http,
                                            timeout=30)
        try:
            client.request(method, link, form and urllib.parse.urlencode(form),
                           {**({"Content-Type": FORM} if form else {}),
                            **(headers or {})})
            answer = client.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            client.close()

    def press(self, link, act, note="", status=200):
        got, _, page = self.ask("POST", link, {"act": act, "note": note})
        self.assertEqual(got, status, page)
        return page

    def incidents(self):
        return {a["labels"]["instance"]: a
                for a in self.belfryd.api("GET", "alerts")["alerts"]}

    def test_show(self):
        """Opened by whom or what ever: nothing happens, nothing leaks."""
        self.begin()
        self.fire("db1", "db2")
        for link in self.links():
            for method in ("GET", "HEAD", "GET"):
                status, headers, page = self.ask(method, link)
                self.assertEqual(status, 200)
                self.assertEqual(headers["Cache-Control"], "no-store")
                self.assertEqual(headers["Referrer-Policy"], "no-referrer")
                self.assertIn("default-src 'none'",
                              headers["Content-Security-Policy"])
                self.assertEqual(headers["X-Frame-Options"], "DENY")
            self.assertIn("&lt;b&gt;db1&lt;/b&gt; is full &amp; slow", page)
            self.assertIn("2 alerts: Disk", page)
            self.assertIn('value="ack"', page)
            self.assertNotIn("<script", page)
            self.assertNotIn(link.split("?")[0], page)
        for incident in self.incidents().values():
            self.assertEqual(incident["acked_by"], "")
            self.assertEqual(incident["silences"], [])
        self.assertEqual(self.belfryd.api("GET", "silences")["silences"], [])

    def test_acknowledge(self):
        self.begin()
        self.fire("db1", "db2")
        link = self.links()[0]
        self.assertIn("Acknowledged.", self.press(link, "ack", "on it"))
        for incident in self.incidents().values():
            self.assertEqual(incident["acked_by"], ANNA)
        self.assertIn("was so already", self.press(link, "ack"))
        ident = self.incidents()["db1"]["id"]
        history = self.belfryd.api("GET", f"alerts/{ident}")["history"]
        self.assertIn(("acknowledged", ANNA, "on it"), [
            (h["what"], h["who"], h["text"]) for h in history])
        self.press(link, "unack")
        self.assertEqual(self.incidents()["db1"]["acked_by"], "")

    def test_after_a_restart(self):
        """What a mail of before lets one do, it lets one do after a crash, and
        after a stop."""
        self.begin()
        self.fire("db1")
        link = self.links()[0]
        self.belfryd.kill()
        self.start_again()
        self.assertEqual(self.ask("GET", link)[0], 200)
        self.assertIn("Acknowledged.", self.press(link, "ack"))
        self.assertEqual(self.incidents()["db1"]["acked_by"], ANNA)
        self.assertEqual(self.belfryd.stop(), 0)
        self.start_again()
        self.press(link, "unack")
        self.assertEqual(self.incidents()["db1"]["acked_by"], "")

    def start_again(self):
        self.belfryd.start()
        lab.wait_for(lambda: self.incidents().get("db1"), "the records")

    def test_silence(self):
        """What is silenced is what all of the page have in common."""
        self.begin()
        self.fire("db1", "db2")
        link = self.links()[-1]
        for act, seconds in (("silence-1h", 3600), ("silence-4h", 14400),
                             ("silence-1d", 86400)):
            self.assertIn("Silenced.", self.press(link, act, "later"))
            newest = max(self.belfryd.api("GET", "silences")["silences"],
                         key=lambda s: s["ends_ms"])
            self.assertEqual(newest["created_by"], ANNA)
            self.assertEqual(newest["comment"], "later")
            self.assertEqual(newest["matchers"],
                             ['alertname="Disk"', 'job="node"'])
            self.assertAlmostEqual(newest["ends_ms"] - newest["starts_ms"],
                                   seconds * 1000, delta=5000)
        self.press(link, "silence-monday")
        self.assertEqual(len(self.incidents()["db2"]["silences"]), 4)

    def test_silence_of_two(self):
        """Each group of a mail by itself; what they have in common is no reason
        to silence a third one."""
        self.begin(route={"group_by": ["alertname"], "group_wait": "1s"})

        def fire(*names):
            status, _, said = self.api.ask("POST", "/api/v2/alerts", json.dumps(
                [{"labels": {"alertname": name, "cluster": "prod"}}
                 for name in names]), self.token)
            self.assertEqual(status, 200, said)

        fire("Disk", "Load")
        self.assertIn("Silenced.", self.press(self.links()[-1], "silence-1h"))
        self.assertEqual(
            sorted(s["matchers"] for s in
                   self.belfryd.api("GET", "silences")["silences"]),
            [['alertname="Disk"', 'cluster="prod"'],
             ['alertname="Load"', 'cluster="prod"']])
        fire("Down")
        self.assertIn("Down", self.sink.wait(2, 60)[1].content.decode())

    def test_close(self):
        self.begin()
        self.fire("db1")
        link = self.links()[0]
        self.assertIn("Closed.", self.press(link, "close"))
        incident = self.incidents()["db1"]
        self.assertEqual((incident["state"], incident["closed"]),
                         ("resolved", True))
        status, _, page = self.ask("GET", link)
        self.assertEqual(status, 200)
        self.assertIn("Nothing of this is open any more", page)
        self.assertNotIn("<form", page)

    def test_more_than_are_looked_at(self):
        """What is open is counted, behind a thousand that are over, too."""
        self.begin()
        hosts = [f"db{n:04}" for n in range(1200)]
        self.fire(*hosts)
        link = self.links()[0]
        page = self.ask("GET", link)[2]
        self.assertIn("<title>1200 alerts: ", page)
        self.assertIn("and 1150 more", page)

        def over(some):
            status, _, said = self.api.ask(
                "POST", "/api/v2/alerts", json.dumps([
                    {"labels": {"alertname": "Disk", "job": "node",
                                "instance": host},
                     "endsAt": alertmanager.at(-1)} for host in some]),
                self.token)
            self.assertEqual(status, 200, said)

        over(hosts[:1130])
        page = self.ask("GET", link)[2]
        self.assertIn("<title>70 alerts: Disk</title>", page)
        self.assertIn("and 20 more", page)
        self.assertIn("db1130", page)
        over(hosts[1130:-1])
        status, _, page = self.ask("GET", link)
        self.assertEqual(status, 200)
        self.assertIn("<title>&lt;b&gt;db1199", page)
        self.assertIn("Acknowledged.", self.press(link, "ack"))
        (left,) = self.belfryd.api("GET", "alerts?state=open")["alerts"]
        self.assertEqual(left["labels"]["instance"], hosts[-1])
        self.assertEqual(left["acked_by"], ANNA)

    def test_wrong(self):
        self.begin()
        self.fire("db1")
        link = self.links()[0]
        path, to = link.split("?to=")
        changed = ("a" if path[7] != "a" else "b").join((path[:7], path[8:]))
        for wrong in (changed + "?to=" + to, path, path + "?to=",
                      path + "?to=ben%40example.net", path[:-1] + "?to=" + to,
                      "/alert/", "/alert/x?to=" + to,
                      path + "x?to=" + to):
            for method in ("GET", "POST"):
                status, headers, page = self.ask(
                    method, wrong, {"act": "ack"} if method == "POST" else
                    None)
                self.assertEqual(status, 403, wrong)
                self.assertIn("not one of ours", page)
                self.assertEqual(headers["Cache-Control"], "no-store")
        for form in ({"act": "delete"}, {"note": "x"}, {"x": "y"}):
            self.assertEqual(self.ask("POST", link, form)[0], 400)
        self.assertEqual(self.ask("PUT", link)[0], 405)
        self.assertEqual(self.ask("POST", link, {
            "act": "ack", "note": "x" * 20000})[0], 413)
        self.assertEqual(self.incidents()["db1"]["acked_by"], "")
        # The letter case of both may have changed on the way.
        self.assertEqual(self.ask("GET", path.upper().replace(
            "/ALERT/", "/alert/") + "?to=" + to.upper())[0], 200)

    def test_token_is_not_logged(self):
        self.begin()
        self.fire("db1")
        link = self.links()[0]
        self.press(link, "ack")
        lab.wait_for(lambda: self.belfryd.events("operator", action="ack",
                                                 user=ANNA), "the log")
        self.assertNotIn(link[7:40], self.belfryd.log())

    def test_no_url(self):
        """Without `alerts.url` no link is printed."""
        self.start({"alerts": {"mail": [ANNA],
                               "route": {"group_wait": "1s"}}})
        self.api = alertmanager.Api(self.belfryd.http)
        self.assertEqual(self.api.post("alerts", [{"labels": {
            "alertname": "A"}}])[0], 200)
        self.assertNotIn("/alert/",
                         self.sink.wait(1, 60)[0].content.decode())


if __name__ == "__main__":
    harness.main()
