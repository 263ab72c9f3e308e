"""Whose mail is believed when its client is not: what DMARC says of it, asked
here or by who stands before us."""
import harness  # first: it knows where lab is
import alert_mail_test
import lab
import nameserver

DOMAIN = """
{0}         TXT "v=spf1 ip4:127.0.0.1 -all"
_dmarc.{0}  TXT "v=DMARC1; p=none"
"""
EDGE = "Authentication-Results: {}; dmarc={} header.from=example.org\n"


class Vouched(nameserver.Case, alert_mail_test.AlertMailCase):
    ZONES = {"example.": DOMAIN.format("nas") + DOMAIN.format("evil"),
             "example.org.": DOMAIN.format("@").replace("_dmarc.@", "_dmarc")}

    def prepare(self, config=None):
        """Nobody is trusted at the one listener."""
        belfryd = super().prepare(lab.merge({"delivery": {
            "smarthost": [self.sink.hop()]}}, config or {}))
        belfryd.config["listeners"][0].update(trust=[], role="inbound")
        return belfryd

    def fire(self, sender="root@nas.example", author="From: root@nas.example"):
        self.mail("alert@in.example",
                  f"{author}\nSubject: FAILED disk 3\n\nsorry\n", sender)

    def judged(self):
        return [event["dmarc"] for event in self.belfryd.events("verdict")]

    def test_source(self):
        """A source that is listed by its domain."""
        self.begin()
        self.fire("root@evil.example")
        self.came(result="refused")
        self.assertEqual(self.counted("mail", "forbidden"), 1)
        self.fire()
        (down,) = self.sink.wait(1, 60)
        self.assertIn("FAILED disk 3", down.content.decode())
        self.assertEqual(self.judged(), ["fail", "pass"])
        self.assertEqual(self.counted("nas", "firing"), 1)

    def test_two_authors(self):
        """Of two authors none is believed, whichever DMARC asked for."""
        self.begin()
        evil, nas = "x@evil.example", "root@nas.example"
        fields = [field for pair in ((evil, nas), (nas, evil)) for field in (
            "From: {}\nFrom: {}".format(*pair), "From: {}, {}".format(*pair))]
        for field in fields:
            self.fire(evil, field)
        self.came(len(fields), result="refused")
        self.assertEqual(self.counted("nas", "firing"), 0)

    def test_answer(self):
        self.begin()
        self.fire()
        (down,) = self.sink.wait(1, 60)
        self.answer(down, "ack", "x@evil.example", author="anna@example.org")
        self.came(result="refused")
        self.answer(down, "ack")
        (done,) = self.came(result="reply", command="ack")
        self.assertEqual(done["from"], "anna@example.org")
        self.assertEqual(self.judged(), ["pass", "fail", "pass"])

    def test_passed_on(self):
        """Of a client that is trusted, whose message counts is who XFORWARD
        says."""
        belfryd = self.prepare()
        belfryd.config["listeners"][0].update(
            trust=["127.0.0.1"], xforward=["127.0.0.1"])
        self.prepare = lambda: belfryd
        self.begin()
        for who in ("ADDR=192.0.2.1 HELO=evil.example", "ADDR=[UNAVAILABLE]"):
            self.fire_for(who)
        self.came(2, result="refused")
        self.assertEqual(self.judged(), ["fail", "fail"])
        self.assertEqual(self.counted("nas", "firing"), 0)
        for who in ("SOURCE=LOCAL", "ADDR=127.0.0.1 HELO=localhost"):
            self.fire_for(who)
        lab.wait_for(lambda: self.counted("nas", "firing") == 2, "both")
        self.assertEqual(len(self.judged()), 2)

    def fire_for(self, who):
        client = self.client()
        self.assertEqual(client.docmd("XFORWARD", who)[0], 250)
        client.sendmail("root@nas.example", ["alert@in.example"],
                        "From: root@nas.example\r\nSubject: FAILED disk\r\n"
                        "\r\nsorry\r\n")

    def test_answer_judged_before(self):
        """The field of one that is known, and comes from where it may."""
        belfryd = self.prepare()
        belfryd.config["listeners"][0]["verdict"] = "trusted"
        belfryd.config["verdict"] = {"trusted_authserv": [
            {"id": "edge.example", "networks": ["loopback"]},
            {"id": "far.example", "networks": ["192.0.2.0/24"]}]}
        self.prepare = lambda: belfryd
        self.begin()
        self.mail(f"alert+{alert_mail_test.TOKEN}@in.example",
                  "From: root@nas.example\nSubject: FAILED disk 3\n\nsorry\n")
        (down,) = self.sink.wait(1, 60)
        for n, more in enumerate((
                "", EDGE.format("edge.example", "fail"),
                EDGE.format("other.example", "pass"),
                EDGE.format("far.example", "pass"))):
            self.answer(down, "ack", more=more)
            self.came(n + 1, result="refused")
        self.answer(down, "ack", more=EDGE.format("edge.example", "pass"))
        self.came(result="reply", command="ack")


if __name__ == "__main__":
    harness.main()
