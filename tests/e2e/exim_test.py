"""Beside the packaged Exim."""
import os
import re
import subprocess

import harness
import interop
import lab

CONFIG = """primary_hostname = mail.peer.example
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
tls_advertise_hosts =
host_lookup =
rfc1413_query_timeout = 0s
keep_environment =
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
message_size_limit = {limit}
smtp_accept_queue_per_connection = 0
smtp_accept_max = 0
log_selector = +pipelining
acl_smtp_rcpt = rcpt

begin acl
rcpt:
  defer local_parts = r1 : r2
        domains = peer.example
        condition = ${{if exists{{/tmp/full}}}}
        message = mailbox full, try again later
  deny domains = peer.example
       message = unknown user
       !verify = recipient
  accept

begin routers
mailbox:
  driver = accept
  domains = peer.example
  local_parts = {names}
  transport = mailbox
inner:
  driver = manualroute
  domains = inner.example
  route_list = * 127.0.0.1
  self = send
  transport = inner
relay:
  driver = manualroute
  domains = !peer.example
  route_list = * 127.0.0.1
  self = send
  transport = relay

begin transports
mailbox:
  driver = appendfile
  directory = /mail/$local_part_data
  maildir_format
  create_directory
  delivery_date_add
  envelope_to_add
  return_path_add
  user = nobody
inner:
  driver = smtp
  port = {mx}
  allow_localhost
relay:
  driver = smtp
  port = {relay}
  allow_localhost

begin retry
* * F,1h,1s
"""


class Peer(interop.ChrootPeer):
    """All of Exim runs in the chroot, in the foreground."""
    name = "exim"
    command = ["/usr/sbin/exim4", "-bdf", "-q2s"]
    log_file = "var/log/exim4/mainlog"

    def configure(self, relay, mx):
        self.write("etc/exim4/exim4.conf", CONFIG.format(
            port=self.port, relay=relay, mx=mx, limit=interop.LIMIT,
            names=" : ".join(["anna", "ben", "jürgen", *interop.OURS])))
        for below in ("var/log/exim4", "var/spool/exim4", "run/exim4"):
            self.folder_of(below, "Debian-exim")
        self.folder_of("mail", "nobody")

    def run(self, *args):
        return subprocess.run(["chroot", self.root, self.command[0], *args],
                              stdout=subprocess.PIPE, check=True).stdout

    def waiting(self):
        return self.run("-bp")

    def hurry(self):
        self.run("-qff")


class Exim(interop.DsnRows, interop.Utf8Rows, interop.RetryRows,
           interop.Rows):
    Peer = Peer
    of_class = True

    def test_deferred_recipients_to_peer(self):
        """Of four recipients two are refused for now: they get the message
        later, and the others once."""
        self.start_relay(harness.SOON)
        self.peer.write("tmp/full", "")
        to = [f"r{n}@peer.example" for n in range(4)]
        self.to_peer(interop.letter("8bit"), to=to,
                     options=["BODY=8BITMIME"])
        lab.wait_for(lambda: len(self.belfryd.events(
            "deliver", status="deferred")) >= 4, "two tries in vain")
        os.unlink(self.peer.path("tmp/full"))
        self.wait_empty()
        for n in range(4):
            self.mails(1, f"r{n}")
        self.assertEqual(self.belfryd.events("deliver", status="deferred")[0]
                         ["reply"], "451 mailbox full, try again later")

    def test_chunks_from_peer(self):
        """Exim sends by BDAT, as its log says, also what is cut within a
        line; whether that is whole the rows of bodies show."""
        self.start_relay()
        begin = len(self.peer.log())
        self.from_peer(interop.letter("big"), interop.letter("dots"))
        for mail in self.sink.wait(2):
            self.assertTrue(mail.content.endswith(
                b"\r\n" + interop.letter(mail.header("Subject"))))
        lab.wait_for(lambda: self.peer.log()[begin:].count("Completed") == 2,
                     "Exim to have told")
        self.assertEqual(len(re.findall(
            r"=> ben@inner\.example R=inner T=inner H=127\.0\.0\.1 .*\bK\b",
            self.peer.log()[begin:])), 2, self.peer.log()[begin:])


if __name__ == "__main__":
    harness.main()
