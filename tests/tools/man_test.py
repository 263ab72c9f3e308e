"""The manual pages: roff without a fault, and every command, option and key is
in them, since they are made from the same tables."""
import json
import os
import re
import shutil
import subprocess
import sys
import unittest

BELFRY, BELFRYD, MILTER, FOLDER = sys.argv[1:5]
PAGES = ["belfry.1", "belfryd.8", "belfry-milter.8", "belfry.yaml.5",
         "belfry-sendmail.1"]


def rows(*command):
    done = subprocess.run([BELFRY, *command, "--json"], capture_output=True,
                          text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def source(name):
    with open(os.path.join(FOLDER, name), encoding="ascii") as file:
        return file.read()


def plain(name):
    """The page as a terminal shows it, without its bold type; words in one
    line each."""
    text = re.sub(r"\\f[BR]|\\&", "", source(name))
    for escape, char in (("\\-", "-"), ("\\(aq", "'"), ("\\(ga", "`"),
                         ("\\(ha", "^"), ("\\(ti", "~"), ("\\e", "\\")):
        text = text.replace(escape, char)
    return text


class Man(unittest.TestCase):
    def test_commands(self):
        page = plain("belfry.1")
        for row in rows("help"):
            command = f"\nbelfry {row['command']} {row['synopsis']}\n"
            self.assertIn(command, page)
            self.assertIn(row["help"], page)
            for line in row["options"].splitlines():
                self.assertIn(line, page)

    def test_keys(self):
        page = plain("belfry.yaml.5")
        for row in rows("config", "reference"):
            self.assertIn(f"\n.TP\n{row['key']}\n", page)
            self.assertIn(row["help"], page)
        self.assertIn("limits.message_size\n(size, 1K to 2G; default: 50M)\n",
                      page)
        self.assertIn("hostname\n(string; required)\n", page)
        self.assertNotIn("reference: begin", page)
        # What is Markdown's stays where it is the text's own.
        self.assertIn("\n*@*.example.org\na glob: * is any run", page)

    def test_options_of_programs(self):
        for program, name in ((BELFRY, "belfry.1"), (BELFRYD, "belfryd.8"),
                              (MILTER, "belfry-milter.8")):
            said = subprocess.run([program, "--help"], capture_output=True,
                                  text=True, check=True).stdout
            page = plain(name)
            options = re.findall(r"^ +(?:-\w, )?(--[a-z]+)", said, re.M)
            self.assertIn("--config", options)
            for option in options:
                self.assertIn(option, page)
        self.assertIn("SIGHUP", plain("belfryd.8"))
        self.assertIn("\n.TP\n78\n", plain("belfry.1"))
        milter = plain("belfry-milter.8")
        for word in ("SIGUSR1", "milter_default_action = tempfail",
                     "daemon_name", "\n.TP\n78\nthe configuration is wrong\n"):
            self.assertIn(word, milter)

    def test_sendmail(self):
        page = plain("belfry-sendmail.1")
        for word in ("-t", "-oi", "EX_TEMPFAIL", "submit_socket"):
            self.assertIn(word, page)
        self.assertEqual(source("sendmail.1"), ".so man1/belfry-sendmail.1\n")

    @unittest.skipUnless(shutil.which("groff"), "groff is not installed")
    def test_roff(self):
        for name in PAGES:
            path = os.path.join(FOLDER, name)
            done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", path],
                                  capture_output=True, text=True, check=True)
            self.assertEqual(done.stderr, "", name)
            shown = re.sub(r"\x1b\[\d*m|.\x08", "", done.stdout)
            # No escape or Markdown is left over.
            self.assertIsNone(re.search(r"\\f|\\\(|\]\(|\*\*", shown), name)
            self.assertIn("SEE ALSO", shown)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
