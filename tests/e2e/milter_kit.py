"""milter_kit - a belfry-milter that asks a name server of ours, and verifiers
that are none of ours: python3-dkim and pyspf."""
import json
import os
import shutil
import subprocess
import sys
import unittest
import unittest.mock

import harness
from harness import lab
from milter import Milter
from nsd import NSD, Nsd

DEBIAN = "/usr/bin/python3"  # whose packages only it finds
try:
    import dkim
    import spf
except ImportError:
    if sys.executable != DEBIAN and os.path.exists(DEBIAN):
        os.execv(DEBIAN, [DEBIAN, *sys.argv])
    dkim = spf = None

# Who may send as whom: our tests come from 127.0.0.2.
ZONE = """
good                TXT "v=spf1 ip4:127.0.0.2 ip4:192.0.2.1 -all"
_dmarc.good         TXT "v=DMARC1; p=reject"
strict              TXT "v=spf1 -all"
_dmarc.strict       TXT "v=DMARC1; p=reject"
odd                 TXT "v=spf1 -all"
_dmarc.odd          TXT "v=DMARC1; p=quarantine"
ours                TXT "v=spf1 -all"
soft                TXT "v=spf1 include:good.example ?ip4:127.0.0.3 ~all"
loop                TXT "v=spf1 include:loop.example -all"
macro               TXT "v=spf1 exists:%{i}.%{l}.%{d} -all"
127.0.0.2.anna.macro A 127.0.0.1
"""


def strings(text):
    return " ".join(f'"{text[i:i + 200]}"' for i in range(0, len(text), 200))


@unittest.skipUnless(NSD and dkim, "nsd, python3-dkim or python3-spf is not "
                                   "installed")
class Keys(unittest.TestCase):
    """Keys of ours.example (`r1`, `e1`), with which we sign, and of
    good.example (`g1`), for which python does; `nsd` has their records."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = lab.state_folder("keys")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        zone = ZONE
        for name, selector, kind in (("ours", "r1", "rsa"),
                                     ("ours", "e1", "ed25519"),
                                     ("good", "g1", "rsa")):
            path = os.path.join(cls.folder, f"{selector}.pem")
            subprocess.run([lab.program("belfry"), "dkim", "genkey", "--type",
                            kind, path], check=True, capture_output=True)
            os.chmod(path, 0o640)
            os.chown(path, 0 if lab.IS_ROOT else -1,
                     os.stat(cls.folder).st_gid)
            if lab.IS_ROOT:
                shutil.chown(path, "nobody")
            said = subprocess.run(
                [lab.program("belfry"), "dkim", "record", "--key", path,
                 "--selector", selector, "--domain", f"{name}.example",
                 "--json"], check=True, capture_output=True, text=True)
            value = json.loads(said.stdout)["value"]
            zone += f"{selector}._domainkey.{name} TXT {strings(value)}\n"
            setattr(cls, selector, path)
        cls.nsd = Nsd({"example.": zone}).start()
        cls.addClassCleanup(cls.nsd.stop)

    def sign(self, message, domain="good.example", selector="g1"):
        """As python3-dkim does."""
        with open(getattr(self, selector), "rb") as file:
            return dkim.sign(message, selector.encode(), domain.encode(),
                             file.read(), canonicalize=(b"simple", b"simple")
                             ) + message

    def signatures(self, message):
        """Whether each signature of MESSAGE is right, from the top."""
        found = dkim.DKIM(message)
        count = sum(name.lower() == b"dkim-signature"
                    for name, _ in found.headers)
        return [found.verify(idx=i, dnsfunc=self.txt) for i in range(count)]

    def signing(self, more):
        """A configuration that asks `nsd` and signs for ours.example, and
        MORE."""
        return {"dns": {"servers": [f"127.0.0.1@{self.nsd.port}"],
                        "timeout": "2s"},
                "dkim": {"sign": [{"match": "ours.example", "selectors": [
                    {"name": "r1", "key_file": self.r1},
                    {"name": "e1", "key_file": self.e1}]}]}, **more}

    def txt(self, name, timeout=5):
        from dkim_test import txt
        return txt(name, self.nsd.port)

    def spf(self, address, sender, helo):
        """What pyspf says of a client at ADDRESS."""
        def ask(name, qtype, *_):
            self.assertEqual(qtype, "TXT") # the zone needs no more
            found = self.txt(name.encode())
            return [((name, "TXT"), (found,))] if found else []
        with unittest.mock.patch.object(spf, "DNSLookup", ask):
            return spf.check2(address, sender, helo)[0]


class Case(Keys):
    """`self.milter`, after `prepare()` or `start()`."""

    def prepare(self, config=None):
        folder = harness.new_folder(self, "milter")
        self.milter = Milter(folder, lab.merge(self.signing({
            "milter": {"ours": {"networks": ["127.0.0.1"]}}}), config or {}))
        self.addCleanup(self.finish)
        return self.milter

    def start(self, config=None):
        return self.prepare(config).start()

    def finish(self):
        """Whatever the test did, it ends well and no sanitizer speaks."""
        try:
            if self.milter.process:
                self.assertIn(self.milter.stop(), (0, -9))
            self.assertIsNone(harness.BAD_MARKS.search(self.milter.log()))
        except AssertionError:
            sys.stderr.write(self.milter.log()[-8000:])
            raise
