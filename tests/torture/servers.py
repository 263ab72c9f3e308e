#!/usr/bin/env python3
"""servers.py [NAME...] - the torture of other servers: the packaged Postfix, Exim
and OpenSMTPD, each started here with a configuration of its own, and belfryd.

Prints for each how many cases went well, and which did not. A message that was
smuggled past a server and lies in a mailbox is named apart.
"""
import os
import re
import shutil
import subprocess
import sys
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "e2e"),
                os.path.join(HERE, "..", "..", "tools")]
warnings.simplefilter("ignore", DeprecationWarning)
import dovecot         # noqa: E402 (the folders had to be named first)
import lab             # noqa: E402
import exim_test       # noqa: E402
import opensmtpd_test  # noqa: E402
import postfix_test    # noqa: E402
import torture         # noqa: E402



def certificate(folder):
    """cert.pem and key.pem in FOLDER."""
    cert, key = (os.path.join(folder, name) for name in ("cert.pem", "key.pem"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048",
                    "-nodes", "-days", "2",
                    "-subj", "/CN=mail.peer.example", "-out", cert,
                    "-keyout", key], check=True, capture_output=True)


POSTFIX = """smtpd_tls_security_level = may
smtpd_tls_cert_file = {folder}/etc/cert.pem
smtpd_tls_key_file = {folder}/etc/key.pem
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {folder}/auth
smtpd_sasl_security_options = noanonymous
"""


class Postfix(postfix_test.Peer):
    """With the logins of Dovecot, where that is installed."""

    def __init__(self, relay, mx):
        self.logins = None
        super().__init__(relay, mx, POSTFIX if dovecot.can_run()
                         else POSTFIX.split("smtpd_tls_auth_only")[0])
        certificate(self.etc)

    def start(self, wrapper=()):
        if dovecot.can_run():
            self.logins = dovecot.Logins("logins", self.folder + "/auth",
                                         {"app": "secret"}).start()
        return super().start(wrapper)

    def stop(self):
        if self.logins:
            self.logins.stop()
        super().stop()


EXIM = """tls_certificate = /etc/exim4/cert.pem
tls_privatekey = /etc/exim4/key.pem
tls_advertise_hosts = *
auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}
{rest}
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{app}}}}{{eq{{$auth3}}{{secret}}}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${{if and{{{{eq{{$auth1}}{{app}}}}{{eq{{$auth2}}{{secret}}}}}}}}
  server_set_id = $auth1
"""


def exim(relay, mx):
    peer = exim_test.Peer(relay, mx)
    certificate(peer.path("etc", "exim4"))
    for name in ("cert.pem", "key.pem"):
        shutil.chown(peer.path("etc", "exim4", name),
                     peer.uid["Debian-exim"])
    peer.write("etc/exim4/exim4.conf", EXIM.format(
        rest=re.sub(r"(?m)^tls_advertise_hosts.*\n", "",
                    peer.read("etc/exim4/exim4.conf"))))
    return peer


# The OpenSMTPD of Debian 12 can't use its key with OpenSSL 3: anonymous ciphers
# need none.
OPENSMTPD = """pki peer cert "/etc/cert.pem"
pki peer key "/etc/key.pem"
smtp ciphers "aNULL:@SECLEVEL=0"
table users {{ app = "{password}" }}
"""


def opensmtpd(relay, mx):
    peer = opensmtpd_test.Peer(relay, mx)
    certificate(peer.path("etc"))
    password = peer.control("encrypt", "secret").strip()
    peer.write("etc/smtpd.conf", OPENSMTPD.format(password=password) + re.sub(
        r"(?m)^(listen on .*)$", r"\1 tls pki peer auth-optional <users>",
        peer.read("etc/smtpd.conf")))
    return peer


PEERS = {"postfix": Postfix, "exim": exim, "opensmtpd": opensmtpd}


def torment(name):
    peer = PEERS[name](lab.free_port(), lab.free_port())
    try:
        peer.start()
        target = torture.Target(torture.options_of(
            ["--port", str(peer.port), "--from", "anna@peer.example",
             "--to", "ben@peer.example",
             *(["--anonymous"] if name == "opensmtpd" else [])]))
        lines = []

        def show(fate, line):
            if fate == "WRONG":
                lines.append(line)

        found = torture.run(target, torture.CASES, 4, show)
        print(f"{name}: {len(torture.CASES)} cases, {len(found['ok'])} well, "
              f"{len(found['WRONG'])} wrong, {len(found['skip'])} not offered")
        smuggled = [mail for mail in peer.mails("ben")
                    if b"\nSubject: smuggled" in b"\n" +
                    mail.split(b"\n\n", 1)[0]]
        print(f"  in the mailbox that should not be: {len(smuggled)}")
        for line in lines:
            print("  " + line)
        sys.stdout.flush()
    finally:
        peer.stop()


def main():
    for name in sys.argv[1:] or PEERS:
        torment(name)


if __name__ == "__main__":
    main()
