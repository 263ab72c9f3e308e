"""Mail without a smarthost: the mail exchangers of each domain, as a real name
server gives them."""
import os
import time

import harness
import nameserver
from harness import lab

ZONE = """
plain           MX 10 mx.plain
mx.plain        A  127.0.0.2
sender          MX 10 mx.sender
mx.sender       A  127.0.0.4

better          MX 20 third.better
better          MX 10 second.better
better          MX 5  dead.better
dead.better     A  127.0.0.9
second.better   A  127.0.0.2
third.better    A  127.0.0.3

equal           MX 10 a.equal
equal           MX 10 b.equal
a.equal         A  127.0.0.2
b.equal         A  127.0.0.3

several         MX 10 mx.several
mx.several      A  127.0.0.9
mx.several      A  127.0.0.2

null            MX 0 .
nullandmore     MX 0 .
nullandmore     MX 10 mx.plain
nomx            A  127.0.0.2
neither         TXT "no mail here"
badname         MX 10 not\\032one
badname         A  127.0.0.2
badandnull      MX 0  .
badandnull      MX 10 not\\032one
badandnull      A  127.0.0.2
badandgood      MX 5  not\\032one
badandgood      MX 10 mx.plain
noaddress       MX 10 nowhere.noaddress
noaddress       MX 20 text.noaddress
text.noaddress  TXT "no address"
half            MX 10 nowhere.half
half            MX 20 mx.refused.org.
other           MX 10 mx.refused.org.
other           MX 20 mx.plain

byname          MX 10 RELAY.example.org.
byaddress       MX 10 us
us              A  127.0.0.1
backup          MX 10 mx.plain
backup          MX 20 us
backup          MX 30 third.better
equalus         MX 10 mx.plain
equalus         MX 10 us
equalus         MX 20 third.better
lastus          MX 10 mx.plain
lastus          MX 10 a.equal
lastus          MX 10 b.equal
lastus          MX 10 second.better
lastus          MX 10 third.better
lastus          MX 10 us
named           MX 5  dead.better
named           MX 10 mx.plain
named           MX 20 RELAY.example.org.
doubt           MX 10 mx.plain
doubt           MX 20 mx.refused.org.
doubt           MX 30 third.better
doubtfirst      MX 10 mx.refused.org.
doubtfirst      MX 20 third.better
waits           MX 10 dead.better
waits           MX 20 us
waits           MX 30 third.better

alias           MX 10 cname.alias
cname.alias     CNAME mx.plain
whole           CNAME plain
dead            MX 10 dead.better

many            MX 10 dead.better
many            MX 20 dead2.many
many            MX 30 mx.plain
dead2.many      A  127.0.0.10

short       1   MX 10 mx.plain
long            MX 10 mx.plain
signed          MX 10 mx.plain

*.wide          MX 10 mx.plain

twice           MX 10 mx.twice
mx.twice        A  127.0.0.2
mx.twice        AAAA ::1
six             MX 10 mx.six
mx.six          AAAA ::1
"""
# Of what signed.example is not signed with.
ANCHOR = f"signed.example. IN DS 12345 8 2 {'1' * 64}\n"


class Mx(nameserver.Case):
    ZONES = {"example.": ZONE}

    def begin(self, config=None, addresses=("127.0.0.2", "127.0.0.3")):
        # A connection of another domain to the same address is used too.
        self.prepare(lab.merge({"delivery": {"per_destination": {
            "messages_per_connection": 1}}}, config or {}))
        for address in addresses:
            self.exchanger(address)
        self.bounces = self.exchanger("127.0.0.4")
        return self.belfryd.start()

    def mail(self, *domains, local="ben"):
        return self.send(sender="anna@sender.example",
                         to=[f"{local}@{d}" for d in domains])

    def took(self):
        """How many messages each sink has, by the last number of its
        address."""
        return {int(address.split(".")[-1]): len(sink.messages)
                for address, sink in self.sinks.items() if sink.messages}

    def delivered(self, domain, relay):
        """One message to DOMAIN: it arrives at RELAY, which the log names."""
        self.mail(domain)
        event, = self.wait_events(1, "deliver", to=f"ben@{domain}")
        self.assertEqual(event["status"], "delivered", event)
        self.assertEqual(event["relay"],
                         relay.replace("PORT", str(self.belfryd.smtp)))

    def bounced(self, domain, dsn, words):
        self.mail(domain)
        event, = self.wait_events(1, "deliver", to=f"ben@{domain}",
                                  status="bounced")
        self.assertEqual(event["dsn"], dsn, event)
        self.assertEqual(event["relay"], "", event)
        self.assertIn(words, event["reply"])
        lab.wait_for(lambda: [m for m in self.bounces.messages
                              if f"ben@{domain}".encode() in m.content],
                     "a report")
        report = [m for m in self.bounces.messages
                  if f"ben@{domain}".encode() in m.content][0].content
        self.assertIn(f"\r\nStatus: {dsn}\r\n".encode(), report)
        self.assertIn(words.encode(), b" ".join(report.split()))
        self.wait_empty()

    def waits(self, domain, words, code="4.4.3", dest=None):
        """DOMAIN's message stays, and the queue says why."""
        self.mail(domain)
        event, = self.wait_events(1, "destination_down", dest=dest or domain)
        self.assertIn(words, event["reply"])
        self.assertIn(code, event["reply"])
        self.assertEqual(len(self.queue()), 1)
        ident = self.queue()[0]["queue_id"]
        self.belfryd.cli("queue", "hold", ident) # the next try may be out
        lab.wait_for(lambda: self.belfryd.cli(
            "queue", "remove", "--yes", ident, check=False).returncode == 0,
                     "a message that may be removed")

    def test_hosts(self):
        self.begin()
        for domain, relay in [
                ("plain.example", "mx.plain.example[127.0.0.2]:PORT"),
                ("better.example", "second.better.example[127.0.0.2]:PORT"),
                ("several.example", "mx.several.example[127.0.0.2]:PORT"),
                ("nomx.example", "nomx.example[127.0.0.2]:PORT"),
                ("nullandmore.example", "mx.plain.example[127.0.0.2]:PORT"),
                ("alias.example", "cname.alias.example[127.0.0.2]:PORT"),
                ("whole.example", "mx.plain.example[127.0.0.2]:PORT"),
                ("backup.example", "mx.plain.example[127.0.0.2]:PORT"),
                ("other.example", "mx.plain.example[127.0.0.2]:PORT"),
                ("badandgood.example", "mx.plain.example[127.0.0.2]:PORT"),
                ("[127.0.0.2]", "127.0.0.2[127.0.0.2]:PORT")]:
            with self.subTest(domain):
                self.delivered(domain, relay)
        self.assertEqual(set(self.took()), {2})
        self.wait_empty()

    def test_refused(self):
        self.begin()
        for domain, dsn, words in [
                ("null.example", "5.1.10", "null.example takes no mail"),
                ("nosuch.example", "5.1.2",
                 "the domain nosuch.example does not exist"),
                ("neither.example", "5.4.4", "neither a mail host (MX) nor"),
                ("noaddress.example", "5.4.4", "text.noaddress.example: the "
                 "name has no address"),
                ("byname.example", "5.4.6", "loops"),
                ("byaddress.example", "5.4.6", "us.example is this one"),
                ("equalus.example", "5.4.6", "loops"),
                ("[127.0.0.1]", "5.4.6", "loops"),
                ("[IPv6:::]", "5.4.6", "loops")]:
            with self.subTest(domain):
                self.bounced(domain, dsn, words)
        self.assertEqual(set(self.took()), {4})

    def test_later(self):
        anchor = os.path.join(self.nsd.folder, "anchor")
        with open(anchor, "w", encoding="ascii") as file:
            file.write(ANCHOR)
        self.begin({"dns": {"trust_anchor": anchor}})
        for domain, words, code in [
                ("refused.org", "refused.org: the DNS server failed", "4.4.3"),
                ("half.example", "mx.refused.org: the DNS", "4.4.3"),
                ("badname.example", "badname.example: none of its MX records "
                 "names a usable host", "4.4.3"),
                ("badandnull.example", "names a usable host", "4.4.3"),
                ("signed.example", "is not authentic", "4.4.3"),
                ("dead.example", "dead.better.example[127.0.0.9]", "4.4.1"),
                ("waits.example", "dead.better.example[127.0.0.9]", "4.4.1")]:
            with self.subTest(domain):
                self.waits(domain, words, code)
        self.delivered("plain.example", "mx.plain.example[127.0.0.2]:PORT")
        self.assertEqual(set(self.took()), {2})

    def test_who_may_be_us(self):
        """We stand in for domains of ours. One of the mail exchangers has no
        address just now: whatever is not better may be behind ourselves."""
        self.begin()
        self.belfryd.config.update({
            "domains": ["doubt.example", "doubtfirst.example"],
            "postmaster": "anna@sender.example",
            "routes": [{"match": f"{name}.example", "deliver": "smtp",
                        "via": [{"host": f"{name}.example", "mx": True,
                                 "port": self.belfryd.smtp}]}
                       for name in ("doubt", "doubtfirst")]})
        self.belfryd.write_config()
        self.belfryd.stop()
        self.belfryd.start()
        self.delivered("doubt.example", "mx.plain.example[127.0.0.2]:PORT")
        self.waits("doubtfirst.example", "mx.refused.org can't be found now",
                   dest=f"doubtfirst.example:{self.belfryd.smtp}")
        self.assertEqual(set(self.took()), {2})

    def test_name_server_is_away(self):
        self.begin()
        self.nsd.process.terminate()
        self.nsd.process.wait()
        self.mail("plain.example")
        self.wait_events(1, "destination_down", dest="plain.example")
        self.nsd.start()
        self.wait_events(1, "deliver", to="ben@plain.example",
                         status="delivered")

    def test_equals_share(self):
        self.begin()
        for _ in range(40):
            self.mail("equal.example")
        self.wait_empty()
        # Each with a probability of 2^-40 only by one of them.
        self.assertEqual(sum(self.took().values()), 40)
        self.assertEqual(set(self.took()), {2, 3})

    def test_most_hosts(self):
        self.begin({"delivery": {"mx": {"hosts": 2}}})
        self.waits("many.example", "[127.0.0.10]", "4.4.1")
        self.assertEqual(self.took(), {})

    def test_most_hosts_and_us(self):
        """We are looked for among all, not only among those to be tried."""
        self.begin({"delivery": {"mx": {"hosts": 1}}})
        for n in range(8):
            self.mail("lastus.example", local=f"r{n}")
        self.wait_events(8, "deliver", status="bounced", dsn="5.4.6")
        self.wait_empty()
        self.assertEqual(set(self.took()), {4}) # the reports
        self.waits("named.example", "[127.0.0.9]", "4.4.1")
        self.assertEqual(set(self.took()), {4})

    def test_most_addresses(self):
        self.begin({"delivery": {"mx": {"addresses": 2}}})
        self.waits("many.example", "[127.0.0.10]", "4.4.1")
        self.assertEqual(self.took(), {})

    def test_ttl(self):
        self.begin({"loops": 1}) # each has a resolver
        for domain in ("short.example", "long.example"):
            self.delivered(domain, "mx.plain.example[127.0.0.2]:PORT")
        self.nsd.change("example.", ZONE.replace("mx.plain\nlong",
                                                 "third.better\nlong")
                        .replace("long            MX 10 mx.plain",
                                 "long            MX 10 third.better"))
        end = time.monotonic() + 30
        while not self.sinks["127.0.0.3"].messages:
            self.assertLess(time.monotonic(), end)
            self.mail("short.example", local="again")
            time.sleep(0.2)
        self.mail("long.example", local="again")
        event, = self.wait_events(1, "deliver", to="again@long.example")
        self.assertIn("[127.0.0.2]", event["relay"])

    def test_entry_by_mx(self):
        self.prepare()
        self.exchanger("127.0.0.2")
        self.belfryd.config["delivery"]["smarthost"] = [
            {"name": "out", "host": "backup.example", "mx": True,
             "port": self.belfryd.smtp}]
        self.belfryd.write_config()
        self.belfryd.start()
        self.mail("anything.invalid")
        event, = self.wait_events(1, "deliver", to="ben@anything.invalid")
        self.assertEqual(event["relay"], "mx.plain.example[127.0.0.2]:"
                         f"{self.belfryd.smtp}")
        self.wait_empty()

    def begin_with_fallback(self):
        self.prepare({"delivery": {"per_destination": {
            "messages_per_connection": 1}}})
        for address in ("127.0.0.2", "127.0.0.3"):
            self.exchanger(address)
        self.bounces = self.exchanger("127.0.0.4")
        self.belfryd.config["delivery"]["fallback"] = [
            {"host": "127.0.0.3", "port": self.belfryd.smtp}]
        self.belfryd.write_config()
        self.belfryd.start()

    def test_fallback(self):
        """For whom no host of its own can be reached, and for nobody else."""
        self.begin_with_fallback()
        self.delivered("plain.example", "mx.plain.example[127.0.0.2]:PORT")
        for _ in range(2): # known to be dead at the second
            self.mail("dead.example", local="two")
        for domain in ("dead.example", "refused.org", "half.example"):
            self.delivered(domain, "127.0.0.3[127.0.0.3]:PORT")
        self.bounced("null.example", "5.1.10", "takes no mail")
        self.bounced("noaddress.example", "5.4.4", "has no address")
        self.assertEqual(self.took()[3], 5)
        self.assertEqual(self.belfryd.events("destination_down"), [])

    def test_prefer(self):
        for prefer, relay in [("ipv4", "mx.twice.example[127.0.0.2]:PORT"),
                              ("ipv6", "mx.twice.example[::1]:PORT")]:
            with self.subTest(prefer):
                try:
                    self.begin({"delivery": {"prefer": prefer}},
                               ("127.0.0.2", "::1"))
                except OSError:
                    self.skipTest("no IPv6 here")
                self.delivered("twice.example", relay)
                self.doCleanups()
                self.setUp()
        self.begin({"delivery": {"prefer": "ipv4-only"}}, ("127.0.0.2",))
        self.delivered("twice.example", "mx.twice.example[127.0.0.2]:PORT")
        self.bounced("six.example", "5.4.4", "ipv4-only")

    def test_half_an_answer(self):
        """Its IPv6 address is no use, and whether it has another one can't be
        known now."""
        lame = nameserver.Lame(self.nsd.port, "mx.six.example", 1)
        self.addCleanup(lame.stop)
        self.begin({"delivery": {"prefer": "ipv4-only"},
                    "dns": {"servers": [f"127.0.0.1@{lame.port}"]}},
                   ("127.0.0.2",))
        self.delivered("twice.example", "mx.twice.example[127.0.0.2]:PORT")
        self.waits("six.example", "mx.six.example: the DNS server failed")
        self.assertEqual(self.bounces.messages, [])

    def test_soft_bounce(self):
        self.begin({"delivery": {"soft_bounce": True}})
        self.sinks["127.0.0.2"].script = lambda verb, argument: (
            "550 5.1.1 nobody" if verb == "RCPT" else None)
        for domain, dsn, words in [("plain.example", "4.1.1", "450 4.1.1"),
                                   ("null.example", "4.1.10", "null MX")]:
            self.mail(domain)
            lab.wait_for(lambda: self.belfryd.events(
                "deliver", to=f"ben@{domain}"), "a try")
            event = self.belfryd.events("deliver", to=f"ben@{domain}")[0]
            self.assertEqual((event["status"], event["dsn"]),
                             ("deferred", dsn))
            self.assertIn(words, event["reply"])
        self.assertEqual(self.bounces.messages, [])

    def test_one_body(self):
        """A thousand recipients at hundreds of domains: one content."""
        self.begin()
        self.belfryd.cli("pause", "--reason", "a test")
        used = lambda: self.belfryd.metric("belfry_store_used_bytes")
        before = used()
        to = [f"r{i}@d{i % 300}.wide.example" for i in range(1000)]
        body = (b"0" * 900 + b"\r\n") * 300
        self.send(content=harness.message("x", body=body), to=to)
        lab.wait_for(
            lambda: self.belfryd.metric("belfry_queue_deliveries") == 1000,
            "a thousand deliveries")
        lab.wait_for(lambda: used() - before > len(body), "the content")
        # with all their records
        self.assertLess(used() - before, 10 * len(body))
        self.belfryd.cli("resume")
        self.wait_empty(120)
        got = self.sinks["127.0.0.2"].messages
        self.assertEqual(sorted(r for m in got for r in m.recipients),
                         sorted(to))
        self.assertEqual(len(got), 300) # a transaction each
        self.assertEqual(len({m.content for m in got}), 1)

    def test_namesake(self):
        """A list that is named like a domain is another destination."""
        self.prepare()
        for address in ("127.0.0.2", "127.0.0.3"):
            self.exchanger(address)
        self.belfryd.config["delivery"]["by_domain"] = [
            {"match": "anna@plain.example", "via": [
                {"name": "plain.example", "host": "127.0.0.3",
                 "port": self.belfryd.smtp}]}]
        self.belfryd.write_config()
        self.belfryd.start()
        self.send(to=["ben@plain.example", "anna@plain.example",
                      "carl@plain.example"])
        self.wait_empty()
        self.assertEqual(
            [m.recipients for m in self.sinks["127.0.0.3"].messages],
            [["anna@plain.example"]])
        self.assertEqual(sorted(
            r for m in self.sinks["127.0.0.2"].messages for r in m.recipients),
            ["ben@plain.example", "carl@plain.example"])


if __name__ == "__main__":
    harness.main()
