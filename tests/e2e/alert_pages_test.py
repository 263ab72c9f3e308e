"""The commands of the pages about alerts, run as they stand there."""
import os

import alert_act_test
import documented
import harness
import lab
from documented import DocCase

ALERTMANAGER = """\
global: {smtp_smarthost: "smtp.example.net:25", smtp_from: a@example.org}
route: {receiver: team, group_by: [alertname]}
receivers: [{name: team, email_configs: [{to: anna@example.org}]}]
"""


class FiveLines(DocCase):
    PAGE, HEADING = "alerts.md", "Five lines"
    ADDRESSES = ["anna@example.org", "sysadmin@example.net"]

    def test(self):
        self.start({"alerts": {"mail": self.ADDRESSES}})
        begin, look, end = self.blocks[0]
        self.run_line(begin)
        self.assertIn("The backup failed", self.run_line(look))
        mails = self.sink.wait(2, 60)
        self.assertEqual(sorted(m.recipients[0] for m in mails),
                         self.ADDRESSES)
        self.assertIn(b"The backup failed", mails[0].content)
        self.run_line(end)
        self.assertEqual(self.run_line(look), "No alert is open.\n")


class Team(DocCase):
    """The configuration of the page, with a file of ours."""
    PAGE, HEADING = "alerts.md", "A team"

    def test(self):
        belfryd = self.prepare()
        slack = os.path.join(belfryd.folder, "slack")
        with open(slack, "w", encoding="utf-8") as file:
            file.write("https://hooks.example.net/services/x\n")
        os.chmod(slack, 0o600)
        _, (_, lines) = documented.blocks(self.PAGE, "yaml")
        belfryd.write_config("\n".join(lines).replace("/etc/belfry/slack",
                                                      slack) + "\n")
        said = self.run_block(0)
        self.assertIn(": ok", said)
        self.assertIn("\n  escalation   after 15m5s, ", said)
        self.assertRegex(said, r"slack     oncall/slack/[0-9a-f]{8}\n")


class ByHand(DocCase):
    PAGE, HEADING = "incidents.md", "By hand"

    def test(self):
        self.start(alert_act_test.CONFIG)
        self.assertEqual(
            self.run_block(0), "No alert matches.\n"
            "Everything that came was understood.\nThere is no silence.\n"
            "Nobody was told of anything in the last week.\n")

    def test_cron(self):
        """The line of the crontab, as cron gives it to a shell."""
        belfryd = self.start(alert_act_test.CONFIG)
        conf = os.path.join(belfryd.folder, "sendmail.conf")
        with open(conf, "w", encoding="utf-8") as file:
            file.write(f"submit_socket: {belfryd.config['submit_socket']}\n")
        (_, (_, line)), = documented.blocks(self.PAGE, "cron")
        line = line.split(None, 6)[6].replace(
            "belfry sendmail", f"{lab.program('belfry')} sendmail -C {conf}")
        self.run_line(line.replace("; belfry ", f"; {lab.program('belfry')} "
                                   f"-c {belfryd.config_file} "))
        mail, = self.sink.wait(1)
        self.assertEqual(mail.recipients, ["anna@example.org"])
        self.assertEqual(mail.header("Subject"), "Alerts of the week")
        self.assertIn(b"Nobody was told of anything in the last week.",
                      mail.content)


class FromAlertmanager(DocCase):
    PAGE, HEADING = "from-alertmanager.md", "Moving from Alertmanager"

    def test(self):
        folder = self.start().folder
        there = os.path.join(folder, "alertmanager.yml")
        with open(there, "w", encoding="utf-8") as file:
            file.write(ALERTMANAGER)
        self.names.append(("/etc/prometheus/alertmanager.yml", there))
        self.run_block(0)
        self.belfryd.config["http"][0]["serve"].append("alerts")
        with open(os.path.join(folder, "alerts.yaml"),
                  encoding="utf-8") as file:
            self.belfryd.write_config(lab.yaml(self.belfryd.config) + "\n"
                                      + file.read())
        self.assertIn(": ok", self.belfryd.cli("check").stdout)


if __name__ == "__main__":
    harness.main()
