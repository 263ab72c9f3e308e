"""alertmanager - the packaged Alertmanager as a peer, and how /api/v2 is asked."""
import http.client
import json
import os
import subprocess
import time
import urllib.parse

import harness
import lab

AMTOOL = harness.need("amtool")
ALERTMANAGER = harness.need("prometheus-alertmanager")

ROUTES = {
    "receiver": "team", "group_by": ["alertname"], "group_wait": "1s",
    "group_interval": "1s", "repeat_interval": "1h",
    "routes": [
        {"matchers": ['severity="critical"'], "receiver": "oncall",
         "group_by": ["alertname", "instance"], "continue": True,
         "routes": [{"matchers": ['instance=~"web.*"', 'job!=""'],
                     "group_wait": "500ms", "receiver": "team"}]},
        {"matchers": ['team="db"'], "receiver": "db"}]}
INHIBIT = [{"source_matchers": ['severity="critical"'],
            "target_matchers": ['severity="warning"'], "equal": ["instance"]}]
NAMES = ("team", "oncall", "db")
# The same for belfryd.
ALERTS = {"alerts": {
    "receivers": [{"name": name, "mail": [f"{name}@example.net"]}
                  for name in NAMES],
    "route": ROUTES, "inhibit_rules": INHIBIT}}


class Api:
    """/api/v2 at a port."""

    def __init__(self, port):
        self.port = port

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method, path, body=None, headers=None):
        """(status, headers, what the JSON says; text where it is none)."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        if not isinstance(body, (str, bytes, type(None))):
            body = json.dumps(body)
        headers = headers if headers is not None or body is None else {
            "Content-Type": "application/json"}
        try:
            client.request(method, path, body, headers or {})
            answer = client.getresponse()
            text = answer.read().decode()
        finally:
            client.close()
        try:
            return answer.status, answer.headers, json.loads(text)
        except ValueError:
            return answer.status, answer.headers, text

    def get(self, path, **params):
        query = urllib.parse.urlencode(params, doseq=True)
        return self.ask("GET", f"/api/v2/{path}" + (f"?{query}" if query
                                                    else ""))

    def post(self, path, body):
        return self.ask("POST", f"/api/v2/{path}", body)

    def alerts(self, **params):
        status, _, alerts = self.get("alerts", **params)
        assert status == 200, alerts
        return alerts

    def tool(self, *arguments, check=True):
        """amtool."""
        done = subprocess.run(
            ["amtool", f"--alertmanager.url={self.url}", *arguments],
            capture_output=True, text=True, timeout=60, check=False,
            env=dict(os.environ, HOME="/nonexistent"))
        if check and done.returncode:
            raise lab.Failed(f"amtool {arguments}: {done.stdout}{done.stderr}")
        return done


class Peer(Api):
    """The real one, with its state in FOLDER; HOOK is told what it sends."""

    def __init__(self, test, hook=None):
        super().__init__(lab.free_port())
        self.folder = harness.new_folder(test, "alertmanager")
        file = os.path.join(self.folder, "am.yml")
        hooks = {"webhook_configs": [{"url": hook}]} if hook else {}
        with open(file, "w", encoding="ascii") as out:
            out.write(lab.yaml({"route": ROUTES, "inhibit_rules": INHIBIT,
                                "receivers": [{"name": name, **hooks}
                                              for name in NAMES]}))
        with open(os.path.join(self.folder, "log"), "w",
                  encoding="ascii") as log:
            self.process = subprocess.Popen(
                ["prometheus-alertmanager", f"--config.file={file}",
                 f"--storage.path={self.folder}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}",
                 "--cluster.listen-address="],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        test.addCleanup(self.stop)
        lab.wait_for(lambda: lab.listens(self.port), "Alertmanager")

    def stop(self):
        self.process.terminate()
        self.process.wait()


def at(seconds):
    """Now and so many SECONDS, as RFC 3339 has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ",
                         time.gmtime(time.time() + seconds))


def write(path, text):
    """A file that belfryd alone may read."""
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(path, 0o640)
    if lab.IS_ROOT:
        os.chown(path, 0, 65534)
