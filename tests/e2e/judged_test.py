"""Verdicts on what comes in and signatures on what goes out, in belfryd: with a
real name server, and python3-dkim at the other ends."""
import json
import os
import signal
import smtplib
import subprocess

import harness
import lab
import nameserver
from dkim_test import MESSAGES, dkim, txt

MX = "mx1.ours.example"
BIG = b"".join(b"line %d of a body that is larger than what is kept\r\n" % i
               for i in range(20000))

ZONE = """
@           TXT "v=spf1 ip4:127.0.0.1 -all"
_dmarc      TXT "v=DMARC1; p=reject"
far         TXT "v=spf1 -all"
soft.far    TXT "v=spf1 -all"
_dmarc.far  TXT "v=DMARC1; p=quarantine"
"""


class Case(nameserver.Case):
    ZONES = {"peer.example.": ZONE, "ours.example.": ""}

    def setUp(self):
        if dkim is None:
            self.skipTest("python3-dkim is not installed")
        super().setUp()
        self.folder = harness.new_folder(self, "keys")

    def belfry(self, *arguments):
        return subprocess.run(
            [lab.program("belfry"), "-c", self.belfryd.config_file, *arguments],
            capture_output=True, text=True, check=True, timeout=60).stdout

    def key(self, selector, kind, domain):
        """A new key, and the record that belongs to it."""
        path = os.path.join(self.folder, f"{selector}.pem")
        self.belfry("dkim", "genkey", "--type", kind, path)
        if lab.IS_ROOT:
            os.chown(path, 0, 65534)
            os.chmod(path, 0o640)
        return path, self.belfry("dkim", "record", "--key", path, "--selector",
                                 selector, "--domain", domain)

    def serve(self, config=None):
        """Submission at `smtp`, a port for strangers at `mx`."""
        belfryd = self.prepare()
        self.mx = lab.free_port()
        belfryd.config = lab.merge(belfryd.config, lab.merge({
            "hostname": MX,
            "listeners": [
                {"name": "smtp", "role": "submission",
                 "address": f"127.0.0.1:{belfryd.smtp}"},
                {"name": "mx", "role": "inbound",
                 "address": f"127.0.0.1:{self.mx}"}],
            "domains": ["ours.example"], "postmaster": "anna@ours.example",
            "routes": [{"match": "ours.example", "deliver": "smtp",
                        "via": [self.sink.hop()]}],
            "delivery": {"smarthost": [self.sink.hop()]}}, config or {}))
        belfryd.write_config()
        return belfryd

    def reload(self, event="reload"):
        before = len(self.belfryd.events(event))
        self.belfryd.signal(signal.SIGHUP)
        self.wait_events(before + 1, event)


class Inbound(Case):
    def stranger(self, content, sender="anna@peer.example", helo="peer.example",
                 forward=None):
        """(code, text) of the answer to the content."""
        with smtplib.SMTP("127.0.0.1", self.mx, timeout=60) as client:
            client.ehlo(helo)
            if forward:
                self.assertEqual(client.docmd("XFORWARD", forward)[0], 250)
            self.assertEqual(client.mail(sender)[0], 250)
            self.assertEqual(client.rcpt("ben@ours.example")[0], 250)
            code, text = client.data(content)
            return code, text.decode()

    def results(self):
        """The one Authentication-Results of ours, of the last message."""
        message = self.sink.messages[-1]
        head = message.content.split(b"\r\n\r\n")[0].decode()
        self.assertEqual(head.lower().count(f"results: {MX}"), 1, head)
        self.assertTrue(head.startswith("Authentication-Results:") or
                        head.startswith("X-Belfry-Quarantine:"), head)
        return message.header("Authentication-Results")

    def take(self, content, **more):
        before = len(self.sink.messages)
        self.assertEqual(self.stranger(content, **more)[0], 250)
        self.sink.wait(before + 1)
        return self.results()

    def test_a_signed_one(self):
        """python3-dkim signed it; forged fields leave, the body stays."""
        self.serve()
        path, record = self.key("s1", "rsa", "peer.example")
        self.nsd.change("peer.example.", ZONE + record)
        self.belfryd.start()
        for body in (b"hello\r\n", BIG):
            content = (b"From: Anna <anna@peer.example>\r\nTo: ben@ours.example\r\n"
                       b"Subject: signed\r\n\r\n" + body)
            with open(path, "rb") as file:
                content = dkim.sign(content, b"s1", b"peer.example",
                                    file.read()) + content
            forged = b"Authentication-Results: %s; dmarc=fail\r\n" % MX.encode()
            found = self.take(forged + forged.upper() + content + forged)
            self.assertIn("dkim=fail", found) # what stands behind the body
            found = self.take(forged + forged.upper() + content)
            for part in ("spf=pass", "smtp.mailfrom=anna@peer.example",
                         "dkim=pass", "header.d=peer.example", "dmarc=pass"):
                self.assertIn(part, found)
            got = self.sink.messages[-1].content
            self.assertTrue(got.endswith(content), got[:2000])
            self.assertNotIn(b"dmarc=fail", got)
        events = self.wait_events(4, "verdict", listener="mx")
        self.assertEqual({(e["disposition"], e["dmarc"]) for e in events},
                         {("none", "pass")})
        status, metrics = self.belfryd.get("/metrics")
        self.assertEqual(status, 200)
        self.assertIn('belfry_verdicts_total{listener="mx",dmarc="pass",'
                      'disposition="none"} 4', metrics)

    def test_held_and_refused(self):
        self.serve({"verdict": {"dmarc": {"on_reject": "reject",
                                          "on_quarantine": "hold"}}})
        self.belfryd.start()
        code, text = self.stranger(
            b"From: anna@peer.example\r\nSubject: x\r\n\r\nx\r\n",
            sender="x@nowhere.ours.example", helo="nowhere.ours.example")
        self.assertEqual((code, text[:6]), (550, "5.7.26"), text)
        code, text = self.stranger(
            b"From: anna@far.peer.example\r\nSubject: held\r\n\r\nx\r\n",
            sender="x@nowhere.ours.example", helo="nowhere.ours.example")
        self.assertEqual(code, 250, text)
        ident = text.split()[-1]
        shown = self.belfry("queue", "show", ident)
        self.assertIn("judged: spf=none dkim=none dmarc=fail; hold: ", shown)
        self.assertIn(ident, self.belfry("queue", "list", "--held"))
        lab.wait_for(lambda: 'state="held",class="normal"} 1'
                     in self.belfryd.get("/metrics")[1], "a held one counted")
        self.assertEqual(self.sink.messages, [])
        self.belfry("queue", "release", ident)
        self.assertEqual(self.sink.wait(1)[0].header("Subject"), "held")
        self.wait_empty()

    def observed(self):
        """[(file, line)] of what is written down for reports."""
        folder = os.path.join(self.belfryd.config["state_dir"], "observed")
        found = []
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                found += [(name, json.loads(line)) for line in file]
        return found

    def test_for_reports(self):
        """A line each, of what was taken and of what was refused."""
        self.serve({"verdict": {"dmarc": {"on_reject": "reject"}}})
        self.belfryd.start()
        content = b"From: anna@peer.example\r\n\r\nx\r\n"
        self.take(content)
        self.assertEqual(self.stranger(content, sender="x@far.peer.example",
                                       helo="x.peer.example")[0], 550)
        lab.wait_for(lambda: len(self.observed()) == 2, "two lines")
        (name, good), (_, bad) = self.observed()
        self.assertTrue(name.endswith(".part"), name)
        self.assertEqual(
            [(row["dmarc"]["result"], row["disposition"], row["ip"],
              row["spf"]["domain"], row["dmarc"]["p"]) for row in (good, bad)],
            [("pass", "none", "127.0.0.1", "peer.example", "reject"),
             ("fail", "reject", "127.0.0.1", "far.peer.example", "reject")])
        self.assertEqual(self.belfryd.stop(), 0)
        self.assertEqual([name.endswith("Z." + name.split(".")[-1])
                          for name, _ in self.observed()], [True, True])

    def test_no_answer(self):
        """Doubt defers; with `accept` it doesn't. A reload changes that."""
        belfryd = self.serve({"dns": {"timeout": "300ms"},
                              "verdict": {"dns": {"deadline": "1s"}}})
        belfryd.start()
        self.nsd.stop()
        content = b"From: anna@peer.example\r\n\r\nx\r\n"
        code, text = self.stranger(content)
        self.assertEqual((code, text[:5]), (451, "4.7.0"), text)
        belfryd.config["verdict"]["on_temperror"] = "accept"
        belfryd.write_config()
        self.reload()
        self.assertIn("dmarc=temperror", self.take(content))

    def test_whose_it_is(self):
        """XFORWARD names the client; another's verdict is believed."""
        belfryd = self.serve()
        belfryd.config["listeners"][1]["xforward"] = ["loopback"]
        belfryd.write_config()
        belfryd.start()
        content = b"From: anna@peer.example\r\n\r\nx\r\n"
        found = self.take(content, forward="ADDR=192.0.2.7 HELO=x.peer.example")
        self.assertIn("spf=fail (192.0.2.7", found)
        found = self.take(content, helo="far.peer.example", sender="",
                          forward="ADDR=192.0.2.7 HELO=[UNAVAILABLE]")
        self.assertNotIn("spf=fail", found)
        self.assertEqual(self.wait_events(2, "verdict")[-1]["helo"], "")
        self.assertNotIn("spf=", self.take(content, forward="IDENT=4bkLX91"))
        self.assertEqual(self.wait_events(3, "verdict")[-1]["client"],
                         "unknown")
        belfryd.config["listeners"][1]["verdict"] = "trusted"
        belfryd.config["verdict"] = {"trusted_authserv": [
            {"id": "edge.example", "networks": ["loopback"]}]}
        belfryd.write_config()
        self.reload()
        mine = b"Authentication-Results: edge.example; dmarc=fail\r\n"
        self.assertEqual(self.stranger(mine + content)[0], 250)
        self.sink.wait(4)
        self.assertIn(b"\r\n" + mine, b"\r\n" + self.sink.messages[-1].content)
        event = self.wait_events(4, "verdict")[-1]
        self.assertEqual((event["dmarc"], event["believed"],
                          event["disposition"]), ("fail", "edge.example", "none"))


class Outgoing(Case):
    def serve_signing(self, *selectors):
        belfryd = self.serve()
        rows = [(name, *self.key(name, kind, "ours.example"))
                for name, kind in selectors]
        self.nsd.change("ours.example.", "".join(row[2] for row in rows))
        belfryd.config["dkim"] = {"sign": [{
            "match": "ours.example", "selectors": [
                {"name": row[0], "key_file": row[1]} for row in rows]}]}
        belfryd.write_config()
        return belfryd

    def verified(self, content):
        """By each signature, the first one first."""
        n = content.split(b"\r\n\r\n")[0].count(b"DKIM-Signature:")
        d = dkim.DKIM(content)
        return [d.verify(i, dnsfunc=lambda name, timeout=5: txt(
            name, self.nsd.port)) for i in range(n)]

    def test_signed(self):
        self.serve_signing(("r1", "rsa"), ("e1", "ed25519")).start()
        for n, (name, content) in enumerate(sorted(MESSAGES.items())):
            with self.subTest(name):
                content = content.replace(b"example.org", b"ours.example")
                self.send(content, sender="anna@ours.example")
                got = self.sink.wait(n + 1)[-1].content
                self.assertEqual(self.verified(got), [True, True], got[:3000])
        self.send(b"From: x@elsewhere.example\r\n\r\nx\r\n")
        self.assertNotIn(b"DKIM", self.sink.wait(n + 2)[-1].content)
        self.assertIn('belfry_dkim_signatures_total{listener="smtp",'
                      f'result="signed"}} {n + 1}',
                      self.belfryd.get("/metrics")[1])

    def test_rewritten(self):
        """What leaves is signed, not what came."""
        belfryd = self.serve_signing(("r1", "rsa"))
        belfryd.config["rewrite"] = [{"match": "int.example",
                                      "from": "noreply@ours.example"}]
        belfryd.write_config()
        belfryd.start()
        self.send(b"From: Anna <anna@int.example>\r\nTo: ben\r\n\r\nx\r\n")
        got = self.sink.wait(1)[0].content
        self.assertIn(b"noreply@ours.example", got)
        self.assertEqual(self.verified(got), [True])

    def test_reload(self):
        """A key that is broken is refused, and the old one stays; `sign:
        false` takes it away."""
        belfryd = self.serve_signing(("r1", "rsa"))
        belfryd.start()
        path = os.path.join(self.folder, "r1.pem")
        with open(path, "r+", encoding="ascii") as file:
            file.truncate(100)
        self.reload("reload_refused")
        self.send(b"From: anna@ours.example\r\n\r\nx\r\n")
        self.assertEqual(self.verified(self.sink.wait(1)[0].content), [True])
        os.unlink(path)
        _, record = self.key("r1", "rsa", "ours.example")
        belfryd.config["listeners"][0]["sign"] = False
        belfryd.write_config()
        self.reload()
        self.send(b"From: anna@ours.example\r\n\r\nx\r\n")
        self.assertNotIn(b"DKIM", self.sink.wait(2)[-1].content)

    def test_bounce(self):
        """What Belfry writes itself is signed, too."""
        belfryd = self.serve_signing(("r1", "rsa"))
        belfryd.config["dkim"]["sign"][0].update(
            match=".ours.example", domain="ours.example")
        belfryd.write_config()
        belfryd.start()
        self.sink.script = lambda verb, argument: (
            "550 5.1.1 no such user" if verb == "RCPT" and "nobody@" in argument
            else None)
        for n, body in enumerate((b"x\r\n", BIG)):
            self.send(b"From: anna@elsewhere.example\r\n\r\n" + body,
                      sender="anna@ours.example", to=["nobody@example.net"])
            got = self.sink.wait(n + 1)[-1]
            self.assertEqual(got.sender, "")
            self.assertIn("d=ours.example", got.header("DKIM-Signature"))
            self.assertEqual(self.verified(got.content), [True])
        self.wait_empty()

    def test_many(self):
        """More at once than the pool takes."""
        self.serve_signing(("r1", "rsa")).start()
        clients = []
        for n in range(40):
            client = self.client()
            client.mail("anna@ours.example")
            client.rcpt("ben@example.net")
            client.putcmd("DATA")
            self.assertEqual(client.getreply()[0], 354)
            clients.append(client)
        for client in clients:
            client.send(b"From: anna@ours.example\r\n\r\nx\r\n.\r\n")
        for client in clients:
            self.assertEqual(client.getreply()[0], 250)
        for message in self.sink.wait(40):
            self.assertEqual(self.verified(message.content), [True])


if __name__ == "__main__":
    harness.main()
