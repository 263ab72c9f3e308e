"""check-style on small made-up trees: it passes the good one and sees each
kind of mistake."""
import os
import shutil
import subprocess
import sys
import unittest

from made_up import made_up

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")

GOOD = "int\nmain(void)\n{\n\treturn 0;\n}\n"

BAD = [
    ("spaces for a tab", "int\nmain(void)\n{\n        return 0;\n}\n",
     "a/b.c:3: run clang-format -i a/b.c"),
    ("a type beside its name", "int main(void)\n{\n\treturn 0;\n}\n",
     "a/b.c:1: run"),
    ("too long a file", GOOD + "/* */\n" * 600, "lines; past"),
]


def run(text):
    with made_up({} if text is None else {"a/b.c": text}) as top:
        shutil.copy(os.path.join(TOP, ".clang-format"), top)
        return subprocess.run([sys.executable,
                               os.path.join(TOP, "tools", "check-style"), top],
                              text=True, stderr=subprocess.PIPE, check=False)


class CheckStyle(unittest.TestCase):
    def test_good(self):
        done = run(GOOD)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_bad(self):
        for name, text, says in BAD:
            with self.subTest(name):
                done = run(text)
                self.assertEqual(done.returncode, 1)
                self.assertIn(says, done.stderr)

    def test_empty(self):
        self.assertEqual(run(None).returncode, 1)


if __name__ == "__main__":
    if shutil.which("clang-format") is None:
        sys.exit(77)
    unittest.main()
