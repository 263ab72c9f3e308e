"""Beside the packaged Postfix."""
import os
import pwd
import shutil
import subprocess
import unittest

import harness
import interop
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

    def mails(self, name):
        return interop.maildir(os.path.join(self.folder, "mail", name))


@unittest.skipUnless(postfix.can_run(),
                     "Postfix is not installed, or there is no root to "
                     "start it")
class Postfix(interop.DsnRows, interop.Utf8Rows, interop.RetryRows,
              interop.Rows):
    Peer = Peer
    of_class = True


if __name__ == "__main__":
    harness.main()
