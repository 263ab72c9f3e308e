"""What docs/relay.md sets up, with the packaged Postfix as the provider."""
import os
import pwd
import shutil

import documented
import harness
import lab
import smarthost_test
from nsd import NSD, Nsd

PROVIDER = "smtp.example.net"
PASSWORD = "what the provider gave you"


class RelayPage(documented.DocCase):
    PAGE, HEADING = "relay.md", "Files, and a first mail"

    provider = smarthost_test.Smarthost.postfix

    def begin(self, provider):
        """The page's configuration, with ports of ours."""
        belfryd = self.prepare()
        self.etc, self.apps = os.path.join(belfryd.folder, "etc"), \
            lab.free_port()
        os.mkdir(self.etc)
        self.put_certificate()
        (_, lines), = documented.blocks(self.PAGE, "yaml")
        self.configure(belfryd, "\n".join(lines) + "\n", (
            ('":25"', f'"127.0.0.1:{belfryd.smtp}"'),
            ('":587"', f'"127.0.0.1:{self.apps}"'),
            ("port: 465", f"port: {self.implicit}, implicit_tls: true, "
             f"ca_file: {provider['ca_file']}"),
            ("/etc/belfry", self.etc)))
        self.names += [
            ("/etc/belfry", self.etc), ("-g belfry", "-g nogroup"),
            ("relay1.example.org --port 25 ",
             f"127.0.0.1 --port {belfryd.smtp} "),
            ("relay1.example.org --port 587 ",
             f"127.0.0.1 --port {self.apps} ")]
        return belfryd

    def put_certificate(self):
        pair = self.ca.cert("relay", "relay1.example.org")
        for key, name in (("certificate_file", "fullchain.pem"),
                          ("key_file", "key.pem")):
            path = os.path.join(self.etc, name)
            shutil.copy(pair[key], path)
            os.chmod(path, 0o600)
            os.chown(path, pwd.getpwnam("nobody").pw_uid, -1)

    @harness.need("swaks")
    def test(self):
        if not smarthost_test.can_run() or not NSD:
            self.skipTest("Postfix, Dovecot or nsd is not installed, or there "
                          "is no root to start them")
        self.nsd = Nsd({"example.net.": "smtp A 127.0.0.1\n"}).start()
        self.addCleanup(self.nsd.stop)
        belfryd = self.begin(self.provider(
            names=(PROVIDER,), **{"noreply@example.org": PASSWORD}))
        self.assertIn(": ok", self.run_block(0))
        belfryd.start()
        self.run_block(1)
        mails = {m.sender: m for m in self.sink.wait(2)}
        self.assertIn("noreply@example.org",
                      mails["noreply@example.org"].header("From"))
        self.assertIn("shop@example.org",
                      mails["shop@example.org"].header("From"))
        self.wait_empty()
        for event in self.wait_events(2, "deliver", status="delivered"):
            self.assertEqual((event["tls"], event["verified"]),
                             ("TLSv1.3", "yes"))


if __name__ == "__main__":
    harness.main()
