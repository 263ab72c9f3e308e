"""Beside the packaged OpenSMTPD."""
import harness
import chroots
import interop

CONFIG = """table boxes {{ {boxes} }}
smtp max-message-size {limit}
listen on 127.0.0.1 port {port} hostname mail.peer.example
action "box" maildir "/mail/%{{user.username}}" userbase <boxes>
action "inner" relay host smtp://127.0.0.1:{mx}
action "relay" relay host smtp://127.0.0.1:{relay}
match from any for domain "peer.example" action "box"
match from any for domain "inner.example" action "inner"
match from any for any action "relay"
"""


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
        self.folder_of("var/spool/smtpd", "root", 0o711)
        self.folder_of("var/lib/opensmtpd/empty", "root")
        self.folder_of("mail", "nobody")


class OpenSmtpd(interop.DsnRows, interop.Rows):
    Peer = Peer # a new one each time: it would go on with the connection to
                # the Belfry that was, and try again minutes later
    tells_what_was_asked = False

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
