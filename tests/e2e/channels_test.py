"""Every channel but mail against a server that misbehaves: what can arrive
arrives, once where it was said to have arrived; what can't does no harm."""
import http.client
import json
import os
import shutil
import signal
import stat
import typing

import harness  # first: it knows where lab is
import bad_http
import ca
import lab
from bad_http import (CLOSE, CUT_IN_BODY, CUT_IN_HEAD, DRIP, GIANT, OK,
                      SILENT, say)

WEB = ("slack", "webhook", "pagerduty", "ntfy", "teams")
ROUTING_KEY = "R0UT1NGKEY"


def one(name, **labels):
    return {"labels": {"alertname": name, "severity": "critical", **labels},
            "annotations": {"summary": f"{name} is there"}}


def alert(name):
    return json.dumps([one(name)])


class Case(harness.Case):
    def secret(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text + "\n")
        os.chmod(path, 0o600)
        if lab.IS_ROOT:
            shutil.chown(path, "nobody")
        return path

    def receiver(self, bad, name="team", at=""):
        """A receiver of all channels of WEB, each called "0" and at its own path
        of BAD, below AT."""
        def url(channel):
            return bad.url(f"{at}/{channel}")

        def file(channel, text):
            return self.secret(f"{name}-{channel}", text)

        channels = {
            "slack": [{"url_file": file("slack", url("slack"))}],
            "webhook": [{"url": url("webhook"),
                         "secret_file": file("key", "s3cret"),
                         "token_file": file("token", "t0ken")}],
            "pagerduty": [{"url": url("pagerduty"), "routing_key_file":
                           file("pagerduty", ROUTING_KEY)}],
            "ntfy": [{"url": url("ntfy")}],
            "teams": [{"url_file": file("teams", url("teams"))}]}
        return {"name": name, **{key: [{"name": "0", **entry[0]}]
                                 for key, entry in channels.items()}}

    def start(self, receivers, **route):
        belfryd = self.prepare(lab.merge(harness.SOON, {"alerts": {
            "receivers": receivers,
            "route": {"receiver": receivers[0]["name"],
                      "group_wait": "1s", **route}}}))
        belfryd.config["http"] = [{"address": f"127.0.0.1:{belfryd.http}",
                                   "serve": ["api", "metrics", "alerts"]}]
        belfryd.write_config()
        return belfryd.start()

    def serve(self, steps=None, tls=None):
        bad = bad_http.BadHttp(steps, tls).start()
        self.addCleanup(bad.stop)
        return bad

    def setUp(self):
        super().setUp()
        self.folder = harness.new_folder(self, "channels")

    def post(self, body):
        client = http.client.HTTPConnection("127.0.0.1", self.belfryd.http,
                                            timeout=60)
        try:
            client.request("POST", "/api/v2/alerts", body,
                           {"Content-Type": "application/json"})
            answer = client.getresponse()
            self.assertEqual(answer.status, 200, answer.read())
        finally:
            client.close()

    def delivered(self, count):
        self.wait_events(count, "deliver", status="delivered")


def each(count, **other):
    """How often each channel of WEB is asked."""
    return {**dict.fromkeys(WEB, count), **other}


class Bad(typing.NamedTuple):
    """What a channel meets, and what follows."""
    steps: list
    asked: dict            # how often, for one alert
    says: str = ""         # is in the log
    pause: float = 0       # seconds between the first and the second request
    fate: str = "delivered"
    gone: tuple = ()       # no second alert goes there


BAD = {
    "error": Bad([say(500, b"rollup_error"), OK], each(2),
                 "500: rollup_error"),
    "late": Bad([say(408), OK], each(2), "408"),
    "gateway": Bad([say(502), OK], each(2), "502"),
    "away": Bad([say(503, Retry_After="1"), OK], each(2), "503", 1),
    "too_many": Bad([say(429, Retry_After="4"), OK], each(2), "429", 4),
    # At the end of a kept connection libcurl asks once more by itself.
    "no_answer": Bad([CLOSE, OK], each(2)),
    "cut_in_head": Bad([CUT_IN_HEAD, OK], each(2), "4.4.2"),
    "silent": Bad([SILENT, OK], each(2), "no answer within 15 s", 15),
    "drip": Bad([DRIP, OK], each(2), "no answer within 15 s", 15),
    # It was said to have arrived.
    "cut_in_body": Bad([CUT_IN_BODY, OK], each(1), "200"),
    "giant": Bad([GIANT, OK], each(1), "200"),
    "redirect": Bad([say(302, Location="/elsewhere"), OK], each(1),
                    "which is not followed", fate="waits"),
    # Slack's text goes once more, without blocks.
    "form": Bad([say(400, b"invalid_blocks")], each(1, slack=2),
                "400: invalid_blocks", fate="bounced"),
    "forbidden": Bad([say(403)], each(1), "403", fate="bounced",
                     gone=("slack", "teams")),
    "no_hook": Bad([say(404, b"no_service")], each(1), "404: no_service",
                   fate="bounced", gone=("slack", "teams")),
    "gone": Bad([say(410)], each(1), "410", fate="bounced",
                gone=("slack", "teams", "webhook")),
    "too_large": Bad([say(413)], each(1), "5.3.4 413", fate="bounced"),
}


class Misbehaves(Case):
    """Every channel meets every row, all at once."""

    def begin(self):
        self.bad = self.serve({f"/{row}/{name}": bad.steps
                               for row, bad in BAD.items() for name in WEB})
        hook = {"webhook": [{"url": self.bad.url("/boss")}]}
        self.start(
            [{"name": "own", "ntfy": [{"url": self.bad.url("/own")}]},
             {"name": "boss", **hook},
             *({**self.receiver(self.bad, row, f"/{row}"),
                "fallback": {"receiver": "boss"}} for row in BAD)],
            group_by=["alertname", "row"],
            routes=[{"receiver": row, "matchers": [f'row="{row}"']}
                    for row in BAD])

    def fire(self, name, rows):
        self.post(json.dumps([one(name, row=row) for row in rows]))

    def all_asked(self, times):
        """TIMES: {row: {channel: requests}}."""
        for row, channels in times.items():
            for name, count in channels.items():
                self.bad.wait(f"/{row}/{name}", count)

    def check(self, row, name):
        bad, to = BAD[row], f"{row}/{name}/0"
        first, *more = self.bad.of(f"/{row}/{name}")
        if bad.pause:
            self.assertGreater(more[0].time - first.time, bad.pause - 0.1)
        for other in more[:bad.asked[name] - 1]:
            self.assertEqual(other.fields.get("idempotency-key"),
                             first.fields.get("idempotency-key"))
        said = [event.get("reply", "") for event in
                self.belfryd.events("deliver", to=to) +
                self.belfryd.events("destination_down", dest=to)]
        self.assertTrue(any(bad.says in reply for reply in said), said)

    def fates(self):
        """{row: {channel: [status, ...]}}; what is only later is left out."""
        found = {row: {name: [] for name in WEB} for row in BAD}
        for event in self.belfryd.events("deliver"):
            row, name, *_ = event["to"].split("/")
            if row in BAD and event["status"] != "deferred":
                found[row][name].append(event["status"])
        return found

    def test_all(self):
        refused = [row for row, bad in BAD.items() if bad.fate == "bounced"]
        asked = {row: dict(bad.asked) for row, bad in BAD.items()}
        fates = {row: {name: [bad.fate] for name in WEB}
                 for row, bad in BAD.items()}
        fates["redirect"] = each([])
        self.begin()
        self.fire("First", BAD)
        self.all_asked({row: asked[row] for row in refused})
        lab.wait_for(lambda: all(self.fates()[row] == fates[row]
                                 for row in refused), "what is refused")
        self.fire("Second", refused)
        for row in refused:
            for name in set(WEB) - set(BAD[row].gone):
                asked[row][name] *= 2
                fates[row][name] *= 2
        self.all_asked(asked)
        lab.wait_for(lambda: self.fates() == fates,
                     lambda: f"{fates}, not {self.fates()}")
        for row in BAD:
            for name in WEB:
                with self.subTest(row=row, channel=name):
                    self.check(row, name)
                    self.assertEqual(len(self.bad.of(f"/{row}/{name}")),
                                     asked[row][name])
        self.assertEqual(self.bad.of("/elsewhere"), [])
        # Somebody else hears of what can't arrive, and of nothing else.
        self.bad.wait("/boss", 2 * len(refused))
        self.assertEqual(
            sorted((a["labels"]["alertname"], a["labels"]["row"])
                   for request in self.bad.of("/boss")
                   for a in json.loads(request.body)["alerts"]),
            sorted((name, row) for name in ("First", "Second")
                   for row in refused))
        # When the URL is mended all arrives.
        self.assertEqual(len(self.queue()), len(WEB))
        self.belfryd.cli("queue", "flush", "--all")
        self.all_asked({"redirect": each(2)})
        self.wait_empty()


class Channels(Case):
    def test_well(self):
        bad = self.serve()
        self.start([self.receiver(bad)])
        self.post(alert("Disk"))
        self.delivered(len(WEB))
        for name in WEB:
            (request,) = bad.of(f"/{name}")
            self.assertEqual(request.method, "POST")
            self.assertIn(b"Disk", request.body +
                          request.fields.get("title", "").encode())
        (hook,) = bad.of("/webhook")
        self.assertEqual(hook.fields["authorization"], "Bearer t0ken")
        self.assertRegex(hook.fields["belfry-signature"],
                         "^sha256=[0-9a-f]{64}$")
        self.assertIn("idempotency-key", hook.fields)
        (page,) = bad.of("/pagerduty")
        event = json.loads(page.body)
        self.assertEqual(event["routing_key"], ROUTING_KEY)
        self.assertEqual(event["event_action"], "trigger")
        # Neither the log nor the queue tells what is secret.
        for secret in (ROUTING_KEY, "t0ken", "/slack"):
            self.assertNotIn(secret, self.belfryd.log().replace(
                "team/slack", ""))

    def test_slow(self):
        """A stop waits for none that hangs."""
        bad = self.serve({f"/{name}": [SILENT] for name in WEB})
        self.start([self.receiver(bad)])
        self.post(alert("Disk"))
        for name in WEB:
            bad.wait(f"/{name}", 1)
        self.assertEqual(self.belfryd.stop(), 0)
        for name in WEB:
            self.assertEqual(len(bad.of(f"/{name}")), 1)

    def test_down(self):
        """Nobody is there for a while; belfryd is killed meanwhile."""
        bad = self.serve()
        port = bad.port
        receiver = self.receiver(bad)
        bad.stop()
        self.start([receiver])
        self.post(alert("Disk"))
        self.wait_events(len(WEB), "destination_down")
        self.belfryd.kill()
        self.belfryd.start()
        up = bad_http.BadHttp(port=port).start()
        self.addCleanup(up.stop)
        for name in WEB:
            up.wait(f"/{name}", 1)
        self.wait_empty()
        for name in WEB:
            self.assertEqual(len(up.of(f"/{name}")), 1)

    def test_slack_without_blocks(self):
        """What Slack finds wrong in a message's form costs nobody the alert."""
        bad = self.serve({"/slack": [say(400, b"invalid_blocks"), OK]})
        self.start([{"name": "team",
                     "slack": self.receiver(bad)["slack"]}])
        self.post(alert("Disk"))
        bad.wait("/slack", 2)
        rich, plain = (json.loads(r.body) for r in bad.of("/slack"))
        self.assertIn("blocks", rich)
        self.assertEqual(list(plain), ["text"])
        self.assertIn("Disk", plain["text"])
        self.delivered(1)

    def test_wrong_certificate(self):
        folder = harness.new_folder(self, "ca")
        bad = self.serve(tls=ca.CA(folder).cert("other", "other.example"))
        self.start([{"name": "team", "webhook": [
            {"url": f"https://localhost:{bad.port}/webhook"}]}])
        self.post(alert("Disk"))
        (down,) = self.wait_events(1, "destination_down")
        self.assertIn("certificate", down["reply"])
        self.assertEqual(bad.requests, [])

    def test_certificate_of_our_own(self):
        """Each channel that one may host believes the CA that it was given,
        and no other."""
        own = ca.CA(harness.new_folder(self, "ca"))
        other = ca.CA(harness.new_folder(self, "other-ca"))
        bad = self.serve(tls=own.cert("own", "localhost"))
        url = f"https://localhost:{bad.port}"
        believes = {"ca_file": own.file}
        self.start([{"name": "team", "webhook": [
            {"url": url + "/webhook", **believes},
            {"url": url + "/other", "ca_file": other.file}],
            "ntfy": [{"url": url + "/ntfy", **believes}],
            "slack": [{"url_file": self.secret("slack", url + "/slack"),
                       **believes}]}])
        self.post(alert("Disk"))
        for name in ("webhook", "ntfy", "slack"):
            bad.wait(f"/{name}", 1)
        (down,) = self.wait_events(1, "destination_down")
        self.assertIn("certificate", down["reply"])
        self.assertEqual(bad.of("/other"), [])
        self.delivered(3)

    def test_certificate_that_is_none(self):
        self.start([{"name": "team", "mail": ["anna@example.org"]}])
        hook = {"url": "https://localhost/"}
        self.belfryd.config["alerts"]["receivers"][0]["webhook"] = [hook]
        for path, says in (("/nowhere.pem", "No such file"),
                           (self.secret("none", "x"), "is not a list of certificates"),
                           ("ca.pem", "path")):
            hook["ca_file"] = path
            self.belfryd.write_config()
            done = self.belfryd.cli("check", check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(says, done.stderr + done.stdout)

    def test_program(self):
        """One that fails is run again; its input is a webhook's body."""
        out = os.path.join(self.folder, "out")
        os.mkdir(out)
        os.chmod(out, 0o777)
        script = os.path.join(self.folder, "page")
        with open(script, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\n"
                       f"cat >{out}/input\n"
                       f'printf "%s|" "$@" >>{out}/args\n'
                       f"[ -e {out}/once ] || {{ : >{out}/once; exit 75; }}\n")
        os.chmod(script, stat.S_IRWXU | stat.S_IROTH | stat.S_IXOTH |
                 stat.S_IRGRP | stat.S_IXGRP)
        self.start([{"name": "team", "exec": [
            {"command": [script, "--level={severity}", "{title}"]}]}])
        self.post(alert("Disk"))
        self.wait_events(1, "deliver", status="deferred")
        self.wait_events(1, "deliver", status="delivered")
        self.wait_empty()
        with open(f"{out}/args", encoding="utf-8") as file:
            args = file.read().split("|")
        self.assertEqual(args[0], "--level=critical")
        self.assertEqual(args[:2], args[2:4])
        self.assertIn("Disk", args[1])
        with open(f"{out}/input", encoding="utf-8") as file:
            self.assertEqual(json.load(file)["version"], "4")

    def reload(self, channels):
        self.belfryd.config["alerts"]["receivers"][0] = {
            "name": "team", "fallback": {"receiver": "boss"}, **channels}
        self.belfryd.write_config()
        self.belfryd.signal(signal.SIGHUP)
        self.wait_events(1, "reload")

    def begin(self, bad, path):
        self.start([
            {"name": "team", "webhook": [{"url": bad.url(path)}],
             "fallback": {"receiver": "boss"}},
            {"name": "boss", "webhook": [{"url": bad.url("/boss")}]}],
            group_interval="1s", resolve_hold="0s")
        self.post(alert("Disk"))
        bad.wait(path, 1)

    def test_another_in_front(self):
        """Who heard of it hears of its end, wherever it stands now."""
        bad = self.serve({path: [OK] for path in ("/a", "/new", "/boss")})
        self.begin(bad, "/a")
        self.delivered(1)
        self.reload({"webhook": [{"url": bad.url("/new")},
                                 {"url": bad.url("/a")}]})
        self.post(json.dumps([{**one("Disk"),
                               "endsAt": "2020-01-01T00:00:00Z"}]))
        bad.wait("/a", 2)
        self.wait_empty()
        self.assertEqual([json.loads(request.body)["status"]
                          for request in bad.of("/a")],
                         ["firing", "resolved"])
        self.assertNotIn("resolved", [json.loads(request.body)["status"]
                                      for request in bad.of("/new")])
        self.assertEqual(bad.of("/boss"), [])

    def test_gone(self):
        """What waits for one that is no more is told to another."""
        bad = self.serve({"/a": [say(500)], "/new": [OK], "/boss": [OK]})
        self.begin(bad, "/a")
        self.wait_events(1, "deliver", status="deferred")
        self.reload({"webhook": [{"url": bad.url("/new")}]})
        bad.wait("/boss", 1)
        self.wait_events(1, "deliver", status="bounced")
        self.wait_empty()

    def test_secret_is_no_url(self):
        """That is said with the place in the configuration."""
        self.prepare({"alerts": {"receivers": [
            {"name": "team", "slack": [{"name": "ops", "url_file": self.secret(
                "slack", "https://hooks.example:99999/x")}]}],
            "route": {"receiver": "team"}}})
        with self.assertRaises(lab.Failed) as failed:
            self.belfryd.start()
        self.belfryd.process = None # it has ended, as it should
        self.assertIn("team/slack/ops", str(failed.exception))
        self.assertNotIn("99999", str(failed.exception))


if __name__ == "__main__":
    harness.main()
