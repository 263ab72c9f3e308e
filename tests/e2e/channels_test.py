"""Every channel but mail against a server that misbehaves: what can arrive
arrives, once where it was said to have arrived; what can't does no harm."""
import http.client
import json
import os
import shutil
import stat
import time

import harness  # first: it knows where lab is
import bad_http
import ca
import lab
from bad_http import (CLOSE, CUT_IN_BODY, CUT_IN_HEAD, GIANT, OK, SILENT,
                      say)

WEB = ("slack", "webhook", "pagerduty", "ntfy", "teams")
ROUTING_KEY = "R0UT1NGKEY"


def alert(name, **labels):
    return json.dumps([{"labels": {"alertname": name, "severity": "critical",
                                   **labels},
                        "annotations": {"summary": f"{name} is there"}}])


class Channels(harness.Case):
    def secret(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text + "\n")
        os.chmod(path, 0o600)
        if lab.IS_ROOT:
            shutil.chown(path, "nobody")
        return path

    def receiver(self, bad):
        """A receiver of all channels of WEB, each at its own path of BAD."""
        return {
            "name": "team",
            "slack": [{"url_file": self.secret("slack", bad.url("/slack"))}],
            "webhook": [{"url": bad.url("/webhook"),
                         "secret_file": self.secret("key", "s3cret"),
                         "token_file": self.secret("token", "t0ken")}],
            "pagerduty": [{"url": bad.url("/pagerduty"), "routing_key_file":
                           self.secret("pagerduty", ROUTING_KEY)}],
            "ntfy": [{"url": bad.url("/ntfy")}],
            "teams": [{"url_file": self.secret("teams", bad.url("/teams"))}]}

    def start(self, receivers):
        belfryd = self.prepare(lab.merge(harness.SOON, {"alerts": {
            "receivers": receivers,
            "route": {"receiver": receivers[0]["name"],
                      "group_wait": "1s"}}}))
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

    def all_meet(self, steps, requests):
        """Each channel meets STEPS, and it takes so many REQUESTS."""
        bad = self.serve({f"/{name}": steps for name in WEB})
        self.start([self.receiver(bad)])
        self.post(alert("Disk"))
        for name in WEB:
            with self.subTest(channel=name):
                bad.wait(f"/{name}", requests)
        self.wait_empty()
        for name in WEB:
            self.assertEqual(len(bad.of(f"/{name}")), requests, name)
        return bad

    def delivered(self, count):
        self.wait_events(count, "deliver", status="delivered")

    def test_well(self):
        bad = self.all_meet([OK], 1)
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

    def test_500(self):
        self.all_meet([say(500, b"rollup_error"), OK], 2)
        self.delivered(len(WEB))

    def test_503_with_a_time(self):
        self.all_meet([say(503, Retry_After="1"), OK], 2)
        self.delivered(len(WEB))

    def test_429(self):
        """None comes before the time that was asked for."""
        bad = self.serve({"/slack": [say(429, Retry_After="5"), OK]})
        receiver = self.receiver(bad)
        self.start([{"name": "team", "slack": receiver["slack"]}])
        self.post(alert("Disk"))
        bad.wait("/slack", 1)
        self.post(alert("Load"))
        began = time.monotonic()
        bad.wait("/slack", 3)
        self.assertGreater(time.monotonic() - began, 3)
        self.wait_empty()
        self.delivered(2)

    def test_redirect(self):
        """It is not followed; when it is mended all arrives."""
        bad = self.serve({"/slack": [say(302, Location="/elsewhere")]})
        receiver = self.receiver(bad)
        self.start([{"name": "team", "slack": receiver["slack"]}])
        self.post(alert("Disk"))
        bad.wait("/slack", 1)
        self.wait_events(1, "destination_down")
        self.assertEqual(bad.of("/elsewhere"), [])
        self.assertEqual(len(self.queue()), 1)

    def test_cut_off_in_the_head(self):
        self.all_meet([CUT_IN_HEAD, OK], 2)
        self.delivered(len(WEB))

    def test_no_answer(self):
        self.all_meet([CLOSE, OK], 2)
        self.delivered(len(WEB))

    def test_cut_off_in_the_body(self):
        """It was said to have arrived."""
        self.all_meet([CUT_IN_BODY, OK], 1)
        self.delivered(len(WEB))

    def test_giant(self):
        self.all_meet([GIANT, OK], 1)
        self.delivered(len(WEB))

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

    def test_dead_hook(self):
        """It is tried once, and the fallback is told."""
        bad = self.serve({"/slack": [say(404, b"no_service")]})
        receiver = self.receiver(bad)
        self.start([{"name": "team", "slack": receiver["slack"],
                     "fallback": {"receiver": "boss"}},
                    {"name": "boss", "ntfy": receiver["ntfy"]}])
        self.post(alert("Disk"))
        bad.wait("/ntfy", 1)
        self.assertEqual(len(bad.of("/slack")), 1)
        (told,) = self.wait_events(1, "deliver", status="bounced")
        self.assertIn("404", told["reply"])
        self.assertIn("no_service", told["reply"])

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

    def test_secret_is_no_url(self):
        """That is said with the place in the configuration."""
        self.prepare({"alerts": {"receivers": [
            {"name": "team", "slack": [{"url_file": self.secret(
                "slack", "https://hooks.example:99999/x")}]}],
            "route": {"receiver": "team"}}})
        with self.assertRaises(lab.Failed) as failed:
            self.belfryd.start()
        self.belfryd.process = None # it has ended, as it should
        self.assertIn("team/slack/0", str(failed.exception))
        self.assertNotIn("99999", str(failed.exception))


if __name__ == "__main__":
    harness.main()
