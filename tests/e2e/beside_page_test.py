"""What docs/beside.md sets up: one file for belfry-milter and belfryd, beside
a real Postfix whose services are locked in."""
import os
import unittest

import milter_kit  # before the others: it may start anew
import documented
import harness
import lab
import postfix
from milter import Milter
from nsd import NSD, Nsd

SCRIPT = os.path.join(lab.REPO, "contrib", "postfix", "belfry-postfix")
SETTINGS = """myhostname = mail.example.org
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
"""
PARTNER = """@ TXT "v=spf1 ip4:127.0.0.2 -all"
_dmarc TXT "v=DMARC1; p=reject"
"""


class Page(documented.DocCase):
    PAGE = "beside.md"
    signatures, spf = milter_kit.Keys.signatures, milter_kit.Keys.spf
    txt = milter_kit.Keys.txt

    def begin(self):
        """The page's configuration, with ports and an account of ours."""
        belfryd = self.prepare()
        self.mta = postfix.Instance("beside", SETTINGS)
        self.mta.write("master.cf", postfix.locked_in(postfix.MASTER))
        self.hooks = lab.free_port()
        folder = harness.new_folder(self, "milter")
        self.milter = Milter(folder)
        self.milter.config_file = belfryd.config_file
        self.addCleanup(self.finish_milter)
        self.addCleanup(self.mta.stop)
        (_, lines), = documented.blocks(self.PAGE, "yaml")
        etc = os.path.join(belfryd.folder, "etc")
        os.mkdir(etc)
        self.configure(belfryd, "\n".join(lines) + "\n", (
            ("/etc/belfry", etc), ("127.0.0.1:2525", f"127.0.0.1:{belfryd.smtp}"),
            ("127.0.0.1:2526", f"127.0.0.1:{self.hooks}"),
            # The strangers of a test are at other addresses of loopback.
            ("[loopback, servers]", "[127.0.0.1, servers]"),
            ("deliver: lmtp, via: [{host: 127.0.0.1}]",
             f"deliver: smtp, via: [{{host: 127.0.0.1, port: {self.sink.port}}}]"),
            ("[{host: smtp.example.net}]",
             f"[{{host: 127.0.0.1, port: {self.sink.port}}}]"),
            ("milter:\n", "milter:\n  user: nobody\n  socket: "
             f"\"unix:{self.mta.folder}/spool/belfry/milter.sock\"\n"
             f"  http: \"127.0.0.1:{self.milter.http}\"\n"
             f"  observed_dir: {folder}/observed\n")))
        self.names += [
            ("/etc/belfry", etc), ("belfry-milter:belfry", "nobody:nogroup"),
            ("nobody-milter", "nobody"), # of --as
            ("/usr/share/belfry/postfix/belfry-postfix",
             f"{SCRIPT} -c {self.mta.etc}"),
            ("127.0.0.1]:2525", f"127.0.0.1]:{belfryd.smtp}"),
            ("127.0.0.1]:2526", f"127.0.0.1]:{self.hooks}")]
        return belfryd

    def finish_milter(self):
        if self.milter.process:
            self.assertEqual(self.milter.stop(), 0)
            self.assertIsNone(harness.BAD_MARKS.search(self.milter.log()))

    def blocks_of(self, heading):
        self.blocks = [lines for found, lines in documented.blocks(self.PAGE)
                       if found == heading]
        return range(len(self.blocks))


class SetUp(Page):
    HEADING = "Set it up"

    @unittest.skipUnless(NSD and milter_kit.dkim and postfix.can_run(),
                         "nsd, python3-dkim, python3-spf or Postfix is not "
                         "installed, or there is no root to start it")
    @harness.need("swaks")
    def test(self):
        self.nsd = Nsd({"example.org.": "", "partner.example.": PARTNER,
                        }).start()
        self.addCleanup(self.nsd.stop)
        belfryd = self.begin()
        *_, record = map(self.run_line, self.blocks[0])
        self.nsd.change("example.org.", record)
        lab.wait_for(lambda: self.txt(b"s1._domainkey.example.org"), "the key")
        said = self.run_block(1)
        self.assertEqual(said.count(".yaml: ok"), 2, said)
        belfryd.start()
        self.milter.start()
        self.mta.start()
        self.run_block(2)
        self.first_mail()

    def first_mail(self):
        self.blocks_of("A first mail")
        for n, line in enumerate(self.blocks[0]):
            self.run_line(line.replace(
                "mail.example.org", f"127.0.0.1 --port {self.mta.port} "
                f"--local-interface 127.0.0.{n + 1}", 1))
            self.sink.wait(n + 1)
        out, hook = self.sink.messages
        self.assertEqual(self.signatures(out.content), [True])
        self.assertNotIn(b"Authentication-Results", out.content)
        field = hook.header("Authentication-Results")
        self.assertTrue(field.startswith("mail.example.org;"), field)
        self.assertEqual(hook.content.count(b"Authentication-Results"), 1)
        self.assertIn("spf=pass", field)
        self.assertEqual(self.spf("127.0.0.2", "dora@partner.example",
                                  "partner.example"), "pass")
        self.assertIn("dmarc=pass", field)
        self.assertNotIn(b"DKIM-Signature", hook.content)
        self.wait_events(1, "verdict", believed="mail.example.org")
        self.wait_events(1, "accept", origin="unknown[127.0.0.2]")
        self.assertEqual(len(self.milter.events("sign")), 1)
        self.assertEqual(len(self.milter.events("verdict")), 1)


class FirstMail(Page):
    """Run by SetUp, which has what it takes."""
    HEADING = "A first mail"

    def test(self):
        self.assertEqual(len(self.blocks), 1)
        self.assertEqual([line.split()[0] for line in self.blocks[0]],
                         ["swaks"] * 2)


if __name__ == "__main__":
    harness.main()
