"""`belfry import`: settings of several kinds of Postfix, and of OpenDKIM, what
becomes of them, and that `belfry check` takes it.

usage: import_test.py BELFRY
"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

BELFRY = sys.argv.pop(1)

SATELLITE = """alias_database = hash:/etc/aliases
alias_maps =
append_dot_mydomain = no
biff = no
compatibility_level = 3.6
inet_interfaces = loopback-only
inet_protocols = all
mailbox_size_limit = 0
mydestination = $myhostname, web1.example.org, localhost.example.org, localhost
myhostname = web1.example.org
mynetworks = 127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
myorigin = /etc/mailname
recipient_delimiter = +
relayhost = [smtp.example.net]:587
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = hash:@/sasl_passwd
smtp_sasl_security_options = noanonymous
smtp_tls_CAfile = /etc/ca.pem
smtp_tls_security_level = encrypt
smtpd_relay_restrictions = permit_mynetworks reject
"""
GATEWAY = """alias_maps =
debugger_command = PATH=/bin:/usr/bin;
\t ddd $daemon_directory/$process_name $process_id & sleep 5
header_checks = regexp:/etc/postfix/header_checks
inet_interfaces = 192.0.2.7, [2001:db8::7]
maximal_backoff_time = 30m
maximal_queue_lifetime = 3
message_size_limit = 20480000
minimal_backoff_time = 120
mydomain = example.org
mydestination =
myhostname = mx1.$mydomain
mynetworks = 127.0.0.0/8, 10.1.0.0/16, [2001:db8:1::]/48, cidr:@/networks
notify_classes = bounce, 2bounce, resource, protocol
relay_domains = $mydomain, hash:@/relay_domains
relay_recipient_maps = hash:@/relay_recipients
smtp_tls_security_level = may
smtpd_milters = inet:127.0.0.1:8891
smtpd_recipient_limit = 500
smtpd_tls_cert_file = /etc/mx.pem
smtpd_tls_security_level = may
smtpd_recipient_restrictions = permit_mynetworks,
    reject_unauth_destination, reject_rbl_client zen.example.net
soft_bounce = yes
transport_maps = hash:@/transport, pcre:@/transport.pcre
virtual_alias_domains = lists.$mydomain
virtual_alias_maps = hash:@/virtual, ldap:/etc/postfix/ldap.cf
"""
REWRITER = """alias_maps = hash:@/aliases
delay_warning_time = 4h
inet_interfaces = localhost
myhostname = app.int.example.org
mydestination = localhost
relayhost = mail.example.net
sender_dependent_relayhost_maps = texthash:@/relayhosts
smtp_fallback_relay = [slow.example.net] [slower.example.net]:2525
smtp_generic_maps = inline:{ {root@app.int.example.org = noreply@example.org}, {@int.example.org = @example.org} }, regexp:@/generic
smtp_helo_name = app.example.org
smtp_bind_address = 192.0.2.9
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = static:someone:s3cret
strange_setting = x
"""
TABLES = {
    "sasl_passwd": "[smtp.example.net]:587  web1@example.org:s3cret:with'it\n",
    "networks": "# our sites\n172.16.5.0/24 OK\n",
    "relay_domains": "Other.Example  x\ninner.example.org x\n",
    "transport": "example.org  smtp:[10.0.0.5]:2525\n"
                 "inner.example.org lmtp:inet:10.0.0.6:24\n"
                 ".example.com relay:[10.0.0.7]\n"
                 "direct.example smtp:\n"
                 "bad.example uucp:somewhere\n",
    "transport.pcre": "/^x@/ smtp:[10.0.0.9]\n",
    "virtual": "postmaster@example.org  anna@example.org\n"
               "team@lists.example.org anna@example.org,\n"
               "   ben@example.com\n"
               "@lists.example.org anna@example.org\n",
    "aliases": "root: anna@example.org\nbad: |/bin/program\n",
    "relayhosts": "@shop.example  [smtp.shop.example]:submission\n",
    "generic": "/^cron@/  noreply@example.org\n/^(.*)@x/ $1@example.org\n",
}


class Import(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="belfry-import-")
        self.addCleanup(shutil.rmtree, self.dir)
        for name, text in TABLES.items():
            self.write(name, text)

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(":@/", f":{self.dir}/"))
        return path

    def run_belfry(self, *arguments, text=None):
        return subprocess.run([BELFRY, *arguments], input=text,
                              capture_output=True, text=True, check=False)

    def convert(self, settings, status=0):
        """(lines of the YAML, what was said)"""
        done = self.run_belfry("import", "postfix", "-",
                               text=settings.replace(":@/", f":{self.dir}/"))
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.assertNotIn("s3cret", done.stdout + done.stderr)
        if status == 0:
            checked = self.run_belfry(
                "-c", self.write("belfry.yaml", done.stdout), "check")
            # A file that is not there yet is no fault of what is written.
            faults = [line for line in checked.stderr.splitlines()
                      if "_file" not in line and "No such file" not in line]
            self.assertEqual(faults, [], done.stdout)
        return done.stdout.splitlines(), done.stderr

    def has(self, lines, *wanted):
        for line in wanted:
            self.assertIn(line, [l.strip() for l in lines])

    def hop(self, lines, host):
        """The entry of the next hop HOST, without its braces."""
        found = [l for l in lines if f"{{host: {host}" in l]
        self.assertTrue(found, lines)
        return found[0].split(f"{{host: {host}", 1)[1].split("}")[0]

    def test_satellite(self):
        lines, said = self.convert(SATELLITE)
        self.has(lines, "hostname: web1.example.org",
                 "- {name: smtp, address: \"127.0.0.1:25\", role: submission, "
                 "trust: [loopback]}", "warn_after: 0s")
        hop = self.hop(lines, "smtp.example.net")
        self.assertTrue(hop.startswith(", port: 587"))
        self.assertIn("user: web1@example.org, password_file: "
                      "/etc/belfry/smtp.example.net, ca_file: /etc/ca.pem", hop)
        self.assertNotIn("tls:", hop) # verify, by itself
        self.assertIn(f"#   postmap -q '[smtp.example.net]:587' "
                      f"'hash:{self.dir}/sasl_passwd' | "
                      "sed 's/^[^:]*://' |", lines)
        self.assertIn("the certificate is verified, not only `encrypt`", said)
        self.assertFalse([l for l in lines if l.startswith("domains")])
        self.assertIn("- smtpd_relay_restrictions: ", said)
        for name in ("biff", "mydestination", "compatibility_level"):
            self.assertNotIn(f"- {name}: ", said)

    def test_gateway(self):
        lines, said = self.convert(GATEWAY)
        self.has(lines, "hostname: mx1.example.org",
                 "mynetworks: [10.1.0.0/16, \"2001:db8:1::/48\", "
                 "172.16.5.0/24]",
                 "- {name: smtp, address: \"192.0.2.7:25\", role: inbound, "
                 "trust: [loopback, mynetworks], tls: starttls}",
                 "- {name: smtp-1, address: \"[2001:db8::7]:25\", "
                 "role: inbound, trust: [loopback, mynetworks], "
                 "tls: starttls}",
                 "message_size: 20480000", "recipients: 500",
                 "postmaster: anna@example.org",
                 "team@lists.example.org: [anna@example.org, ben@example.com]",
                 "notify: {postmaster: [double_bounce, store, protocol]}",
                 "lifetime: 3d", "first: 120s", "max: 30m",
                 "soft_bounce: true")
        at = lines.index("domains:")
        self.assertEqual(lines[at + 1:at + 5],
                         ["  - example.org", "  - Other.Example",
                          "  - inner.example.org", "  - lists.example.org"])
        self.assertIn(", port: 2525", self.hop(lines, "10.0.0.5"))
        self.assertEqual(self.hop(lines, "10.0.0.6"), ", port: 24")
        self.assertIn("- {match: .example.com, via: [{host: 10.0.0.7, "
                      "tls: opportunistic}]}", "".join(lines))
        self.has(lines, "tls: {certificate_file: /etc/mx.pem, "
                 "key_file: /etc/mx.pem}")
        self.assertIn(", mx: true", self.hop(lines, "other.example"))
        self.assertIn(", mx: true", self.hop(lines, "direct.example"))
        for name in ("header_checks", "relay_recipient_maps", "smtpd_milters",
                     "smtpd_recipient_restrictions"):
            self.assertIn(f"- {name}: ", said)
        for words in ("line 5: `bad.example` by `uucp:somewhere`",
                      "transport.pcre, line 1", "line 4: `@lists.example.org`",
                      "tables of the type ldap are not read"):
            self.assertIn(words, said)

    def test_rewriter(self):
        lines, said = self.convert(REWRITER)
        self.has(lines, "warn_after: 4h", "helo: app.example.org",
                 "bind: [192.0.2.9]",
                 "- {match: root@app.int.example.org, from: "
                 "noreply@example.org, sender: noreply@example.org, "
                 "envelope: noreply@example.org}",
                 "- {match: int.example.org, from: \"{local}@example.org\", "
                 "sender: \"{local}@example.org\", "
                 "envelope: \"{local}@example.org\"}",
                 "- {match: \"/^cron@/\", from: noreply@example.org, sender: "
                 "noreply@example.org, envelope: noreply@example.org}")
        self.assertIn(", mx: true", self.hop(lines, "mail.example.net"))
        self.assertIn(", port: 587", self.hop(lines, "smtp.shop.example"))
        self.assertIn(", port: 2525", self.hop(lines, "slower.example.net"))
        self.assertFalse([l for l in lines if l.startswith("aliases_file")])
        for words in (f"{self.dir}/aliases, line 2: ", "- strange_setting: ",
                      "generic, line 2: `/^(.*)@x/`"):
            self.assertIn(words, said)

    def test_trust(self):
        """Nobody may do more than with Postfix."""
        for settings, trust in (
                ("", "loopback, mynetworks"),
                ("smtpd_relay_restrictions = Permit_Mynetworks, reject\n",
                 "loopback, mynetworks"),
                ("smtpd_relay_restrictions = permit_sasl_authenticated,"
                 " reject\n", "loopback"),
                ("smtpd_recipient_restrictions = check_sender_access"
                 " hash:/x, reject_unauth_destination, permit_mynetworks\n",
                 "loopback"),
                ("mynetworks = !10.1.2.3, 10.0.0.0/8\n", "loopback")):
            lines, said = self.convert(
                "myhostname = a.example.org\nmynetworks = 10.0.0.0/8\n"
                "alias_maps =\n" + settings)
            with self.subTest(settings=settings):
                self.has(lines, "- {name: smtp, address: \":25\", role: "
                         f"submission, trust: [{trust}]}}")
                self.assertEqual("in no `trust`" in said,
                                 trust == "loopback")

    def test_next_hops(self):
        """A `*` is before the relayhost; levels in any case; logins that are
        left over are said."""
        lines, said = self.convert(
            "myhostname = a.example.org\nalias_maps =\n"
            "relayhost = [smtp.example.net]\n"
            "transport_maps = inline:{ {* = smtp:[other.example.net]} }\n"
            "smtp_tls_security_level = Encrypt\n"
            "smtp_sasl_auth_enable = yes\n"
            "smtp_sasl_password_maps = inline:{ {[other.example.net] = "
            "a:s3cret}, {anna@example.org = b:s3cret} }\n")
        self.assertNotIn("smtp.example.net", "".join(lines))
        self.assertIn("user: a", self.hop(lines, "other.example.net"))
        self.assertIn("takes the login for `anna@example.org`", said)
        lines, said = self.convert(
            "myhostname = a.example.org\nalias_maps =\n"
            "relayhost = [smtp.example.net]\n"
            "smtp_tls_security_level = Encrypt\n")
        self.assertIn("tls: encrypt", self.hop(lines, "smtp.example.net"))

    def settings(self, text):
        return self.convert("myhostname = a.example.org\nalias_maps =\n"
                            + text)

    def test_password_commands(self):
        """The line that fetches a password works as it stands."""
        if not shutil.which("postmap"):
            self.skipTest("no postmap")
        login = "smtp_sasl_auth_enable = yes\nrelayhost = [a.example.net]\n"
        for table, works in (
                ("inline:{ {[a.example.net] = x:s3:cret} }", True),
                ("static:x:s3:cret", True),
                ("texthash:@/sasl", True),
                ("static:x:s3:cret, texthash:@/sasl", False)):
            table = table.replace(":@/", f":{self.dir}/")
            self.write("sasl", "[a.example.net]  x:s3:cret\n")
            folder = os.path.join(self.dir, "etc")
            os.makedirs(folder, exist_ok=True)
            self.write("etc/master.cf", "")
            self.write("etc/main.cf", f"smtp_sasl_password_maps = {table}\n")
            lines = self.settings(
                f"{login}smtp_sasl_password_maps = {table}\n")[0]
            at = [l for l in lines if l.startswith("#   postmap ")]
            with self.subTest(table=table):
                self.assertEqual(bool(at), works, lines)
                if works:
                    done = subprocess.run(
                        at[0][1:].rstrip("| ").replace(
                            "post", f"MAIL_CONFIG={folder} post"),
                        shell=True, capture_output=True, text=True,
                        check=False)
                    self.assertEqual(done.stdout, "s3:cret\n", done.stderr)
                else:
                    self.assertIn("#   # the password of 'x' in smtp_sasl_"
                                  "password_maps of main.cf, then Ctrl-D:",
                                  lines)

    def test_tls_policies(self):
        """A next hop as it is written has its own, then what is above it."""
        lines, said = self.settings(
            "smtp_tls_security_level = may\n"
            "transport_maps = inline:{ {b.example = smtp:[mx.b.example]:25},"
            " {c.example = smtp:x.c.example} }\n"
            "smtp_tls_policy_maps = inline:{ {[mx.b.example]:25 = secure "
            "tafile=/etc/b.pem match=nexthop}, {.c.example = encrypt}, "
            "{d.example = verify}, {.e.example = verify}, "
            "{[f.example]:26 = none} }\n")
        self.assertEqual(self.hop(lines, "mx.b.example"),
                         ", port: 25, tls: verify, ca_file: /etc/b.pem")
        self.assertEqual(self.hop(lines, "x.c.example"),
                         ", mx: true, tls: encrypt")
        self.has(lines, "- {match: d.example, via: [{host: d.example, "
                 "mx: true, tls: verify}]}")
        for words in ("`match=nexthop` of `[mx.b.example]:25`",
                      "`.e.example` is more than one domain",
                      "no mail goes to the next hop `[f.example]:26`"):
            self.assertIn(words, said)
        self.assertNotIn("what goes by MX", said)
        said = self.settings("smtp_tls_security_level = encrypt\n")[1]
        self.assertIn("what goes by MX is encrypted where it is offered", said)

    def test_client_certificate(self):
        both = "certificate_file: /etc/c.pem, key_file: "
        for settings, wanted, words in (
                ("relayhost = [a.example.net]\nsmtp_tls_security_level = "
                 "encrypt\n", f", tls: encrypt, {both}/etc/c.pem",
                 "belfryd reads both"),
                ("relayhost = [a.example.net]\nsmtp_tls_security_level = may\n"
                 "smtp_tls_key_file = /etc/k.pem\n",
                 f", tls: opportunistic, {both}/etc/k.pem",
                 "belfryd reads both"),
                ("relayhost = [a.example.net]\nsmtp_tls_security_level = none\n",
                 ", tls: none", "no next hop is named")):
            lines, said = self.settings(
                f"{settings}smtp_tls_cert_file = /etc/c.pem\n")
            with self.subTest(settings=settings):
                self.assertEqual(self.hop(lines, "a.example.net"), wanted)
                self.assertIn(words, said)

    def test_mailboxes(self):
        """LMTP is a route; what isn't is said with its way out."""
        lines, said = self.settings(
            "mydestination = $myhostname, b.example\n"
            "virtual_mailbox_domains = c.example\n"
            "transport_maps = inline:{ {e.example = lmtp:unix:/run/lmtp} }\n"
            "relay_domains = d.example, e.example\n"
            "mailbox_transport = lmtp:inet:10.0.0.6:24\n"
            "virtual_transport = lmtp:unix:private/dovecot-lmtp\n"
            "relay_transport = relay:[10.0.0.7]\n")
        for domain in ("b.example", "a.example.org"):
            self.has(lines, f"- {{match: {domain}, deliver: lmtp, via: "
                     "[{host: 10.0.0.6, port: 24}]}")
        self.has(lines, "- {match: d.example, deliver: smtp, via: "
                 "[{host: 10.0.0.7}]}")
        for domain, path in (("c.example", "/var/spool/postfix/private/"
                              "dovecot-lmtp"), ("e.example", "/run/lmtp")):
            self.has(lines, f"- {{match: {domain}, deliver: lmtp, via: "
                     f"[{{host: \"unix:{path}\"}}]}}")
        for words in ("- mailbox_transport: the route for b.example takes "
                      "every recipient"):
            self.assertIn(words, said)
        lines, said = self.settings("mydestination = b.example\n"
                                    "mailbox_transport = lmtp:inet:h:24\n"
                                    "virtual_mailbox_domains = c.example\n"
                                    "virtual_transport = dovecot:\n")
        self.assertFalse([l for l in lines if "match: c.example" in l])
        for words in ("- virtual_transport: `dovecot:` can't be said here",
                      "{match: c.example, deliver: lmtp"):
            self.assertIn(words, said)
        lines, said = self.settings("local_transport = error:no\n"
                                    "mailbox_transport =\n")
        self.assertFalse([l for l in lines if "routes" in l])
        self.assertNotIn("_transport", said)

    def test_transport_order(self):
        """Postfix looks for the address first, wherever it stands."""
        lines = self.settings(
            "relay_domains = b.example\n"
            "transport_maps = inline:{ {* = smtp:[h4]}, {.x.example = "
            "smtp:[h3]}, {.y.x.example = smtp:[h2]}, {b.example = "
            "smtp:[h1]}, {anna@b.example = smtp:[h0]} }\n"
            "sender_dependent_relayhost_maps = inline:{ {@b.example = "
            "[h6]}, {anna@b.example = [h5]} }\n")[0]
        hops = [l.split("host: h")[1][0] for l in lines if "host: h" in l]
        self.assertEqual("".join(hops), "0145623")

    def test_long_alias(self):
        """What is quoted is longer, and too long for a key of YAML."""
        for name, taken in (("x" * 60, True), ("\x01" * 200, False)):
            self.write("virtual", "postmaster@example.org b@example.com\n"
                       f"{name}@example.org anna@example.com\n")
            lines, said = self.settings(
                "relayhost = [h]\nvirtual_alias_domains = example.org\n"
                "virtual_alias_maps = texthash:@/virtual\n")
            with self.subTest(count=len(name)):
                self.assertEqual(any("@example.org: [anna" in l
                                     for l in lines), taken)
                self.assertEqual("stands for nobody" in said, not taken)

    def test_copies(self):
        lines, said = self.settings(
            "relay_domains = b.example\nrelayhost = [h]\n"
            "recipient_bcc_maps = inline:{ {anna@b.example = x@c.example}, "
            "{@b.example = y@c.example}, {@d.example = z@c.example} }\n"
            "sender_bcc_maps = static:all@c.example\n"
            "always_bcc = all@c.example\n")
        routes = [l for l in lines if "bcc: " in l]
        self.assertEqual(
            [(l.split("match: ")[1].split(",")[0], l.split("bcc: ")[1])
             for l in routes],
            [("anna@b.example", "[all@c.example, x@c.example]}"),
             ("b.example", "[all@c.example, y@c.example]}"),
             ("d.example", "[all@c.example, z@c.example]}")])
        self.assertIn("- always_bcc: `bcc` of each route", said)
        self.assertIn("- sender_bcc_maps: no copy depends on the sender", said)
        lines, said = self.settings("relayhost = [h]\nalways_bcc = all\n"
                                    "myorigin = example.org\n")
        self.has(lines, "- {match: \"*\", deliver: smtp, via: [{host: h}], "
                 "bcc: [all@example.org]}")
        self.assertIn("- always_bcc: the route for `*` takes all", said)

    def test_two_logins_at_one_host(self):
        """Destinations of their own have names of their own."""
        lines = self.settings(
            "relayhost = [p.example]:587\nsmtp_sasl_auth_enable = yes\n"
            "sender_dependent_relayhost_maps = inline:{ {a@x.example = "
            "[p.example]:587}, {b@x.example = [p.example]:587}, "
            "{c@x.example = [p.example]:587} }\n"
            "smtp_sasl_password_maps = inline:{ {[p.example]:587 = all:s3cret}, "
            "{a@x.example = a:s3cret}, {b@x.example = b:s3cret} }\n")[0]
        hops = {l.split("user: ")[1].split(",")[0]:
                l.split("p.example", 1)[1].split(", port")[0]
                for l in lines if "user: " in l}
        self.assertEqual(hops, {"all": "", "a": ", name: \"p.example:587-2\"",
                                "b": ", name: \"p.example:587-3\""})

    def test_postconf(self):
        """As the packaged program prints what stands in main.cf."""
        if not shutil.which("postconf"):
            self.skipTest("no postconf")
        folder = os.path.join(self.dir, "etc")
        os.mkdir(folder)
        self.write("etc/main.cf", GATEWAY)
        self.write("etc/master.cf", "smtp inet n - n - - smtpd\n")
        done = subprocess.run(["postconf", "-c", folder, "-n"],
                              capture_output=True, text=True, check=False)
        self.assertIn("myhostname = mx1.$mydomain\n", done.stdout)
        settings = "".join(
            line + "\n" for line in done.stdout.splitlines()
            if not line.startswith(("config_directory", "mail_version")))
        self.assertEqual(self.convert(settings)[0], self.convert(GATEWAY)[0])

    def test_nothing(self):
        """An empty list: this machine, and its domains by MX."""
        lines, said = self.convert("alias_maps =\n")
        self.assertTrue(lines[1].startswith("hostname: "), lines)
        self.assertIn("- myhostname: ", said)
        self.assertFalse([l for l in lines if "smarthost" in l])

    def test_no_settings(self):
        for text, line in (("myhostname = a.example\nwhat is this\n", 2),
                           ("  continued\n", 1), ("= x\n", 1)):
            said = self.convert(text, 78)[1]
            self.assertIn(f"belfry: -:{line}: ", said)

    def test_what_check_refuses(self):
        """It is written all the same, and the mistakes are said."""
        lines, said = self.convert("myhostname = a_b..example\nalias_maps =\n",
                                   1)
        self.has(lines, "hostname: a_b..example")
        self.assertIn("`belfry check` says", said)

    def test_opendkim(self):
        """Its tables are read, and what was written is checked."""
        self.write("keys", f"one example.org:s1:{self.dir}/s1.private\n"
                           "two example.net:s1:s3cret\n")
        self.write("signing", "*@example.org one\n*@example.net two\n")
        self.write("hosts", "127.0.0.1\n10.1.0.0/16\nmail.example.org\n")
        conf = self.write(
            "opendkim.conf", "KeyTable file:@/keys\nSigningTable "
            "refile:@/signing\nInternalHosts refile:@/hosts\n"
            "TrustAnchorFile /usr/share/dns/root.key\nSyslog yes\n")
        done = self.run_belfry("import", "opendkim", conf)
        lines = done.stdout.splitlines()
        self.assertNotIn("s3cret", done.stdout + done.stderr)
        self.has(lines, "- match: example.org",
                 f"- {{name: s1, key_file: {self.dir}/s1.private}}",
                 "internal: [127.0.0.1, 10.1.0.0/16]",
                 "networks: [internal]", "trust_anchor: "
                 "/usr/share/dns/root.key")
        self.assertIn("`mail.example.org` is no network", done.stderr)
        self.assertIn("stands in the table", done.stderr)
        self.assertNotIn("not valid YAML", done.stderr)

    def test_opendkim_checked(self):
        """Of what is fine nothing is said; of what is not, check's words."""
        done = self.run_belfry("import", "opendkim", "-",
                               text="AuthservID mx.example.org\n"
                                    "Nameservers 192.0.2.1\n")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        key = os.path.join(self.dir, "s1.private")
        self.run_belfry("dkim", "genkey", "--bits", "1024", key)
        done = self.run_belfry("import", "opendkim", "-",
                               text="Domain example.org\nSelector s1\n"
                                    f"KeyFile {key}\nSubDomains yes\n")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.has(done.stdout.splitlines(), "- match: .example.org",
                 "domain: example.org", f"- {{name: s1, key_file: {key}}}")
        done = self.run_belfry("import", "opendkim", "-",
                               text="Nameservers nowhere\n")
        self.assertEqual(done.returncode, 1)
        self.assertIn("`belfry check` says", done.stderr)
        done = self.run_belfry("import", "opendkim", "-", text="Domain\n")
        self.assertEqual(done.returncode, 78)
        self.assertIn("belfry: -:1: ", done.stderr)

    def test_alertmanager(self):
        """What is printed is a section; what is not carried over has its
        line."""
        conf = self.write(
            "alertmanager.yml",
            "global: {smtp_from: alerts@example.org, slack_api_url: "
            "'https://hooks.example/s3cret'}\n"
            "route: {receiver: all, group_by: [alertname], routes: [{match: "
            "{severity: page}, receiver: chat}]}\n"
            "receivers:\n"
            "- {name: all, email_configs: [{to: anna@example.org, html: "
            "'{{ x }}'}]}\n"
            "- {name: chat, slack_configs: [{channel: '#x'}]}\n")
        done = self.run_belfry("import", "alertmanager", conf)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("s3cret", done.stdout + done.stderr)
        self.has(done.stdout.splitlines(), "alerts:",
                 "from: alerts@example.org", "mail: [anna@example.org]",
                 "- url_file: /etc/belfry/slack-chat-1", "receiver: chat")
        self.assertIn("- line 4, html: templates of Go", done.stderr)
        self.assertIn("- line 5, channel: ", done.stderr)
        done = self.run_belfry("import", "alertmanager", "-",
                               text="route: {receiver: nobody}\n")
        self.assertEqual(done.returncode, 1)
        self.assertIn("there is no receiver `nobody`", done.stderr)
        # What `belfry check` would refuse is said at once.
        done = self.run_belfry(
            "import", "alertmanager", "-",
            text="route: {receiver: a}\nreceivers: [{name: a, "
                 "webhook_configs: [{url: 'http://x/{{a}}'}]}]\n")
        self.assertEqual(done.returncode, 1)
        self.assertIn("`belfry check` says", done.stderr)
        done = self.run_belfry("import", "alertmanager", "-", text="a: [\n")
        self.assertEqual(done.returncode, 78)
        self.assertIn("belfry: -:2: this is no YAML", done.stderr)

    def test_calls(self):
        for what in "postfix", "opendkim", "alertmanager":
            for arguments in ([], ["a", "b"], ["--no", "x"]):
                self.assertEqual(
                    self.run_belfry("import", what, *arguments).returncode,
                    64)
            done = self.run_belfry("import", what, self.dir + "/none")
            self.assertEqual(done.returncode, 66)
            self.assertIn("/none: ", done.stderr)


if __name__ == "__main__":
    unittest.main()
