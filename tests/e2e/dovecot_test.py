"""Dovecot's LMTP as the store that mail goes to."""
import mailbox
import os
import pwd
import re

import harness
import dovecot
import lab

CONFIG = """
protocols = lmtp
hostname = store.example.org
mail_location = maildir:{folder}/mail/%n
mail_plugins = quota
first_valid_uid = 1
recipient_delimiter = +
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = passwd-file
  args = username_format=%n {folder}/users
  default_fields = uid=nobody gid=nogroup home={folder}/home/%n
}
plugin {
  quota = maildir:Mailbox
  quota_grace = 0
}
service lmtp {
  inet_listener lmtp {
    port = PORT
  }
  unix_listener lmtp {
    mode = 0666
  }
}
"""
USERS = """anna:::::::
ben:::::::userdb_quota_rule=*:storage=1K
carl:::::::
"""


@harness.need("dovecot")
class Dovecot(harness.Case):
    def setUp(self):
        super().setUp()
        if not lab.IS_ROOT:
            self.skipTest("Dovecot wants to be started by root")
        self.port = lab.free_port()
        self.store = dovecot.Instance(
            "dovecot", CONFIG.replace("PORT", str(self.port)))
        self.addCleanup(self.store.stop)
        self.store.write("users", USERS)
        for name in ("mail", "home"):
            path = os.path.join(self.store.folder, name)
            account = pwd.getpwnam("nobody")
            os.mkdir(path)
            os.chown(path, account.pw_uid, account.pw_gid)
        self.start_store()

    def start_store(self):
        self.store.start(lambda: lab.listens(self.port))

    def start_with_store(self, config=None):
        return self.start(lab.merge({"routes": [
            {"match": "inner.example", "deliver": "lmtp", "via": [
                {"name": "store", "host": "127.0.0.1", "port": self.port}]}]},
            config or {}))

    def mails(self, name):
        box = os.path.join(self.store.folder, "mail", name)
        return [m.as_bytes() for m in mailbox.Maildir(box, create=False)]

    def test_each_recipient_has_its_own_answer(self):
        """One message: two are served, one is over its quota, and one is not
        known; the sender hears of those two."""
        self.start_with_store()
        body = b"x" * 70 + b"\r\n"
        self.send(harness.message("to four", body=body * 200),
                  to=["anna+list@inner.example", "ben@inner.example",
                      "carl@inner.example", "nobody@inner.example"])
        report = self.sink.wait(1)[0]
        self.wait_empty()
        lab.wait_for(lambda: len(self.belfryd.events("deliver")) >= 5,
                     "all outcomes to be logged")
        for name in ("anna", "carl"):
            (content,) = self.mails(name)
            self.assertIn(b"\n" + b"x" * 70 + b"\n", content)
        status = {line["to"]: (line["status"], line["dsn"])
                  for line in self.belfryd.events("deliver")
                  if line["to"].endswith("@inner.example")}
        self.assertEqual(status, {
            "anna+list@inner.example": ("delivered", "2.0.0"),
            "carl@inner.example": ("delivered", "2.0.0"),
            "ben@inner.example": ("bounced", "5.2.2"),
            "nobody@inner.example": ("bounced", "5.1.1")})
        for to in (b"ben@inner.example", b"nobody@inner.example"):
            self.assertIn(b"Final-Recipient: rfc822; " + to, report.content)
        self.assertNotIn(b"Final-Recipient: rfc822; anna", report.content)

    def test_socket(self):
        """The same by a socket in the file system."""
        path = os.path.join(self.store.folder, "run", "lmtp")
        self.start_with_store({"routes": [
            {"match": "inner.example", "deliver": "lmtp",
             "via": [{"host": "unix:" + path}]}]})
        for n in range(3):
            self.send(harness.message(f"m{n}"), to=["anna@inner.example"])
        self.wait_empty()
        self.assertEqual(len(self.mails("anna")), 3)
        self.assertEqual({line["relay"]
                          for line in self.belfryd.events("deliver")},
                         {"unix:" + path})

    def test_many(self):
        self.start_with_store()
        client = self.client()
        for n in range(200):
            client.sendmail("anna@example.org",
                            ["anna@inner.example", "carl@inner.example"],
                            harness.message(f"m{n}", subject=f"m{n}"))
        self.wait_empty()
        for name in ("anna", "carl"):
            self.assertEqual(len(self.mails(name)), 200)

    def test_kill(self):
        """Belfry is killed under load: all that was taken is in the store,
        perhaps twice."""
        self.start_with_store()
        acked = harness.KilledLoad(self, ["anna@inner.example",
                                          "carl@inner.example"]).run()
        for name in ("anna", "carl"):
            seen = [re.search(rb"(?m)^Subject: (m\d+)", mail)[1].decode()
                    for mail in self.mails(name)]
            self.assertLessEqual(set(acked), set(seen))
            self.assertLess(len(seen) - len(set(seen)), 100)
            for mail in self.mails(name):
                self.assertTrue(mail.endswith(b"\nend\n"))

    def test_store_comes_back(self):
        self.store.end()
        self.start_with_store(harness.SOON)
        self.send(to=["anna@inner.example"])
        lab.wait_for(lambda: self.belfryd.events("destination_down"),
                     "the store to be seen down")
        self.start_store()
        self.wait_empty()
        self.assertEqual(len(self.mails("anna")), 1)


if __name__ == "__main__":
    harness.main()
