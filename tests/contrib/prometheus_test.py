"""contrib/prometheus: promtool takes the rules and what they say is tested; the
metrics in them exist; Prometheus itself scrapes both programs and runs them."""
import json
import os
import re
import subprocess
import sys
import urllib.parse
import urllib.request

REPO = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(REPO, "tests", "e2e"))
import harness  # noqa: E402
import lab  # noqa: E402

CONTRIB = os.path.join(REPO, "contrib", "prometheus")


def contrib(name):
    with open(os.path.join(CONTRIB, name), encoding="utf-8") as file:
        return file.read()


def promtool(*arguments):
    return subprocess.run(["promtool", *arguments], cwd=CONTRIB, text=True,
                          capture_output=True, check=False)


class Prometheus:
    """In the foreground, with a folder of its own."""

    def __init__(self, case, config):
        self.folder = harness.new_folder(case, "prometheus")
        path = os.path.join(self.folder, "prometheus.yml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(config)
        self.port = lab.free_port()
        with open(os.path.join(self.folder, "log"), "wb") as log:
            # It ends when the test does.
            self.process = subprocess.Popen(  # pylint: disable=R1732
                ["prometheus", f"--config.file={path}",
                 f"--storage.tsdb.path={self.folder}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        case.addCleanup(self.stop)
        lab.wait_for(self.is_ready, self.log)

    def is_ready(self):
        try:
            with urllib.request.urlopen(
                    f"http://127.0.0.1:{self.port}/-/ready", timeout=10):
                return True
        except OSError:
            return False

    def log(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8") as file:
            return file.read()

    def stop(self):
        self.process.terminate()
        self.process.wait(30)

    def get(self, path, **query):
        url = (f"http://127.0.0.1:{self.port}/api/v1/{path}?"
               + urllib.parse.urlencode(query))
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)["data"]

    def values(self, query):
        """Of each job."""
        return {row["metric"].get("job"): float(row["value"][1])
                for row in self.get("query", query=query)["result"]}


@harness.need("promtool")
class Rules(harness.Case):
    def test_check(self):
        done = promtool("check", "rules", "belfry.rules.yml")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_what_they_say(self):
        done = promtool("test", "rules", "belfry.rules.test.yml")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_each_is_tested_both_ways(self):
        tests = contrib("belfry.rules.test.yml")
        for name in re.findall(r"- alert: (\w+)", contrib("belfry.rules.yml")):
            self.assertRegex(tests, rf"alertname: {name}\n\s+exp_alerts:\n")
            if name != "Watchdog":
                self.assertIn(f"alertname: {name}, exp_alerts: []", tests)

    def test_each_is_explained(self):
        told = contrib("README.md")
        for name in re.findall(r"- alert: (\w+)", contrib("belfry.rules.yml")):
            self.assertIn(f"`{name}`", told)


class Metrics(harness.Case):
    def milter(self):
        with open(os.path.join(REPO, "docs", "milter.md"),
                  encoding="utf-8") as file:
            return set(re.findall(r"`(belfry_[a-z_]+)`", file.read()))

    def test_exist(self):
        """Every name is one that belfryd has, or the page of the milter."""
        text = self.start().get("/metrics")[1]
        there = self.milter() | set(re.findall(r"^# TYPE (\S+)", text, re.M))
        rules = re.sub(r"^ *(summary|description):.*", "",
                       contrib("belfry.rules.yml"), flags=re.M)
        used = set(re.findall(r"\bbelfry_[a-z_]+", rules))
        self.assertGreater(len(used), 15)
        for name in used:
            self.assertIn(re.sub("_bucket$", "", name), there)


@harness.need("prometheus")
class Scraped(harness.Case):
    def config(self):
        """Ours, with the test's places, scraped at once and with a token."""
        text = contrib("prometheus.yml")
        token = os.path.join(self.belfryd.folder, "token")
        for old, new in (
                ("# authorization", "authorization"),
                ("/etc/prometheus/belfry.token", token),
                ("/etc/prometheus/belfry.rules.yml",
                 os.path.join(CONTRIB, "belfry.rules.yml")),
                ("127.0.0.1:8025", f"127.0.0.1:{self.belfryd.http}"),
                ("127.0.0.1:8026", f"127.0.0.1:{lab.free_port()}")):
            self.assertIn(old, text)
            text = text.replace(old, new)
        return ("global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
                + text)

    def start_with_token(self):
        belfryd = self.prepare()
        users = os.path.join(belfryd.folder, "users.yaml")
        token = os.path.join(belfryd.folder, "token")
        for path, text in ((token, "a-token-of-the-tests\n"),
                           (users, f"prometheus: {{token_file: '{token}', "
                                   "rights: [read]}\n")):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            os.chmod(path, 0o600)
            found = os.stat(belfryd.folder)
            os.chown(path, found.st_uid, found.st_gid)
        belfryd.config["users_file"] = users
        belfryd.config["http"][0]["trust"] = []
        belfryd.write_config()
        belfryd.start()

    def test_scrape_and_rules(self):
        self.start_with_token()
        prometheus = Prometheus(self, self.config())
        lab.wait_for(lambda: prometheus.values("up") ==
                     {"belfry": 1, "belfry-milter": 0}, prometheus.log)
        self.assertEqual(
            prometheus.values("belfry_config_last_reload_successful"),
            {"belfry": 1})

        def rules():
            return [rule for group in prometheus.get("rules")["groups"]
                    for rule in group["rules"]]
        lab.wait_for(lambda: all(r["health"] == "ok" for r in rules()),
                     lambda: str(rules()))
        # The milter is not there: so it will say, in two minutes.
        lab.wait_for(lambda: {r["name"]: r["state"] for r in rules()
                              if r["state"] != "inactive"} ==
                     {"Watchdog": "firing", "BelfryDown": "pending"},
                     lambda: str(rules()))


if __name__ == "__main__":
    harness.main()
