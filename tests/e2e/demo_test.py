"""The demo: all arrives, and each letter is told of in its order."""
import os
import re
import subprocess
import sys
import unittest

import harness
import lab


class Demo(unittest.TestCase):
    def test_order(self):
        done = subprocess.run(
            [sys.executable, os.path.join(lab.REPO, "tools/demo.py"),
             "--exit"], capture_output=True, text=True, timeout=110,
            check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        told = re.findall(r'^  (sent|arrived): +"(\w+)', done.stdout, re.M)
        self.assertRegex(done.stdout, r'"Judged" from dora@partner\.example.*\n'
                         r'.*\n +Authentication-Results: .* spf=pass .* '
                         r'smtp\.mailfrom=dora@partner\.example;')
        signed = re.findall(r"DKIM-Signature: v=1; a=rsa-sha256; .* "
                            r"d=example\.org; s=demo;", done.stdout)
        self.assertEqual(len(signed), 4) # Hello, Minutes, Busy, the alert
        self.assertRegex(done.stdout, r'posted: +an alert(.*\n)+ +arrived: '
                         r'"DiskWillFill on db1" .* for duty@example\.net')
        for subject in ("Hello", "Minutes", "Busy", "Judged"):
            with self.subTest(subject):
                self.assertEqual([how for how, what in told
                                  if what == subject], ["sent", "arrived"])


if __name__ == "__main__":
    harness.main()
