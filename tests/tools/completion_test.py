"""The completion for bash: no command or option is forgotten, and it works.

usage: completion_test.py BELFRY
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

BELFRY = sys.argv.pop(1)
TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
FILE = os.path.join(TOP, "contrib", "completion", "belfry.bash")
ROWS = [json.loads(line) for line in subprocess.run(
    [BELFRY, "help", "--json"], check=True, capture_output=True,
    text=True).stdout.splitlines()]

# Stands for the program: notes what it was asked, and has a few answers.
FAKE = """#!/bin/sh
echo "$@" >> "$0.asked"
case "$*" in
*"queue list"*) echo '{"queue_name":"hold","queue_id":"6GZXPKGP00000"}' ;;
*"queue stats"*) echo '{"agent":"smtp","name":"provider","waiting":1}' ;;
*"alert list"*) echo '{"id":"6GZXPKGP00001","labels":{"id":"x"}}' ;;
*"silence list"*) echo '{"id":"5f9c2f6e-0b1d","state":"active"}' ;;
esac
"""


class Completion(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="belfry-completion-")
        self.addCleanup(shutil.rmtree, self.dir)
        self.fake = os.path.join(self.dir, "belfry")
        with open(self.fake, "w", encoding="utf-8") as file:
            file.write(FAKE)
        os.chmod(self.fake, 0o755)

    def complete(self, *words):
        """What is offered for the last of WORDS."""
        script = ('source "$0"; COMP_WORDS=("$@"); '
                  'COMP_CWORD=$(($# - 1)); _belfry; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(
            ["bash", "--norc", "-u", "-c", script, FILE, self.fake, *words],
            capture_output=True, text=True, check=True, cwd=self.dir)
        self.assertEqual(done.stderr, "")
        return sorted(done.stdout.split())

    def test_as_the_tables_say(self):
        made = subprocess.run(
            [sys.executable, os.path.join(TOP, "tools", "make-completion"),
             BELFRY], check=True, capture_output=True, text=True).stdout
        with open(FILE, encoding="utf-8") as file:
            self.assertEqual(
                file.read(), made, "run tools/make-completion BELFRY "
                "> contrib/completion/belfry.bash")

    def test_commands(self):
        self.assertEqual(self.complete(""), sorted({
            row["command"].split()[0] for row in ROWS}))
        for row in ROWS:
            words = row["command"].split()
            for i, word in enumerate(words):
                with self.subTest(words[:i + 1]):
                    self.assertIn(word, self.complete(*words[:i], word[:2]))
                    self.assertIn(word, self.complete(
                        "-c", "x.yaml", *words[:i], word))
                    self.assertIn(word, self.complete("help", *words[:i],
                                                      ""))
        self.assertEqual(self.complete("queue", "r"),
                         ["release", "remove", "requeue"])
        self.assertEqual(self.complete("dance", ""), self.complete(""))

    def test_options(self):
        self.assertEqual(self.complete("queue", "remove", "--"), [
            "--all", "--corrupt", "--dest", "--from", "--held", "--help",
            "--json", "--older", "--to", "--yes"])
        self.assertEqual(self.complete("queue", "list", "--l"), ["--limit"])
        self.assertEqual(self.complete("queue", "hold", "--held", "--h"),
                         ["--held", "--help"])
        self.assertEqual(self.complete("--c"), ["--config"])
        for row in ROWS:
            self.assertIn("--help", self.complete(*row["command"].split(),
                                                  "--"))

    def test_what_the_daemon_knows(self):
        ids = ["6GZXPKGP00000"]
        for command in ("show", "hold", "release", "flush", "requeue",
                        "remove"):
            self.assertEqual(self.complete("queue", command, "6G"), ids)
        self.assertEqual(self.complete("-c", "a b.yaml", "queue", "show",
                                       *ids, ""), ids)
        with open(self.fake + ".asked", encoding="utf-8") as file:
            self.assertIn("-c a b.yaml queue list --json",
                          file.read().splitlines()[-1])
        for command in ("show", "ack", "unack", "close", "noise"):
            self.assertEqual(self.complete("alert", command, "6G"),
                             ["6GZXPKGP00001"])
        self.assertEqual(self.complete("silence", "expire", "5"),
                         ["5f9c2f6e-0b1d"])
        self.assertEqual(self.complete("alert", "list", "--state", "s"),
                         ["stale"])
        self.assertEqual(self.complete("queue", "list", "--dest", "p"),
                         ["provider"])
        self.assertEqual(self.complete("queue", "hold", "X"), [])

    def test_files(self):
        """Nothing of ours: bash offers files."""
        os.mkdir(os.path.join(self.dir, "out"))
        self.assertEqual(self.complete("-c", ""), [])
        self.assertEqual(self.complete("send", ""), [])
        self.assertEqual(self.complete("queue", "export", "o"), ["out"])
        self.assertEqual(self.complete("queue", "export", "out", ""),
                         ["6GZXPKGP00000"])
        self.assertIn("root", self.complete("check", "--as", "roo"))


if __name__ == "__main__":
    if not shutil.which("bash"):
        sys.exit(77)
    unittest.main()
