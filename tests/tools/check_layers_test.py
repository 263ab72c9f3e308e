"""check-layers on small made-up trees: it passes the good one and sees each
kind of mistake."""
import os
import subprocess
import sys
import unittest

from made_up import made_up

TOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                    "..", "..", "tools", "check-layers")

GOOD = {
    "base/a.h": "",
    "base/CMakeLists.txt": "belfry_library(base Threads::Threads)\n",
    "mail/b.c": '#include <stdio.h>\n#include "base/a.h"\n#include "mail/b.h"\n',
    "mail/CMakeLists.txt": "belfry_library(mail belfry_base)\n",
    "net/c.c": '#include "base/a.h"\n',
    "net/CMakeLists.txt": "belfry_library(net belfry_base)\n",
    "tests/unit/t.c": '#include "tests/unit/test.h"\n',
}

BAD = [
    ("an include that goes up", "base/a.h", '#include "mail/b.h"\n',
     "base/a.h:1: base/ (floor 0) uses mail/ (floor 1)"),
    ("an include that goes sideways", "net/c.c", '\n#include "mail/b.h"\n',
     "net/c.c:2: net/ (floor 1) uses mail/ (floor 1)"),
    ("an include with a space after the hash", "base/a.h",
     '#  include "net/c.h"\n', "base/a.h:1"),
    ("an include without its folder", "mail/b.c", '#include "b.h"\n',
     "does not name its folder"),
    ("an include of a folder without a floor", "mail/b.c",
     '#include "attic/b.h"\n', "attic/ has no floor"),
    ("a folder without a floor", "attic/d.c", "", "attic/ has no floor"),
    ("a link that goes sideways", "net/CMakeLists.txt",
     "belfry_library(net belfry_base\n  belfry_mail)\n",
     "net/CMakeLists.txt: net/ (floor 1) uses mail/ (floor 1)"),
    ("a folder without its CMakeLists.txt", "queue/q.c", "",
     "queue/CMakeLists.txt is missing"),
]


def run(tree):
    with made_up(tree) as top:
        return subprocess.run([sys.executable, TOOL, top], text=True,
                              stderr=subprocess.PIPE, check=False)


class CheckLayers(unittest.TestCase):
    def test_good(self):
        done = run(GOOD)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_bad(self):
        for name, path, text, says in BAD:
            with self.subTest(name):
                done = run({**GOOD, path: text})
                self.assertEqual(done.returncode, 1)
                self.assertIn(says, done.stderr)

    def test_empty(self):
        self.assertEqual(run({"README": ""}).returncode, 1)


if __name__ == "__main__":
    unittest.main()
