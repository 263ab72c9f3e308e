"""log.addresses: whatever happens to mail, no line of the log names who wrote it
or who was to get it, also where the other server's reply does."""
import os
import re
import signal
import subprocess

import harness
import lab

# In no other word of the log.
NAMES = ["qanna", "qben", "qcarl", "qdora", "qemil", "qfaul", "qbox",
         "qgina", "qhugo"]
DEBUG = {"log": {"level": "debug"}}


class Privacy(harness.Case):
    def script(self, verb, argument):
        """Every reply quotes what it is about."""
        if verb == "RCPT" and ("qcarl" in argument or "qgina" in argument):
            return "550 5.1.1 " + argument.split(":", 1)[1] + ": no such user"
        if verb == "RCPT" and "qdora" in argument:
            return "451 4.2.1 mailbox of 'QDora@example.net' is full."
        if verb == ".":
            return "250 2.0.0 taken for " + argument.recipients[0]
        return None

    def live(self, mode):
        """All that mail can meet; the log."""
        self.sink.script = self.script
        belfryd = self.prepare(lab.merge(
            lab.merge(harness.SOON, DEBUG), {"log": {"addresses": mode}}))
        boxes = os.path.join(belfryd.folder, "boxes")
        os.mkdir(boxes, 0o700)
        if lab.IS_ROOT:
            os.chown(boxes, os.stat(belfryd.folder).st_uid, -1)
        belfryd.config["routes"] = [
            {"match": f"{name}.example", "deliver": "maildir",
             "path": os.path.join(path, "{local}")}
            for name, path in (("here", boxes), ("gone", boxes + "/none"))]
        belfryd.config["alerts"] = {
            "mail": ["qgina@example.net", "qhugo@example.net"],
            "route": {"group_wait": "1s"}}
        belfryd.write_config()
        belfryd.start()
        belfryd.cli("alert", "send", "--title", "a disk is full", "--key", "d")
        # Delivered, bounced to its sender, deferred; into Maildirs, one of
        # which can't be written.
        self.send(sender="qanna@example.org",
                  to=["qben@example.net", "qcarl@example.net",
                      "qdora@example.net", "qbox@here.example",
                      "qbox@gone.example"])
        # A bounce that fails: nobody can be told.
        self.send(sender="", to=["qcarl@example.net"])
        client = self.client()
        client.mail("qemil@example.org")
        self.assertEqual(client.rcpt("qemil@[nonsense")[0] // 100, 5)
        client.docmd("RCPT", "TO:<qfaul@exam ple.org> qfaul@example.org")
        lab.wait_for(lambda: belfryd.events("double_bounce") and
                     belfryd.events("deliver", status="deferred") and
                     belfryd.events("maildir_failed") and
                     belfryd.events("alert_failed") and
                     belfryd.events("alert_suspended") and
                     len(belfryd.events("deliver", status="delivered")) >= 3,
                     lambda: "all that is told\n" + belfryd.log())
        belfryd.cli("queue", "hold", "--to", "qdora@example.net")
        belfryd.cli("pause", "--reason", "qanna@example.org asked for it")
        belfryd.signal(signal.SIGHUP)
        self.wait_events(1, "reload")
        self.assertEqual(belfryd.stop(), 0)
        return belfryd.log()

    def says_nothing(self, log):
        for line in log.splitlines():
            for name in NAMES:
                self.assertNotIn(name, line.lower())
        self.assertRegex(log, r"event=operator .*asked for it")
        self.assertRegex(log, r'msgid="?<\d+@example\.org>')

    def test_domain(self):
        log = self.live("domain")
        self.says_nothing(log)
        (bounced,) = [e for e in self.belfryd.events(
            "deliver", status="bounced") if e["tries"] == "1"][:1]
        for event in bounced, *self.belfryd.events("alert_failed")[:1], \
                *self.belfryd.events("alert_suspended"):
            self.assertEqual(event["to"], "@example.net")
            self.assertEqual(event["reply"],
                             "550 5.1.1 <@example.net>: no such user")

    def test_hash(self):
        log = self.live("hash")
        self.says_nothing(log)
        self.assertNotIn("@example.net", log)
        token = self.token("qcarl@example.net")
        bounced = self.belfryd.events("deliver", to=token)
        # The same address is the same token, whatever line it stands in.
        self.assertEqual(len(bounced), 2)
        self.assertEqual(bounced[0]["reply"],
                         f"550 5.1.1 <{token}>: no such user")
        (failed,) = self.belfryd.events("alert_suspended")
        self.assertEqual(failed["to"], self.token("qgina@example.net"))
        self.assertTrue(self.belfryd.events(
            "accept", **{"from": self.token("qanna@example.org")}))

    def token(self, address):
        """As docs/privacy.md says to find it."""
        path = os.path.join(lab.REPO, "docs", "privacy.md")
        with open(path, encoding="utf-8") as file:
            line = re.search(r"^```sh\n(.*sha256sum.*)\n```", file.read(),
                             re.M)[1]
        self.assertIn("anna@example.org", line)
        done = subprocess.run(
            ["sh", "-ec", line.replace("anna@example.org", address)],
            capture_output=True, text=True, timeout=30, check=True)
        return done.stdout.strip()

    def test_plain(self):
        """The other way round: what the two look for is there otherwise."""
        log = self.live("plain").lower()
        for name in NAMES[:5] + NAMES[7:9]:
            self.assertIn(name, log)


if __name__ == "__main__":
    harness.main()
