"""documented - the commands of docs/, run as they stand there.

A fenced block marked `sh` is run by a test, line by line; what is only to be
looked at has another mark, or is indented. A page's names (/var/lib/belfry,
ID, ...) are exchanged for those of the test, and nothing else."""
import glob
import os
import re
import shlex
import shutil
import struct
import subprocess

import harness
import lab

DOCS = os.path.join(lab.REPO, "docs")


def blocks(page, mark="sh"):
    """(heading, lines) of each block of PAGE that has this MARK."""
    found, heading, lines = [], "", None
    with open(os.path.join(DOCS, page), encoding="utf-8") as file:
        for line in file.read().splitlines():
            if lines is not None and line == "```":
                found.append((heading, lines))
                lines = None
            elif lines is not None:
                lines.append(line)
            elif line == "```" + mark:
                lines = []
            elif re.match(r"#+ ", line):
                heading = line.lstrip("# ")
    return found


def pages():
    """All of docs/, and the README."""
    return ["../README.md"] + [
        os.path.basename(page)
        for page in sorted(glob.glob(os.path.join(DOCS, "*.md")))]


def headings():
    """(page, heading) of every place that has commands."""
    return {(page, heading)
            for page in pages() for heading, _ in blocks(page)}


class StoreCase(harness.Case):
    def prepare(self, config=None):
        belfryd = super().prepare(config)
        self.state = belfryd.config["state_dir"]
        self.elsewhere = os.path.join(belfryd.folder, "elsewhere")
        return belfryd

    def waiting(self, count=3, config=None):
        """A belfryd that has COUNT messages which nobody takes."""
        belfryd = self.prepare(config)
        belfryd.start()
        belfryd.cli("pause", "--reason", "a test", "--until-resumed")
        self.ids = [self.send(harness.message(f"number {n}"))
                    for n in range(count)]
        return belfryd


class DocCase(StoreCase):
    """The blocks below HEADING of PAGE; `names` are what is exchanged."""
    PAGE, HEADING = "operations.md", None

    def setUp(self):
        super().setUp()
        self.blocks = [lines for heading, lines in blocks(self.PAGE)
                       if heading == self.HEADING]

    def prepare(self, config=None):
        belfryd = super().prepare(config)
        self.names = [
            ("/var/lib/belfry", self.state),
            ("/var/backups/belfry", self.elsewhere),
            ("/srv/belfry", os.path.join(belfryd.folder, "srv")),
            ("/var/backups/damaged", os.path.join(belfryd.folder, "damaged"))]
        if lab.IS_ROOT:
            self.names += [("-o belfry", "-o nobody"),
                           ("--as belfry", "--as nobody")]
        else:
            self.names += [("-o belfry ", ""), ("--as belfry", "")]
        return belfryd

    def configure(self, belfryd, text, changes):
        """BELFRYD has TEXT as its configuration, with the CHANGES that a test
        needs, and as to the rest what every test has."""
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        rest = {key: value for key, value in belfryd.config.items()
                if key not in ("hostname", "listeners", "delivery")}
        rest["dns"] = {"servers": [f"127.0.0.1@{self.nsd.port}"]}
        belfryd.write_config(text + lab.yaml(rest).lstrip("\n") + "\n")

    def run_block(self, number):
        """All lines of a block; what they print."""
        return "".join(map(self.run_line, self.blocks[number]))

    def run_line(self, line):
        if line == "systemctl stop belfryd":
            self.assertEqual(self.belfryd.stop(), 0)
            return ""
        if line == "systemctl start belfryd":
            self.belfryd.start()
            return ""
        done = subprocess.run(["sh", "-ec", self.ours(line)], timeout=60,
                              capture_output=True, text=True, check=False,
                              cwd=self.belfryd.folder)
        self.ends_well(line, done)
        return done.stdout

    def ends_well(self, line, done):
        self.assertEqual(done.returncode, 0, (line, done.stdout, done.stderr))

    def ours(self, line):
        for old, new in self.names:
            line = line.replace(old, new)
        for name, command in self.programs().items():
            line = re.sub(rf"(^|\| ){name} ",
                          lambda m, c=command: m[1] + shlex.join(c) + " ",
                          line)
        return line

    def programs(self):
        return {"belfryd": [lab.program("belfryd")],
                "belfry": [lab.program("belfry"), "-c",
                           self.belfryd.config_file]}


def give_away(path):
    """To the user that belfryd runs as."""
    if lab.IS_ROOT:
        shutil.chown(path, "nobody")


def flip_bit(state, rng, sort=None):
    """One bit of the store's structure: of a page's head, an offset, a node."""
    path = os.path.join(state, "data.mdb")
    with open(path, "r+b") as file:
        data = file.read()
        while True:
            page = rng.randrange(len(data) // 4096) * 4096
            flags, lower = struct.unpack_from("<HH", data, page + 10)
            if flags in (1, 2, 8) and flags == (sort or flags):
                break
        at = page + rng.randrange(lower if flags != 8 else 152)
        file.seek(at)
        file.write(bytes([data[at] ^ 1 << rng.randrange(8)]))


def flip_content(state, text):
    """A bit of TEXT, wherever the store has it."""
    path = os.path.join(state, "data.mdb")
    with open(path, "r+b") as file:
        data = file.read()
        for found in re.finditer(re.escape(text), data):
            file.seek(found.start())
            file.write(bytes([text[0] ^ 1]))
