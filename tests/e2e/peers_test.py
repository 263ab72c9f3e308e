"""Belfry between programs that others wrote: Postfix's smtp-source and
smtp-sink, and swaks."""
import os
import re
import subprocess

import harness
import lab


class Peers(harness.Case):
    def smtp_sink(self, folder):
        """Postfix's smtp-sink, each message into a file; its port."""
        port = lab.free_port()
        user = ["-u", "nobody"] if lab.IS_ROOT else []
        process = subprocess.Popen(
            ["smtp-sink", *user, "-R", folder, "-d", "%H%M%S.",
             f"127.0.0.1:{port}", "100"], stderr=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.terminate)
        lab.wait_for(lambda: self.listens(port), "smtp-sink")
        return port

    @staticmethod
    def listens(port):
        import socket
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return True
        except OSError:
            return False

    def source(self, *arguments):
        subprocess.run(
            ["smtp-source", *arguments, "-f", "anna@example.org", "-t",
             "ben@example.net", f"127.0.0.1:{self.belfryd.smtp}"],
            check=True, timeout=120)

    @harness.need("smtp-source")
    @harness.need("smtp-sink")
    def test_source_to_sink(self):
        folder = lab.state_folder("sink")
        self.addCleanup(subprocess.run, ["rm", "-rf", folder])
        port = self.smtp_sink(folder)
        self.start({"delivery": {
            "smarthost": [{"host": "127.0.0.1", "port": port}]}})
        self.source("-s", "10", "-m", "300", "-l", "4096")
        self.source("-d", "-s", "10", "-m", "300", "-l", "4096")
        self.wait_empty()
        files = [name for name in os.listdir(folder)
                 if os.path.getsize(os.path.join(folder, name)) > 4096]
        self.assertEqual(len(files), 600)
        with open(os.path.join(folder, files[0]), "rb") as file:
            text = file.read()
        self.assertRegex(text, rb"(?m)^X-Mail-Args: <anna@example\.org>")
        self.assertRegex(text, rb"(?m)^X-Rcpt-Args: <ben@example\.net>")

    @harness.need("smtp-source")
    def test_many_recipients(self):
        self.start()
        self.source("-s", "2", "-m", "20", "-r", "10", "-l", "2000")
        self.wait_empty()
        self.assertEqual(sum(len(m.recipients) for m in self.sink.messages),
                         200)

    @harness.need("swaks")
    def test_swaks(self):
        self.start()
        done = subprocess.run(
            ["swaks", "--server", f"127.0.0.1:{self.belfryd.smtp}",
             "--from", "anna@example.org",
             "--to", "ben@example.net,carl@example.net",
             "--pipeline", "--body", "first\\n.second\\n", "--suppress-data"],
            capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertTrue(re.search(r"250 2\.0\.0 queued as", done.stdout),
                        done.stdout)
        got = self.sink.wait(1)[0]
        self.assertEqual(sorted(got.recipients),
                         ["ben@example.net", "carl@example.net"])
        self.assertIn(b"first\r\n.second\r\n", got.content)


if __name__ == "__main__":
    harness.main()
