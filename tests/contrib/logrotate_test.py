"""contrib/logrotate: logrotate itself moves the log away, belfryd goes on in a new
file, and no line is lost; also while the configuration is broken."""
import glob
import os
import re
import sys
import unittest
import subprocess

REPO = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(REPO, "tests", "e2e"))
import harness  # noqa: E402
import lab  # noqa: E402


@harness.need("logrotate")
@unittest.skipUnless(lab.IS_ROOT, "logrotate is root's")
class Rotate(harness.Case):
    def start_logging(self):
        belfryd = self.prepare()
        self.logs = os.path.join(belfryd.folder, "log")
        os.mkdir(self.logs, 0o750)
        os.chown(self.logs, *self.owner(belfryd.folder))
        path = os.path.join(self.logs, "belfry.log")
        belfryd.config["log"] = {"to": path}
        belfryd.write_config()
        belfryd.start()
        # An empty one would not be rotated.
        lab.wait_for(lambda: os.path.exists(path) and read(path), "a line")
        return belfryd

    def owner(self, path):
        found = os.stat(path)
        return found.st_uid, found.st_gid

    def rotate(self):
        """With our places and account in the place of the installed ones, on a
        machine without systemd."""
        belfryd = self.belfryd
        with open(os.path.join(REPO, "contrib", "logrotate", "belfry"),
                  encoding="utf-8") as file:
            text = file.read()
        for old, new in (("/var/log/belfry/", f"{self.logs}/"),
                         ("su belfry belfry", "su nobody root"),
                         ("runuser -u belfry", "runuser -u nobody"),
                         ("/run/systemd/system", "/nonexistent"),
                         ("/var/lib/belfry", belfryd.config["state_dir"])):
            self.assertIn(old, text)
            text = text.replace(old, new)
        path = os.path.join(belfryd.folder, "logrotate.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chown(path, 0, 0)
        os.chmod(path, 0o644)
        done = subprocess.run(
            ["logrotate", "--force", "--state", path + ".state", path],
            capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def lines(self, pattern):
        return sum(len(re.findall("event=accept", read(path)))
                   for path in glob.glob(os.path.join(self.logs, pattern)))

    def test_rotates(self):
        self.start_logging()
        self.send()
        self.rotate()
        new = os.path.join(self.logs, "belfry.log")
        lab.wait_for(lambda: os.path.exists(new), "a new file")
        self.assertEqual(oct(os.stat(new).st_mode & 0o777), "0o640")
        self.send()
        lab.wait_for(lambda: self.lines("belfry.log") == 1, "the new line")
        self.assertEqual(self.lines("belfry.log.1"), 1)

    def test_rotates_with_a_broken_configuration(self):
        """It is refused, but the log is not what it was."""
        belfryd = self.start_logging()
        belfryd.write_config("hostname: [\n")
        self.rotate()
        new = os.path.join(self.logs, "belfry.log")
        lab.wait_for(lambda: os.path.exists(new) and "reload_refused" in
                     read(new), "the refusal, in the new file")

    def test_another_process_has_the_number(self):
        """A crash leaves a number behind; root obeys nothing that the account
        wrote there."""
        belfryd = self.start_logging()
        self.assertEqual(belfryd.stop(), 0)
        lock = os.path.join(belfryd.config["state_dir"], "lock")
        for user in (0, 65534):
            other = subprocess.Popen(["sleep", "60"], user=user)
            with open(lock, "w", encoding="utf-8") as file:
                file.write(f"{other.pid}\n")
            # What was rotated once needs something to rotate again.
            with open(os.path.join(self.logs, "belfry.log"), "a",
                      encoding="utf-8") as file:
                file.write("x\n")
            os.chown(file.name, *self.owner(self.logs))
            try:
                self.rotate()
                self.assertRaises(subprocess.TimeoutExpired, other.wait, 0.5)
            finally:
                other.kill()
                other.wait()


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


if __name__ == "__main__":
    harness.main()
