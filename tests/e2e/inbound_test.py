"""Mail for domains of our own: whose is taken, and where it goes."""
import os
import shutil
import signal
import smtplib

import harness
import lab


class Inbound(harness.Case):
    def setUp(self):
        super().setUp()
        self.inner = lab.Sink().start()
        self.addCleanup(self.inner.stop)
        self.mx = lab.free_port()

    def config(self, **more):
        """A port where nobody is trusted, beside the one for clients."""
        return lab.merge({
            "listeners": [
                {"name": "smtp", "role": "submission",
                 "address": f"127.0.0.1:{self.smtp_port}"},
                {"name": "mx", "role": "inbound", "verdict": "none",
                 "address": f"127.0.0.1:{self.mx}"}],
            "domains": ["ours.example", "inner.example"],
            "postmaster": "boss@inner.example",
            "aliases": {"root": ["admin@inner.example"],
                        "team": ["a@inner.example", "b@example.net"]},
            "routes": [{"match": "inner.example", "deliver": "smtp",
                        "via": [self.inner.hop()]}]}, more)

    def start_inbound(self, **more):
        belfryd = self.prepare()
        self.smtp_port = belfryd.smtp
        belfryd.config = lab.merge(belfryd.config, self.config(**more))
        belfryd.write_config()
        return belfryd.start()

    def stranger(self):
        client = smtplib.SMTP("127.0.0.1", self.mx, timeout=60)
        self.addCleanup(client.close)
        client.ehlo("mx.example.net")
        client.mail("someone@example.net")
        return client

    def test_whose_mail(self):
        self.start_inbound()
        client = self.stranger()
        for rcpt, code in [("x@inner.example", 250), ("x@ours.example", 550),
                           ("x@example.net", 550), ("team@ours.example", 250),
                           ("postmaster@ours.example", 250),
                           ("root@localhost", 550),
                           ("x%example.net@inner.example", 550)]:
            self.assertEqual(client.rcpt(rcpt)[0], code, rcpt)
        self.assertEqual(client.rcpt("postmaster")[0], 250)
        self.assertEqual(client.data(harness.message("hello"))[0], 250)
        got = self.inner.wait(1)[0]
        # The postmaster, told twice, gets it once.
        self.assertEqual(sorted(got.recipients),
                         ["a@inner.example", "boss@inner.example",
                          "x@inner.example"])
        self.assertEqual(self.sink.wait(1)[0].recipients, ["b@example.net"])
        self.assertEqual(
            {e["reason"] for e in self.wait_events(4, "refuse")},
            {"unknown", "relay"})

    def test_aliases_file(self):
        """Read at the start and at each reload; a broken one changes
        nothing, and the log names its line."""
        path = os.path.join(harness.new_folder(self, "aliases"), "aliases")

        def write(text):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)

        def taken(rcpt):
            return self.stranger().rcpt(rcpt)[0] == 250

        def reload(event, count):
            belfryd.signal(signal.SIGHUP)
            return self.wait_events(count, event)[-1]

        self.addCleanup(shutil.rmtree, os.path.dirname(path))
        write("sales: carl@inner.example,\n  team\npostmaster: x\n")
        belfryd = self.start_inbound(aliases_file=path)
        self.assertTrue(taken("sales@ours.example"))
        write("sales: carl@inner.example\nmore: |/bin/cat\n")
        found = reload("reload_refused", 1)
        self.assertEqual(found["where"], f"{path}:2:1")
        self.assertTrue(taken("sales@ours.example"))
        write("more: carl@inner.example\n")
        reload("reload", 1)
        lab.wait_for(lambda: taken("more@ours.example"), "the new alias")
        self.assertFalse(taken("sales@ours.example"))
        os.unlink(path)
        reload("reload_refused", 2)
        self.assertTrue(taken("more@ours.example"))

    def test_verify(self):
        """The inner server is asked, and its answer is kept."""
        known = {"TO:<x@inner.example>": None,
                 "TO:<boss@inner.example>": None}
        self.inner.script = lambda verb, argument: (
            "550 5.1.1 who?" if verb == "RCPT" and argument not in known
            else None)
        self.start_inbound(routes=[
            {"match": "inner.example", "deliver": "smtp",
             "via": [self.inner.hop()], "verify": {"cache": "1d"}}])
        for _ in range(2):
            client = self.stranger()
            self.assertEqual(client.rcpt("x@inner.example")[0], 250)
            self.assertEqual(client.rcpt("y@inner.example"),
                             (550, b"5.1.1 nobody has this address here"))
        asked = {e["to"]: e["result"] for e in self.wait_events(2, "verify")}
        self.assertEqual(asked, {"x@inner.example": "good",
                                 "y@inner.example": "nobody"})
        self.assertEqual(client.data(harness.message("hello"))[0], 250)
        self.inner.wait(1)

    def test_bounce_for_a_name_of_the_host(self):
        """What root's mail comes back as goes to who root is."""
        self.start_inbound()
        self.sink.script = lambda verb, argument: (
            "550 5.1.1 no such user" if verb == "RCPT" else None)
        self.send(sender="root", to=["gone@example.net"])
        got = self.inner.wait(1)[0]
        self.assertEqual((got.sender, got.recipients),
                         ("", ["admin@inner.example"]))
        self.assertIn(b"To: <root@relay.example.org>", got.content)


if __name__ == "__main__":
    harness.main()
