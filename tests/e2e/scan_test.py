"""What others' scanners of TLS find: nothing weak, behind STARTTLS or without."""
import json
import os
import re
import subprocess

import harness  # first: it knows where lab is
import ca
import lab

NAME = "relay.example.org"
# What testssl tells of each, besides what it may find.
TOLD = """SSLv2 SSLv3 TLS1 TLS1_1 TLS1_2 TLS1_3 cipherlist_NULL cipherlist_aNULL
    cipherlist_EXPORT cipherlist_LOW cipherlist_3DES_IDEA cipherlist_AVERAGE
    cipherlist_STRONG PFS heartbleed CCS ROBOT secure_renego
    secure_client_renego CRIME_TLS""".split()


class Scan(harness.Case):
    def setUp(self):
        super().setUp()
        folder = harness.new_folder(self, "ca")
        self.folder = folder
        self.ports = {kind: lab.free_port() for kind in ("starttls",
                                                         "implicit")}
        self.start({"tls": ca.CA(folder).cert("relay", NAME), "listeners": [
            {"name": kind, "role": "submission", "tls": kind,
             "address": f"127.0.0.1:{port}"}
            for kind, port in self.ports.items()]})

    @harness.need("sslscan")
    def test_sslscan(self):
        for kind, more in (("starttls", ["--starttls-smtp"]),
                           ("implicit", [])):
            with self.subTest(kind):
                self.sslscan(*more, f"127.0.0.1:{self.ports[kind]}")

    def sslscan(self, *arguments):
        said = subprocess.run(
            ["sslscan", "--no-colour", f"--sni-name={NAME}", *arguments],
            capture_output=True, text=True, timeout=120, check=False).stdout
        for old in ("SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1"):
            self.assertRegex(said, rf"{re.escape(old)} +disabled")
        for version in ("TLSv1.2", "TLSv1.3"):
            self.assertRegex(said, rf"{re.escape(version)} +enabled")
            self.assertIn(version + " not vulnerable to heartbleed", said)
        self.assertIn("Session renegotiation not supported", said)
        # Groups of less than 128 bits.
        self.assertNotRegex(said, r"(?m)^TLSv1\.\d +(\d\d|11\d) bits")
        ciphers = re.findall(r"^(?:Preferred|Accepted) +(\S+) +(\d+) bits "
                             r"+(\S+)", said, re.M)
        self.assertEqual({version for version, _, _ in ciphers},
                         {"TLSv1.2", "TLSv1.3"}, said)
        for version, bits, cipher in ciphers:
            self.assertGreaterEqual(int(bits), 128, cipher)
            if version == "TLSv1.2":
                self.assertRegex(cipher, r"^ECDHE-.*(GCM|CHACHA20)")

    @harness.need("testssl")
    def test_testssl(self):
        """It has a word for how bad each thing is."""
        found = os.path.join(self.folder, "found.json")
        said = subprocess.run(
            ["testssl", "--quiet", "--color=0", "--openssl=/usr/bin/openssl",
             "--protocols", "--std", "--fs", "--heartbleed", "--ccs",
             "--robot", "--renegotiation", "--compression", "--ip=one",
             f"--jsonfile={found}", "--starttls=smtp",
             f"127.0.0.1:{self.ports['starttls']}"],
            capture_output=True, text=True, timeout=240, check=False).stdout
        with open(found, encoding="utf-8") as file:
            told = {line["id"]: line for line in json.load(file)}
        self.assertEqual([name for name in TOLD if name not in told], [], said)
        # What it lacks itself says nothing of us.
        told.pop("engine_problem", None)
        self.assertEqual([line for line in told.values()
                          if line["severity"] not in ("OK", "INFO")], [])
        for name in ("TLS1", "TLS1_1", "cipherlist_3DES_IDEA",
                     "cipherlist_AVERAGE"):
            self.assertEqual(told[name]["finding"], "not offered", name)


if __name__ == "__main__":
    harness.main()
