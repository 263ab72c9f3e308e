"""signed_zone - zones with DNSSEC signatures (RFC 4034) for a name server of a
test, by openssl: ECDSA P-256 with SHA-256."""
import base64
import os
import struct
import subprocess
import tempfile
import time

ALGORITHM, CLASS_IN, TTL = 13, 1, 3600
TYPES = {"TXT": 16, "DNSKEY": 48}


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *arguments], input=data, check=True,
                          capture_output=True).stdout


def wire_name(name):
    labels = [label.encode().lower() for label in name.split(".") if label]
    return b"".join(bytes([len(l)]) + l for l in labels) + b"\0"


def raw_signature(der):
    """The two numbers of a signature in DER, 32 octets each."""
    numbers, at = [], 2
    for _ in range(2):
        size = der[at + 1]
        numbers.append(der[at + 2:at + 2 + size].lstrip(b"\0").rjust(32, b"\0"))
        at += 2 + size
    return b"".join(numbers)


def key_tag(rdata):
    total = sum(byte << 8 if i % 2 == 0 else byte
                for i, byte in enumerate(rdata))
    return (total + (total >> 16)) & 0xffff


class Signer:
    """A zone NAME ("signed.example.") and its key, in FOLDER."""

    def __init__(self, name, folder):
        self.name = name
        self.key = os.path.join(folder, name + "pem")
        with open(self.key, "wb") as file:
            file.write(openssl("ecparam", "-name", "prime256v1", "-genkey",
                               "-noout"))
        self.public = openssl("ec", "-in", self.key, "-pubout", "-outform",
                              "DER")[-64:]
        self.dnskey = struct.pack("!HBB", 257, 3, ALGORITHM) + self.public

    def key_text(self):
        return (f"DNSKEY 257 3 {ALGORITHM} "
                f"{base64.b64encode(self.public).decode()}")

    def anchor(self):
        """What a resolver is to trust."""
        return f"{self.name} IN {self.key_text()}\n"

    def rrsig(self, owner, rtype, rdata):
        now = int(time.time())
        labels = owner.count(".")
        head = struct.pack("!HBBIIIH", TYPES[rtype], ALGORITHM, labels, TTL,
                           now + 86400, now - 3600, key_tag(self.dnskey))
        covered = wire_name(owner) + struct.pack(
            "!HHIH", TYPES[rtype], CLASS_IN, TTL, len(rdata)) + rdata
        with tempfile.NamedTemporaryFile() as file:
            file.write(head + wire_name(self.name) + covered)
            file.flush()
            signature = raw_signature(openssl(
                "dgst", "-sha256", "-sign", self.key, file.name))
        stamps = (time.strftime("%Y%m%d%H%M%S", time.gmtime(t))
                  for t in (now + 86400, now - 3600))
        return (f"{owner} RRSIG {rtype} {ALGORITHM} {labels} {TTL} "
                f"{' '.join(stamps)} {key_tag(self.dnskey)} {self.name} "
                f"{base64.b64encode(signature).decode()}\n")

    def zone(self, texts):
        """The zone's records, with TEXTS: {owner: text of at most 255}."""
        said = f"{self.name} {self.key_text()}\n"
        said += self.rrsig(self.name, "DNSKEY", self.dnskey)
        for owner, text in texts.items():
            said += f'{owner} TXT "{text}"\n'
            said += self.rrsig(owner, "TXT",
                               bytes([len(text)]) + text.encode())
        return said
