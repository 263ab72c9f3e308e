"""Beside the packaged OpenSMTPD."""
import subprocess

import harness
import chroots
import interop
import lab

CONFIG = """table boxes {{ {boxes} }}
table full file:/etc/full
filter "full" phase rcpt-to match rcpt-to <full> reject "451 4.2.2 full now"
smtp max-message-size {limit}
listen on 127.0.0.1 port {port} hostname mail.peer.example filter "full"
action "box" maildir "/mail/%{{user.username}}" userbase <boxes>
action "inner" relay host smtp://127.0.0.1:{mx}
action "relay" relay host smtp://127.0.0.1:{relay}
match from any for domain "peer.example" action "box"
match from any for domain "inner.example" action "inner"
match from any for any action "relay"
"""
FULL = "full@peer.example\n" # an empty table would not be a list


class Peer(interop.ChrootPeer):
    """In the foreground, where it logs to what is the console here."""
    name = "opensmtpd"
    command = ["/usr/sbin/smtpd", "-d", "-f", "/etc/smtpd.conf"]
    log_file = "none"

    def configure(self, relay, mx):
        boxes = ", ".join(
            f'{name} = "{chroots.MAIL_UID}:{chroots.MAIL_UID}:/mail"'
            for name in ["anna", "ben", *interop.OURS])
        self.write("etc/smtpd.conf", CONFIG.format(
            boxes=boxes, limit=interop.LIMIT, port=self.port, mx=mx,
            relay=relay))
        self.write("etc/full", FULL)
        self.folder_of("var/spool/smtpd", "root", 0o711)
        self.folder_of("var/lib/opensmtpd/empty", "root")
        self.folder_of("mail", "nobody")

    def control(self, *command):
        """smtpctl COMMAND; what it says."""
        done = subprocess.run(["chroot", "--userspec=root:opensmtpq",
                               self.root, "/usr/sbin/smtpctl", *command],
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            raise lab.Failed(f"smtpctl {command}: {done.stdout}")
        return done.stdout.decode()

    def set_full(self, *names):
        """The mailboxes of NAMES are full, and nobody else's."""
        self.write("etc/full", FULL + "".join(f"{name}@peer.example\n"
                                              for name in names))
        self.control("update", "table", "full")



class OpenSmtpd(interop.DsnRows, interop.Rows):
    Peer = Peer # a new one each time: it would go on with the connection to
                # the Belfry that was, and try again minutes later
    tells_what_was_asked = False

    def test_deferred_recipients_to_peer(self):
        """Of three recipients one is refused for now: it gets the message
        later, and the others once."""
        self.start_relay(harness.SOON)
        self.peer.set_full("r1")
        self.to_peer(interop.letter("8bit"), options=["BODY=8BITMIME"],
                     to=[f"r{n}@peer.example" for n in range(3)])
        tries = lab.wait_for(lambda: self.belfryd.events(
            "deliver", status="deferred"), "a try in vain")
        self.assertEqual(tries[0]["reply"], "451 4.2.2 full now")
        for n in (0, 2):
            self.mails(1, f"r{n}")
        self.peer.set_full()
        self.wait_empty()
        for n in range(3):
            self.mails(1, f"r{n}")

    def test_deferred_recipient_from_peer(self):
        """Belfry asks the server behind it, which has no time; the peer comes
        again when it is told to, and the mail goes through once."""
        busy = ["450 4.2.1 not now"]
        self.sink.script = lambda verb, argument: (
            busy[0] if verb == "RCPT" and busy else None)
        self.start_relay({"routes": [
            {"match": "inner.example", "deliver": "smtp",
             "verify": {"cache": "1d"}, "via": [self.sink.hop()]}]})
        self.from_peer(interop.letter("plain"), interop.letter("dots"))
        lab.wait_for(lambda: "TempFail" in self.peer.log(), self.peer.log)
        self.assertEqual(self.sink.messages, [])
        busy.clear()

        def arrived():
            self.peer.control("schedule", "all")
            return len(self.sink.messages) >= 2

        lab.wait_for(arrived, self.peer.log)
        lab.wait_for(lambda: not self.peer.control("show", "queue"),
                     self.peer.log)
        self.wait_empty()
        self.assertEqual(sorted(mail.header("Subject")
                                for mail in self.sink.messages),
                         ["dots", "plain"])

    def test_belfry_is_away(self):
        """Nobody listens, then Belfry does."""
        self.from_peer(interop.letter("plain"))
        lab.wait_for(lambda: "TempFail" in self.peer.log(), self.peer.log)
        self.start_relay()

        def arrived():
            self.peer.control("schedule", "all")
            return self.sink.messages

        lab.wait_for(arrived, self.peer.log)
        lab.wait_for(lambda: not self.peer.control("show", "queue"),
                     self.peer.log)
        self.assertEqual(len(self.sink.messages), 1)

    def test_utf8_ends_here(self):
        """It has no SMTPUTF8: a recipient that needs it comes back, and the
        others of the same message go."""
        self.start_relay()
        self.to_peer(interop.letter("plain"), options=["SMTPUTF8"],
                     to=["anna@peer.example", "jürgen@peer.example"])
        self.mails(1)
        (report,) = self.sink.wait(1)
        self.wait_empty()
        self.assertIn(b"Status: 5.6.7", report.content)
        self.assertNotIn(b"anna@peer.example\r\nAction", report.content)


if __name__ == "__main__":
    harness.main()
