"""Alerts that come by mail, answers to notices, and notices that come back."""
import email
import email.policy
import os
import smtplib

import alertmanager
import harness
import lab

TOKEN = "tokentokentoken1"


class AlertMailCase(harness.Case):
    """A belfryd that mail makes alerts at, and answers to their notices."""

    def secret(self, name, text):
        path = os.path.join(self.belfryd.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        if os.geteuid() == 0:
            os.chown(path, 0, 65534)
        os.chmod(path, 0o640)
        return path

    def begin(self, **alerts):
        belfryd = self.prepare()
        belfryd.config.update({
            "domains": ["in.example"], "postmaster": "anna@example.org",
            "routes": [{"match": "alert@in.example", "deliver": "alert"}],
            "alerts": {
                "mail": ["anna@example.org"], "reply": "in.example",
                "route": {"group_wait": "1s", "group_interval": "1s",
                          "resolve_hold": "1s"},
                "sources": [
                    {"name": "nas", "kind": "mail",
                     "token_file": self.secret("nas", TOKEN),
                     "domains": ["nas.example"],
                     "rules": [
                         {"subject": "/FAILED (.*)/", "dedup_key": "$1",
                          "severity": "warning"},
                         {"subject": "/OK (.*)/", "dedup_key": "$1",
                          "resolved": True}]}],
                **alerts}})
        belfryd.config["http"][0]["serve"] = ["api", "metrics", "alerts"]
        belfryd.write_config()
        return belfryd.start()

    def mail(self, to, text, sender="root@nas.example"):
        with smtplib.SMTP("127.0.0.1", self.belfryd.smtp, timeout=30) as s:
            s.sendmail(sender, [to], text.replace("\n", "\r\n").encode())

    def counted(self, source, result):
        return self.belfryd.metric("belfry_alert_events_total", source=source,
                                   result=result)

    def came(self, count=1, **fields):
        return self.wait_events(count, "alert_mail", **fields)

    def answer(self, notice, line, sender="anna@example.org", more="",
               author=None):
        self.mail(notice.header("Reply-To").strip("<>"),
                  f"From: Anna <{author or sender}>\nSubject: Re: x\n{more}\n"
                  f"> all of it\n\n{line}\n", sender)


class AlertMail(AlertMailCase):
    # --- sources --------------------------------------------------------------

    def test_by_token(self):
        self.begin()
        self.mail(f"alert+{TOKEN}@in.example",
                  "From: root@nas.example\nSubject: FAILED disk 3\n\nsorry\n")
        (down,) = self.sink.wait(1, 60)
        self.assertIn("FAILED disk 3", down.content.decode())
        self.mail(f"alert+{TOKEN}@in.example",
                  "From: root@nas.example\nSubject: OK disk 3\n\nwell\n")
        down, up = self.sink.wait(2, 60)
        self.assertEqual(up.header("In-Reply-To"), down.header("Message-ID"))
        self.assertEqual(self.belfryd.metric(
            "belfry_alert_events_total", source="nas", result="firing"), 1)
        self.assertNotIn(TOKEN, self.belfryd.log())
        self.assertEqual({e["to"] for e in self.belfryd.events("deliver")},
                         {"@in.example", "anna@example.org"})

    def test_by_domain(self):
        """Who may submit here is believed; the charset is another one."""
        self.begin()
        self.mail("alert@in.example",
                  "From: root@nas.example\nSubject: FAILED =?iso-8859-15?q?"
                  "=A4?=\nContent-Type: text/plain; charset=iso-8859-15\n"
                  "Content-Transfer-Encoding: quoted-printable\n\n=A4 5\n")
        (down,) = self.sink.wait(1, 60)
        text = email.message_from_bytes(
            down.content, policy=email.policy.default)
        self.assertIn("\u20ac", text["Subject"] + text.get_body(
            ("plain",)).get_content())

    def test_not_understood(self):
        self.begin()
        self.mail(f"alert+{TOKEN}@in.example", "From: x@other.example\n\nnow\n")
        self.came(result="malformed", source="nas")
        self.mail("alert@in.example", "From: x@other.example\n\nnow\n")
        self.came(result="refused")
        self.assertEqual(self.counted("nas", "malformed"), 1)
        self.assertEqual(self.counted("mail", "forbidden"), 1)
        self.assertEqual(self.sink.messages, [])
        # Nobody is told: there is nobody to tell it to.
        lab.wait_for(lambda: not self.belfryd.queue(), "an empty queue")

    def test_guesses(self):
        """A token that can be none is no address of ours; as often as other
        such addresses."""
        belfryd = self.begin()
        belfryd.stop()
        belfryd.config["limits"] = {"unknown_recipients": 3}
        belfryd.config["listeners"][0].update(trust=[], role="inbound")
        belfryd.write_config()
        belfryd.start()
        client = self.client()
        client.mail("alert+b.abc@in.example")
        for token in ("rubbish", "b." + "a" * 48, TOKEN):
            code, said = client.rcpt(f"alert+{token}@in.example")
            if token == TOKEN:
                self.assertEqual(code, 250, said)
            else:
                self.assertEqual((code, said[:5]), (550, b"5.1.1"), said)
        # A token of that kind; whose it is is known by the mail only.
        self.assertEqual(client.rcpt(
            "alert+ai" + "a" * 46 + "@in.example")[0], 250)
        code, said = client.rcpt("alert+more@in.example")
        self.assertEqual(code, 550)
        with self.assertRaises(smtplib.SMTPServerDisconnected):
            client.noop()
            client.noop()
        self.assertEqual(self.counted("mail", "unauthorized"), 3)
        self.wait_events(3, "alert_refused", source="mail", reason="token",
                         status="550")
        self.assertEqual({e["to"] for e in belfryd.events("refuse")
                          if "to" in e}, {"alert+*@in.example",
                                          "alert+b.*@in.example"})
        self.assertEqual({e["from"] for e in belfryd.events("refuse")},
                         {"alert+b.*@in.example"})

    def test_tokens_are_not_listed(self):
        belfryd = self.begin()
        belfryd.cli("pause", "--reason", "a test", "--alerts")
        self.mail(f"alert+{TOKEN}@in.example",
                  "From: root@nas.example\nSubject: FAILED disk 3\n\nsorry\n")
        self.mail("ben@example.org", "Subject: x\n\n",
                  "alert+b.abc@in.example")
        for arguments in (("list",), ("list", "--json"),
                          ("show", self.belfryd.queue()[0]["queue_id"])):
            said = belfryd.cli("queue", *arguments).stdout
            self.assertIn("alert+*@in.example", said)
            self.assertNotIn(TOKEN, said)
        said = belfryd.cli("queue", "list").stdout
        self.assertIn("alert+b.*@in.example", said)
        self.assertEqual(len(belfryd.queue()), 2)
        self.assertEqual({e["from"] for e in belfryd.events("accept")},
                         {"root@nas.example", "alert+b.*@in.example"})
        # What can be put into the queue again has it.
        out = belfryd.folder + "/out"
        belfryd.cli("queue", "export", out, "--to", "in.example")
        (name,) = [n for n in os.listdir(out) if n.endswith(".json")]
        with open(f"{out}/{name}", encoding="utf-8") as file:
            self.assertIn(f"alert+{TOKEN}@in.example", file.read())
        belfryd.cli("resume")
        self.sink.wait(2, 60)

    # --- answers ---------------------------------------------------------------

    def test_answers(self):
        self.begin()
        self.mail(f"alert+{TOKEN}@in.example",
                  "From: root@nas.example\nSubject: FAILED disk 3\n\nsorry\n")
        (down,) = self.sink.wait(1, 60)
        # Of somebody else, of a program, of no use.
        self.answer(down, "ack", "ben@example.org")
        self.answer(down, "ack", more="Auto-Submitted: auto-replied\n")
        self.answer(down, "please ack")
        self.came(2, result="refused")
        self.came(1, result="dropped")
        self.answer(down, "Ack.")
        (done,) = self.came(result="reply", command="ack")
        self.assertEqual(done["from"], "anna@example.org")
        self.answer(down, "silence 2h")
        self.came(result="reply", command="silence")
        self.answer(down, "close")
        self.came(result="reply", command="close")
        lab.wait_for(lambda: not self.belfryd.queue(), "an empty queue")

    def test_silence_of_two(self):
        """One mail told two groups: what they have in common is no reason to
        silence a third one."""
        self.begin(sources=[{"name": "alertmanager", "kind": "alertmanager"}])
        api = alertmanager.Api(self.belfryd.http)

        def fire(**severities):
            self.assertEqual(api.post("alerts", [{"labels": {
                "alertname": name, "cluster": "prod", "severity": severity}}
                for name, severity in severities.items()])[0], 200)

        fire(DiskFull="warning", CertExpiring="info")
        (both,) = self.sink.wait(1, 60)
        for name in ("DiskFull", "CertExpiring"):
            self.assertIn(name, both.content.decode())
        self.answer(both, "silence 2h")
        self.came(result="reply", command="silence")
        lab.wait_for(lambda: not self.belfryd.queue(), "an empty queue")
        self.assertEqual(
            sorted(s["matchers"] for s in
                   self.belfryd.api("GET", "silences")["silences"]),
            [[f'alertname="{name}"', 'cluster="prod"', f'severity="{severity}"']
             for name, severity in (("CertExpiring", "info"),
                                    ("DiskFull", "warning"))])
        fire(DatabaseDown="critical")
        _, down = self.sink.wait(2, 60)
        self.assertIn("DatabaseDown", down.content.decode())

    def test_answer_in_vain(self):
        """Who answered with what is no command hears of it, once an hour; what
        a program sent, or nobody vouches for, is never answered."""
        belfryd = self.begin()
        self.mail(f"alert+{TOKEN}@in.example",
                  "From: root@nas.example\nSubject: FAILED disk 3\n\nsorry\n")
        (down,) = self.sink.wait(1, 60)
        self.answer(down, "akc", more="Auto-Submitted: auto-replied\n")
        self.answer(down, "akc", more="List-Id: <x.example>\n")
        self.answer(down, "akc", more="Precedence: bulk\n")
        self.answer(down, "akc", "ben@example.org")
        self.mail(down.header("Reply-To").strip("<>"),
                  "From: anna@example.org\n\nakc\n", "")
        self.came(4, result="dropped")
        self.came(1, result="refused")
        self.answer(down, "akc", more="Message-ID: <a.1@example.org>\n")
        self.came(2, result="refused")
        down, told = self.sink.wait(2, 60)
        self.assertEqual((told.sender, told.recipients),
                         ("", ["anna@example.org"]))
        self.assertEqual(told.header("Auto-Submitted"), "auto-replied")
        self.assertEqual(told.header("In-Reply-To"), "<a.1@example.org>")
        text = told.content.decode()
        self.assertIn("its first line is no command", text)
        self.assertIn("\r\nack  ", text)
        # Not again, and it makes no other one when it comes back.
        self.answer(down, "ackk")
        self.came(3, result="refused")
        self.mail(f"alert+{TOKEN}@in.example",
                  text.replace("\r\n", "\n"))
        self.came(5, result="dropped")
        # It can be answered as well.
        self.answer(told, "ack")
        self.came(result="reply", command="ack")
        lab.wait_for(lambda: not belfryd.queue(), "an empty queue")
        self.assertEqual(len(self.sink.messages), 2)

    def test_our_own_comes_back(self):
        """A recipient forwards to us: no mail makes another one."""
        self.begin()
        self.mail(f"alert+{TOKEN}@in.example",
                  "From: root@nas.example\nSubject: FAILED disk 3\n\nsorry\n")
        (down,) = self.sink.wait(1, 60)
        self.mail(f"alert+{TOKEN}@in.example",
                  down.content.decode().replace("\r\n", "\n"))
        self.came(result="dropped")

    def test_bounce(self):
        self.begin()
        self.mail(f"alert+{TOKEN}@in.example",
                  "From: root@nas.example\nSubject: FAILED disk 3\n\nsorry\n")
        (down,) = self.sink.wait(1, 60)
        self.assertRegex(down.sender, r"^alert\+b\.[a-z2-7]{48}@in\.example$")
        report = ("From: mailer-daemon@far.example\nSubject: failed\n"
                  "Content-Type: multipart/report; boundary=b;\n"
                  " report-type=delivery-status\n\n--b\n\nsorry\n--b\n"
                  "Content-Type: message/delivery-status\n\n"
                  "Reporting-MTA: dns; far.example\n\n"
                  "Final-Recipient: rfc822; {}\nAction: failed\n"
                  "Status: 5.1.1\nDiagnostic-Code: smtp; 550 nobody\n--b--\n")
        self.mail(down.sender, report.format("ben@example.org"), "")
        self.came(result="refused")
        self.mail(down.sender, report.format("anna@example.org"), "")
        self.came(result="bounce")

    # --- what lasts --------------------------------------------------------------

    def test_nothing_is_lost(self):
        """What was accepted is an alert after all, whatever happens."""
        belfryd = self.begin()
        for n in range(20):
            self.mail(f"alert+{TOKEN}@in.example",
                      f"From: root@nas.example\nSubject: FAILED disk {n}\n\n")
        belfryd.kill()
        belfryd.start()
        lab.wait_for(lambda: all(
            any(f"disk {n}" in m.content.decode() for m in self.sink.messages)
            for n in range(20)), "all of them", 60)


if __name__ == "__main__":
    harness.main()
