"""Beside the packaged Postfix; and it as a client that wants TLS and logs in."""
import os
import pwd
import shutil
import smtplib
import subprocess
import unittest

import harness
import ca
import interop
import lab
import postfix

SETTINGS = """myhostname = mail.peer.example
relayhost = [127.0.0.1]:RELAY
transport_maps = texthash:{folder}/etc/transport
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
minimal_backoff_time = 1s
queue_run_delay = 1s
message_size_limit = LIMIT
virtual_mailbox_limit = 0
virtual_mailbox_domains = peer.example
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = texthash:{folder}/etc/boxes
virtual_minimum_uid = 1
virtual_uid_maps = static:UID
virtual_gid_maps = static:GID
smtputf8_enable = yes
"""


class Peer(postfix.Instance):
    def __init__(self, relay, mx, settings=""):
        nobody = pwd.getpwnam("nobody")
        text = SETTINGS + settings
        for name, value in (("RELAY", relay), ("LIMIT", interop.LIMIT),
                            ("UID", nobody.pw_uid), ("GID", nobody.pw_gid)):
            text = text.replace(name, str(value))
        super().__init__("postfix", text)
        self.write("transport", f"inner.example smtp:[127.0.0.1]:{mx}\n")
        self.write("boxes", "".join(
            f"{name}@peer.example {name}/\n"
            for name in ["anna", "ben", "jürgen", *interop.OURS]))
        os.mkdir(os.path.join(self.folder, "mail"))
        os.chown(os.path.join(self.folder, "mail"), nobody.pw_uid,
                 nobody.pw_gid)

    def empty(self):
        for name in os.listdir(os.path.join(self.folder, "mail")):
            shutil.rmtree(os.path.join(self.folder, "mail", name))

    def waiting(self):
        return subprocess.run(["postqueue", "-c", self.etc, "-j"],
                              stdout=subprocess.PIPE, check=True).stdout

    def hurry(self):
        subprocess.run(["postqueue", "-c", self.etc, "-f"], check=True)

    def mails(self, name):
        return interop.maildir(os.path.join(self.folder, "mail", name))


@unittest.skipUnless(postfix.can_run(),
                     "Postfix is not installed, or there is no root to "
                     "start it")
class Postfix(interop.DsnRows, interop.Utf8Rows, interop.RetryRows,
              interop.Rows):
    Peer = Peer
    of_class = True

CLIENT = """myhostname = mail.peer.example
relayhost = [localhost]:RELAY
smtp_dns_support_level = disabled
smtp_host_lookup = native
minimal_backoff_time = 1s
queue_run_delay = 1s
smtp_tls_security_level = verify
smtp_tls_CAfile = AUTHORITY
smtp_tls_loglevel = 1
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = texthash:{folder}/etc/passwords
smtp_sasl_security_options = noanonymous
smtp_sasl_mechanism_filter = MECHANISM
"""


@unittest.skipUnless(postfix.can_run(),
                     "Postfix is not installed, or there is no root to "
                     "start it")
class AsClient(harness.Case):
    """Postfix, which sends nothing before it has seen our certificate, and
    then logs in."""

    def start_belfryd(self, *names):
        folder = harness.new_folder(self, "ca")
        self.ca = ca.CA(folder)
        belfryd = self.prepare()
        made = subprocess.run(
            [lab.program("belfry"), "password", "--user", "app"],
            input=b"pen cil", capture_output=True, check=True)
        users = os.path.join(belfryd.folder, "users.yaml")
        with open(users, "wb") as file:
            file.write(made.stdout)
        os.chmod(users, 0o640)
        os.chown(users, 0, pwd.getpwnam("nobody").pw_gid)
        belfryd.config["users_file"] = users
        belfryd.config["tls"] = self.ca.cert("relay", *names)
        belfryd.config["listeners"][0].update(
            tls="required", auth="required", trust=[])
        belfryd.write_config()
        return belfryd.start()

    def start_postfix(self, mechanism="plain"):
        text = CLIENT
        for name, value in (("RELAY", self.belfryd.smtp),
                            ("AUTHORITY", self.ca.file),
                            ("MECHANISM", mechanism)):
            text = text.replace(name, str(value))
        peer = postfix.Instance("client", text)
        self.addCleanup(peer.stop)
        peer.write("passwords",
                   f"[localhost]:{self.belfryd.smtp} app:pen cil\n")
        with smtplib.SMTP("127.0.0.1", peer.start().port, timeout=60) as said:
            said.sendmail("anna@example.org", ["ben@example.net"],
                          harness.message("hello"))
        return peer

    def test_verify(self):
        self.start_belfryd("localhost")
        for n, mechanism in enumerate(["plain", "login"]):
            peer = self.start_postfix(mechanism)
            received = self.sink.wait(n + 1)[n].header("Received")
            self.assertIn(" with ESMTPSA id ", " ".join(received.split()))
            lab.wait_for(lambda: "Verified TLS connection established to "
                         "localhost" in peer.log(), peer.log)
        self.assertEqual(
            [(e["user"], e["mech"]) for e in self.wait_events(2, "login")],
            [("app", "PLAIN"), ("app", "LOGIN")])
        self.wait_events(2, "accept", tls="TLSv1.3", user="app")

    def test_another_name(self):
        """Which it takes for somebody else's server."""
        self.start_belfryd("other.example")
        peer = self.start_postfix()
        lab.wait_for(lambda: "Server certificate not verified" in peer.log(),
                     peer.log)
        self.assertEqual(self.belfryd.events("login"), [])
        self.assertEqual(self.sink.messages, [])


if __name__ == "__main__":
    harness.main()
