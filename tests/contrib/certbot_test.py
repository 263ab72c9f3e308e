"""contrib/certbot: a renewed pair is installed with the rights of the old one and
shown from then on; one that does not fit is not, and the old pair stays."""
import os
import ssl
import socket
import subprocess
import sys
import unittest

REPO = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(REPO, "tests", "e2e"))
import harness  # noqa: E402
import lab  # noqa: E402

HOOK = os.path.join(REPO, "contrib", "certbot", "belfry-deploy")


def make_pair(folder, name):
    """As certbot names them."""
    os.makedirs(folder, exist_ok=True)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
         f"/CN={name}", "-keyout", os.path.join(folder, "privkey.pem"),
         "-out", os.path.join(folder, "fullchain.pem")],
        check=True, capture_output=True)


@harness.need("openssl")
class Deploy(harness.Case):
    def start_with_pair(self):
        belfryd = self.prepare()
        folder = belfryd.folder
        make_pair(os.path.join(folder, "old"), "old.example.org")
        self.pair = [os.path.join(folder, name) for name in
                     ("fullchain.pem", "key.pem")]
        for name, path in zip(("fullchain.pem", "privkey.pem"), self.pair):
            os.rename(os.path.join(folder, "old", name), path)
            if lab.IS_ROOT:
                os.chown(path, 0, 65534)
            os.chmod(path, 0o640)
        belfryd.config["tls"] = {"certificate_file": self.pair[0],
                                 "key_file": self.pair[1]}
        belfryd.config["listeners"][0]["tls"] = "implicit"
        belfryd.write_config()
        return belfryd.start()

    def deploy(self, lineage):
        state = self.belfryd.config["state_dir"]
        return subprocess.run(
            [HOOK, "-c", self.belfryd.config_file, "-s", state, *self.pair],
            env={**os.environ, "RENEWED_LINEAGE": lineage, "PATH":
                 os.path.dirname(lab.program("belfry")) + ":" +
                 os.environ["PATH"]},
            capture_output=True, text=True, check=False)

    def shown(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", self.belfryd.smtp),
                                      30) as plain:
            with context.wrap_socket(plain) as secret:
                return secret.getpeercert(binary_form=True)

    def rights(self):
        return [(s.st_uid, s.st_gid, oct(s.st_mode)) for s in
                map(os.stat, self.pair)]

    def contents(self):
        return [open(path, "rb").read() for path in self.pair]

    def left(self):
        return [name for name in os.listdir(self.belfryd.folder)
                if name.endswith((".new", ".old"))]

    @unittest.skipIf(os.path.isdir("/run/systemd/system"),
                     "would reload the machine's own belfryd")
    def test_renews(self):
        belfryd = self.start_with_pair()
        rights, before = self.rights(), self.shown()
        lineage = os.path.join(belfryd.folder, "live")
        make_pair(lineage, "new.example.org")
        done = self.deploy(lineage)
        self.assertEqual(done.returncode, 0, done.stderr)
        lab.wait_for(lambda: self.shown() != before, "the new certificate")
        self.assertEqual(self.rights(), rights)
        self.assertEqual(self.left(), [])

    def test_keeps_the_old(self):
        """A key that is not the certificate's, and one that is none."""
        belfryd = self.start_with_pair()
        rights, before = self.rights(), self.contents()
        lineage = os.path.join(belfryd.folder, "live")
        for key in ("other", "none"):
            make_pair(lineage, "new.example.org")
            path = os.path.join(lineage, "privkey.pem")
            if key == "other":
                make_pair(lineage + "2", "other.example.org")
                os.replace(os.path.join(lineage + "2", "privkey.pem"), path)
            else:
                os.truncate(path, 10)
            done = self.deploy(lineage)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("the old pair stays", done.stderr)
            self.assertEqual(self.contents(), before)
            self.assertEqual(self.rights(), rights)
            self.assertEqual(self.left(), [])

    def test_lineage_is_not_there(self):
        self.start_with_pair()
        before = self.contents()
        self.assertNotEqual(self.deploy("/nonexistent").returncode, 0)
        self.assertEqual(self.contents(), before)
        self.assertEqual(self.left(), [])


if __name__ == "__main__":
    harness.main()
