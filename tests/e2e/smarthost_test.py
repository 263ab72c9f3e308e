"""A smarthost that wants TLS and a login: the packaged Postfix with Dovecot's
logins, and one of our own that hands out tokens."""
import base64
import os
import signal
import subprocess
import unittest

import harness
import ca
import dovecot
import lab
import postfix

SETTINGS = """myhostname = smarthost.peer.example
relayhost = [127.0.0.1]:SINK
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
smtpd_relay_restrictions = RESTRICTIONS
smtpd_tls_security_level = LEVEL
smtpd_tls_cert_file = CERT
smtpd_tls_key_file = KEY
smtpd_tls_CAfile = AUTHORITY
smtpd_tls_ask_ccert = yes
smtpd_tls_received_header = yes
smtpd_tls_loglevel = 1
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {folder}/auth
smtpd_sasl_authenticated_header = yes
smtpd_sasl_security_options = noanonymous
smtpd_error_sleep_time = 0
"""
IMPLICIT = ("127.0.0.1:%d inet n - n - - smtpd -o smtpd_tls_wrappermode=yes "
            "-o smtpd_tls_security_level=encrypt\n")
PASSWORD = "s$e#c%r\"e\\t gr\u00fc\u00df"


class Secrets(harness.Case):
    """Files of secrets that belfryd can read, and nobody else."""

    def secret(self, name, content):
        path = os.path.join(self.belfryd.folder, name)
        data = content if isinstance(content, bytes) else content.encode()
        # In one step, as whoever renews a token does it.
        with open(path + ".new", "wb") as file:
            file.write(data)
        os.chmod(path + ".new", 0o640)
        if lab.IS_ROOT:
            os.chown(path + ".new", 0, 65534)
        os.rename(path + ".new", path)
        return path

    def begin(self, *hops):
        """Next hops whose passwords are given as they are."""
        belfryd = self.prepare(harness.SOON)
        belfryd.config["delivery"]["smarthost"] = [self.hop(h) for h in hops]
        belfryd.config["delivery"]["prefer"] = "ipv4-only"
        belfryd.write_config()
        return belfryd.start()

    def hop(self, keys):
        if "password" in keys:
            keys = dict(keys, password_file=self.secret(
                "password", keys["password"] + "\n"))
            del keys["password"]
        return keys

    def reload(self):
        before = len(self.belfryd.events("reload"))
        self.belfryd.signal(signal.SIGHUP)
        self.wait_events(before + 1, "reload")

    def delivered(self):
        self.send()
        message = self.sink.wait(1)[0]
        event = self.wait_events(1, "deliver", status="delivered")[0]
        return event, " ".join(message.header("Received").split())

    def deferred(self):
        self.send()
        lab.wait_for(lambda: self.belfryd.events("deliver", status="deferred")
                     or self.belfryd.events("destination_down"),
                     "a failed try")
        lab.wait_for(lambda: self.queue() and self.reason(), "a reason")
        return self.reason()

    def reason(self):
        found = self.belfryd.events("destination_down")
        return found[-1]["reply"] if found else None


def can_run():
    return postfix.can_run() and dovecot.can_run()


class NoStore(Secrets):
    """The system has no list of authorities."""
    AWAY = ("env", "SSL_CERT_FILE=/nonexistent/ca.pem")

    def test_nobody_needs_it(self):
        self.prepare().start(self.AWAY)
        self.send()
        self.sink.wait(1)

    def test_somebody_needs_it(self):
        belfryd = self.prepare()
        belfryd.config["delivery"]["smarthost"][0]["tls"] = "verify"
        belfryd.write_config()
        looked = subprocess.run(
            [*self.AWAY, lab.program("belfry"), "-c", belfryd.config_file,
             "check"], capture_output=True, text=True, check=False)
        self.assertEqual(looked.returncode, 78, looked)
        self.assertIn("install the package ca-certificates", looked.stderr)
        belfryd.start(self.AWAY, wait=False)
        self.assertEqual(belfryd.process.wait(30), 78)
        self.assertRegex(
            belfryd.log(), r"belfry.yaml:\d+:\d+: /nonexistent/ca.pem: No such "
            "file or directory: .*install the package ca-certificates")
        self.assertEqual(belfryd.log().count("/nonexistent"), 1)
        belfryd.process = None


@unittest.skipUnless(can_run(), "Postfix or Dovecot is not installed, or "
                     "there is no root to start them")
class Smarthost(Secrets):
    def postfix(self, level="may", restrictions="permit_sasl_authenticated, "
                "reject", names=("localhost",), **users):
        folder = harness.new_folder(self, "ca")
        self.ca = ca.CA(folder)
        pair = self.ca.cert("postfix", *names)
        text = SETTINGS
        for name, value in (("SINK", self.sink.port), ("LEVEL", level),
                            ("RESTRICTIONS", restrictions),
                            ("CERT", pair["certificate_file"]),
                            ("KEY", pair["key_file"]),
                            ("AUTHORITY", self.ca.file)):
            text = text.replace(name, str(value))
        peer = postfix.Instance("smarthost", text)
        self.addCleanup(peer.stop)
        self.implicit = lab.free_port()
        peer.write("master.cf", postfix.MASTER + IMPLICIT % self.implicit)
        logins = dovecot.Logins("logins", peer.folder + "/auth",
                                {"app": PASSWORD, "old": "secret", **users})
        self.addCleanup(logins.stop)
        logins.start()
        peer.start()
        return {"host": "localhost", "port": peer.port, "user": "app",
                "password": PASSWORD, "ca_file": self.ca.file}

    def test_login(self):
        self.begin(self.postfix())
        event, received = self.delivered()
        self.assertEqual(event["tls"], "TLSv1.3")
        self.assertEqual(event["verified"], "yes")
        self.assertIn("TLS_", event["cipher"])
        self.assertIn("TLSv1.3", received)
        self.assertIn("(Authenticated sender: app)", received)
        self.assertNotIn(PASSWORD, self.belfryd.log())
        self.assertEqual(self.belfryd.metric(
            "belfry_next_hop_connections_total", tls="verified"), 1)

    def test_each_mechanism(self):
        hop = self.postfix()
        belfryd = self.begin(hop)
        for n, mechanism in enumerate(["plain", "login", "scram-sha-256"]):
            belfryd.config["delivery"]["smarthost"] = [
                self.hop(dict(hop, mechanism=mechanism))]
            belfryd.write_config()
            self.reload()
            self.send()
            received = self.sink.wait(n + 1)[n].header("Received")
            self.assertIn("(Authenticated sender: app)",
                          " ".join(received.split()))
        self.wait_empty()

    def test_implicit(self):
        hop = self.postfix()
        self.begin(dict(hop, port=self.implicit, implicit_tls=True))
        event, received = self.delivered()
        self.assertEqual((event["tls"], event["verified"]),
                         ("TLSv1.3", "yes"))
        self.assertIn("(Authenticated sender: app)", received)

    def test_wrong_password(self):
        """It waits; a new file and a reload are all that it needs."""
        hop = self.postfix()
        belfryd = self.begin(dict(hop, password="wrong"))
        self.assertIn("535 5.7.8", self.deferred())
        lab.wait_for(lambda: belfryd.metric(
            "belfry_next_hop_logins_refused_total") >= 2, "another try")
        loud = [e for e in belfryd.events("login_refused")
                if e["level"] == "error"]
        self.assertEqual(len(loud), 1)
        self.assertEqual(loud[0]["user"], "app")
        self.secret("password", PASSWORD)
        self.reload()
        belfryd.cli("queue", "flush", "--all")
        self.sink.wait(1)
        self.wait_empty()

    def test_next_hop_after_a_refused_login(self):
        hop = self.postfix()
        self.begin(dict(hop, password="wrong"), self.sink.hop())
        self.send()
        self.sink.wait(1)
        self.wait_events(1, "login_refused")

    def test_opportunistic(self):
        """Whose certificate it is does not matter; it is said."""
        hop = self.postfix(restrictions="permit_mynetworks, reject",
                           names=("other.example",))
        self.begin({"host": "localhost", "port": hop["port"]})
        event, received = self.delivered()
        self.assertEqual((event["tls"], event["verified"]),
                         ("TLSv1.3", "no"))
        self.assertIn("TLSv1.3", received)

    def test_another_name(self):
        hop = self.postfix(names=("other.example",))
        self.begin(hop)
        reason = self.deferred()
        self.assertIn("451 4.7.5", reason)
        self.assertIn("not for localhost but for other.example", reason)
        self.assertEqual(self.sink.messages, [])

    def test_another_authority(self):
        hop = self.postfix()
        del hop["ca_file"]
        self.begin(hop)
        self.assertIn("451 4.7.5", self.deferred())

    def test_no_tls_there(self):
        hop = self.postfix(level="none")
        self.begin(hop)
        self.assertIn("does not offer STARTTLS", self.deferred())

    def test_client_certificate(self):
        hop = self.postfix(restrictions="permit_tls_all_clientcerts, reject")
        pair = self.ca.cert("client", "relay.example.org")
        self.begin(dict(pair, host="localhost", port=hop["port"],
                        tls="verify", ca_file=self.ca.file))
        self.assertEqual(self.delivered()[0]["verified"], "yes")


class Readable(Secrets):
    """Secrets that everybody can read: a password, a key and the users."""

    def setUp(self):
        super().setUp()
        self.sink.script = lambda verb, _: {
            "EHLO": "250-sink.example.net\r\n250 AUTH PLAIN",
            "AUTH": "235 2.7.0 welcome"}.get(verb)

    def test(self):
        folder = harness.new_folder(self, "ca")
        belfryd = self.prepare(dict(harness.SOON, secrets={"mode": "warn"}))
        pair = ca.CA(folder).cert("relay", "relay.example.org")
        files = [pair["key_file"], self.secret("users", ""),
                 self.secret("password", "secret\n")]
        for path in files:
            os.chmod(path, 0o644)
        belfryd.config.update(tls=pair, users_file=files[1])
        belfryd.config["listeners"][0].update(tls="starttls", auth="optional")
        belfryd.config["delivery"]["smarthost"] = [dict(
            self.sink.hop(), user="app", tls="none", password_file=files[2],
            allow_plaintext_login=True)]
        belfryd.write_config()
        belfryd.start()
        self.warned(belfryd.log(), files, 1)
        self.send()
        self.sink.wait(1)
        self.reload()
        self.warned(belfryd.log(), files, 2)
        self.wait_events(3, "reload_warning")
        self.warned(belfryd.cli("check").stderr, files, 1)
        self.assertEqual(
            belfryd.cli("check", "--strict", check=False).returncode, 1)
        # Each by itself is enough to refuse a reload; what runs goes on.
        belfryd.config["secrets"]["mode"] = "refuse"
        belfryd.write_config()
        for n, path in enumerate(files):
            belfryd.signal(signal.SIGHUP)
            self.wait_events(n + 1, "reload_refused")
            self.assertEqual(belfryd.cli("check", check=False).returncode, 78)
            os.chmod(path, 0o640)
        self.send()
        self.sink.wait(2)
        self.reload()
        self.send()
        self.sink.wait(3)
        self.warned(belfryd.cli("check").stderr, files, 0)

    def warned(self, said, files, times):
        for path in files:
            self.assertEqual(
                said.count(f"everybody on this machine can read {path};"),
                times, said)


class Tokens(Secrets):
    """XOAUTH2, at a sink whose token changes."""

    def setUp(self):
        super().setUp()
        self.token, self.first = "one", []
        self.sink.script = self.script

    def script(self, verb, argument):
        if verb == "EHLO":
            return "250-sink.example.net\r\n250 AUTH XOAUTH2"
        if verb == "AUTH":
            said = base64.b64decode(argument.split()[1]).decode()
            self.first.append(said)
            if said == f"user=app\1auth=Bearer {self.token}\1\1":
                return "235 2.7.0 welcome"
            return "334 " + base64.b64encode(
                b'{"status":"401","schemes":"bearer"}').decode()
        return None

    def test_a_token_that_is_renewed(self):
        belfryd = self.prepare(harness.SOON)
        belfryd.config["delivery"]["smarthost"] = [dict(
            self.sink.hop(), user="app", tls="none",
            allow_plaintext_login=True,
            token_file=os.path.join(belfryd.folder, "token"))]
        # A login for each message.
        belfryd.config["delivery"]["per_destination"] = {
            "messages_per_connection": 1}
        belfryd.write_config()
        belfryd.start()
        self.assertIn("token_file`: ", belfryd.log()) # not there yet
        self.assertIn("can't be read", self.deferred())
        self.secret("token", "one\n")
        belfryd.cli("queue", "flush", "--all")
        self.sink.wait(1)
        self.token = "two"
        self.secret("token", "two\n")
        self.send()
        self.sink.wait(2)
        self.assertIn("Bearer two", self.first[-1])
        self.wait_empty()


if __name__ == "__main__":
    harness.main()
