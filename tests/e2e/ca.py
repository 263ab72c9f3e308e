"""ca - certificates for a test, made by openssl: nothing in them is fixed, so
nothing in them is ever over."""
import os
import re
import shutil
import ssl
import subprocess

import lab


class CA:
    """A folder with ca.pem; cert() puts NAME.pem and NAME.key beside it."""

    def __init__(self, folder):
        self.folder = folder
        self.file = self.path("ca.pem")
        self.run("req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                 self.path("ca.key"), "-out", self.file, "-subj",
                 "/CN=the test's CA", "-days", "30")
        os.chmod(folder, 0o755)

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, *arguments, text=None):
        return subprocess.run(["openssl", *arguments], check=True, timeout=60,
                              cwd=self.folder, capture_output=True,
                              text=True, input=text).stdout

    def cert(self, name, *names, days=30, by="ca"):
        """For the DNS names NAMES, readable by the daemon alone; the pair as
        the configuration has it. BY is who signs."""
        pair = {"certificate_file": self.path(f"{name}.pem"),
                "key_file": self.path(f"{name}.key")}
        # In one step: a belfryd that reloads meanwhile sees one or the other.
        new = {key: file + ".new" for key, file in pair.items()}
        self.run("req", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                 new["key_file"], "-out", self.path("request"), "-subj",
                 f"/CN={name}")
        with open(self.path("names"), "w", encoding="utf-8") as file:
            file.write("subjectAltName=" +
                       ",".join(f"DNS:{n}" for n in names))
        self.run("x509", "-req", "-in", self.path("request"), "-CA",
                 self.path(f"{by}.pem"), "-CAkey", self.path(f"{by}.key"),
                 "-CAcreateserial",
                 "-days", str(days), "-extfile", self.path("names"), "-out",
                 new["certificate_file"])
        os.chmod(new["key_file"], 0o600)
        if lab.IS_ROOT:
            shutil.chown(new["key_file"], "nobody")
        for key, file in pair.items():
            os.rename(new[key], file)
        return pair

    def fingerprint(self, name):
        return self.run("x509", "-in", self.path(f"{name}.pem"), "-noout",
                        "-fingerprint", "-sha256").strip().split("=")[1]

    def serial(self, name):
        return self.run("x509", "-in", self.path(f"{name}.pem"), "-noout",
                        "-serial").strip().split("=")[1]

    def client(self, name=None):
        """A context that believes this CA; NAME is what it shows."""
        context = ssl.create_default_context(cafile=self.file)
        if name:
            context.load_cert_chain(self.path(f"{name}.pem"),
                                    self.path(f"{name}.key"))
        return context


def serial_of(connection):
    """Of the certificate that an ssl socket was shown."""
    text = ssl.DER_cert_to_PEM_cert(connection.getpeercert(True))
    out = subprocess.run(["openssl", "x509", "-noout", "-serial"], check=True,
                         input=text, capture_output=True, text=True).stdout
    return re.search("serial=(.*)", out)[1]
