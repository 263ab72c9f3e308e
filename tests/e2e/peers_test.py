"""Belfry between programs that others wrote: Postfix's smtp-source and
smtp-sink, swaks, msmtp, and Python's smtplib."""
import email.message
import os
import re
import smtplib
import subprocess

import harness
import interop
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
        lab.wait_for(lambda: lab.listens(port), "smtp-sink")
        return port

    def source(self, *arguments):
        subprocess.run(
            ["smtp-source", *arguments, "-f", "anna@example.org", "-t",
             "ben@example.net", f"127.0.0.1:{self.belfryd.smtp}"],
            check=True, timeout=120)

    @harness.need("smtp-source")
    @harness.need("smtp-sink")
    def test_source_to_sink(self):
        folder = harness.new_folder(self, "sink")
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

    @harness.need("swaks")
    def test_swaks_parameters(self):
        """It has no options for them, but says an address as it is given; the
        ">" that it closes with is part of the last parameter."""
        said = {}

        def script(verb, argument):
            said[verb] = argument
            return (interop.UTF8.replace("250 ", "250-") + "\r\n250 DSN"
                    if verb == "EHLO" else None)

        self.sink.script = script
        self.start()
        done = subprocess.run(
            ["swaks", "--server", f"127.0.0.1:{self.belfryd.smtp}",
             "--from", "änna@example.org> SMTPUTF8 RET=HDRS ENVID=QQ+2B1",
             "--to", "bén@example.net> NOTIFY=SUCCESS ORCPT=rfc822;b+2Bc",
             "--header", "To: ben", "--h-From", "From: anna"],
            capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.sink.wait(1)
        for verb, path, wishes in [
                ("MAIL", "FROM:<änna@example.org>",
                 {"SMTPUTF8", "RET=HDRS", "ENVID=QQ+2B1>"}),
                ("RCPT", "TO:<bén@example.net>",
                 {"NOTIFY=SUCCESS", "ORCPT=rfc822;b+2Bc>"})]:
            words = interop.utf8(said[verb]).split(" ")
            self.assertEqual(words[0], path)
            self.assertLessEqual(wishes, set(words))

    def msmtp(self, *arguments, content):
        done = subprocess.run(
            ["msmtp", "--file=/dev/null", "--host=127.0.0.1",
             f"--port={self.belfryd.smtp}", "--logfile=-", *arguments],
            input=content, capture_output=True, timeout=60, check=False)
        return done.returncode, (done.stdout + done.stderr).decode()

    @harness.need("msmtp")
    def test_msmtp(self):
        self.start()
        content = harness.message("", body=b".\r\n..dots\r\n\xc3\xa9\r\n")
        status, said = self.msmtp("--from=anna@example.org",
                                  "ben@example.net", "carl@example.net",
                                  content=content.replace(b"\r\n", b"\n"))
        self.assertEqual(status, 0, said)
        (got,) = self.sink.wait(1)
        self.assertEqual(sorted(got.recipients),
                         ["ben@example.net", "carl@example.net"])
        self.assertTrue(got.content.endswith(b"\r\n" + content))
        # What it logs has the id by which the mail is known here.
        found = re.search(r"smtpmsg='250 2\.0\.0 queued as (\w+)'", said)
        self.assertTrue(found, said)
        self.assertEqual(self.wait_events(1, "accept")[0]["id"], found[1])

    @harness.need("msmtp")
    def test_msmtp_reads_the_header(self):
        """Recipients from To and Bcc, which is not sent; reports asked for."""
        self.start()
        status, said = self.msmtp(
            "--read-recipients", "--from=anna@example.org",
            "--dsn-notify=success,failure", "--dsn-return=hdrs",
            content=b"To: ben@example.net\nBcc: carl@example.net\n"
                    b"Subject: x\n\nhello\n")
        self.assertEqual(status, 0, said)
        first = self.sink.wait(1)[0]
        self.assertEqual(sorted(first.recipients),
                         ["ben@example.net", "carl@example.net"])
        self.assertNotIn(b"carl", first.content)
        self.wait_empty()
        (report,) = self.sink.messages[1:]
        self.assertEqual(report.recipients, ["anna@example.org"])
        self.assertEqual(report.content.count(b"\r\nAction: relayed\r\n"), 2)

    @harness.need("msmtp")
    def test_msmtp_is_refused(self):
        """Of two recipients one is refused: it sends nothing, says which one
        and exits with EX_NOUSER or the like."""
        self.start({"delivery": {"only_recipients": ["ben@example.net"]}})
        status, said = self.msmtp("--from=anna@example.org",
                                  "ben@example.net", "carl@example.net",
                                  content=harness.message("hello"))
        self.assertTrue(64 <= status < 79, (status, said))
        self.assertIn("recipient address carl@example.net not accepted", said)
        self.assertIn("not on it", said)
        self.assertEqual(self.queue(), [])

    def test_smtplib(self):
        """Its send_message(): what is refused comes back, the rest goes."""
        self.start({"delivery": {"only_recipients": ["ben@example.net"]}})
        mail = email.message.EmailMessage()
        mail["From"], mail["Subject"] = "anna@example.org", "Grüße"
        mail["To"] = "ben@example.net, carl@example.net"
        mail.set_content("Grüße\n.dot\n" + "x" * 990 + "\n", cte="8bit")
        with smtplib.SMTP("127.0.0.1", self.belfryd.smtp) as client:
            refused = client.send_message(mail)
        self.assertEqual({to: said[0] for to, said in refused.items()},
                         {"carl@example.net": 550})
        (got,) = self.sink.wait(1)
        self.assertEqual(got.recipients, ["ben@example.net"])
        self.assertTrue(got.content.endswith(
            "\r\n\r\nGrüße\r\n.dot\r\n".encode() + b"x" * 990 + b"\r\n"))

    def test_smtplib_utf8(self):
        """Addresses beyond ASCII: it says SMTPUTF8 by itself."""
        self.sink.script = lambda verb, argument: (
            interop.UTF8 if verb == "EHLO" else None)
        self.start()
        mail = email.message.EmailMessage()
        mail["From"], mail["Subject"] = "änna@example.org", "Grüße"
        mail["To"] = "bén@bücher.example"
        mail.set_content("x\n")
        with smtplib.SMTP("127.0.0.1", self.belfryd.smtp) as client:
            client.send_message(mail)
        (got,) = self.sink.wait(1)
        self.assertEqual(interop.utf8(got.sender), "änna@example.org")
        self.assertEqual([interop.utf8(r) for r in got.recipients],
                         ["bén@xn--bcher-kva.example"])
        self.assertIn("To: bén@bücher.example".encode(), got.content)

    def test_smtplib_too_big(self):
        """By SIZE, before any of it is sent."""
        self.start({"limits": {"message_size": "50K", "header_size": "20K"}})
        with smtplib.SMTP("127.0.0.1", self.belfryd.smtp) as client:
            with self.assertRaises(smtplib.SMTPSenderRefused) as caught:
                client.sendmail("anna@example.org", ["ben@example.net"],
                                b"x: y\r\n\r\n" + b"0123456\r\n" * 8000)
        self.assertEqual(caught.exception.smtp_code, 552)


if __name__ == "__main__":
    harness.main()
