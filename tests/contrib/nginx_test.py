"""contrib/nginx: nginx itself takes the files, and through it Belfry knows who the
client is: TLS before HTTP, and PROXY before SMTP."""
import http.client
import os
import re
import smtplib
import ssl
import subprocess
import sys

REPO = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(REPO, "tests", "e2e"))
sys.path.insert(0, os.path.join(REPO, "tests", "contrib"))
import certbot_test  # noqa: E402
import harness  # noqa: E402
import lab  # noqa: E402

STREAM = "/usr/lib/nginx/modules/ngx_stream_module.so"


def contrib(name, *changes):
    with open(os.path.join(REPO, "contrib", "nginx", name),
              encoding="utf-8") as file:
        text = file.read()
    for old, new in changes:
        assert re.search(old, text), old
        text = re.sub(old, new, text)
    return text


class Proxied(harness.Case):
    def start_nginx(self, *parts):
        """In the foreground, with nothing of the machine's own."""
        folder = os.path.join(self.belfryd.folder, "nginx")
        os.mkdir(folder)
        path = os.path.join(folder, "nginx.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join([
                "daemon off;", f"pid {folder}/pid;",
                f"error_log {folder}/error.log;", *parts]))
        command = ["nginx", "-p", folder, "-c", path]
        done = subprocess.run([*command, "-t"], capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("[warn]", done.stderr)
        nginx = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        self.addCleanup(nginx.wait)
        self.addCleanup(nginx.terminate)

    @harness.need("nginx")
    @harness.need("openssl")
    def test_http(self):
        """A request has the rights of the client behind the proxy, whatever
        that one says itself."""
        belfryd = self.prepare()
        belfryd.config["http"][0].update(proxy=["127.0.0.1"],
                                         trust=["127.0.0.2"])
        belfryd.write_config()
        belfryd.start()
        live = os.path.join(belfryd.folder, "live")
        certbot_test.make_pair(live, "belfry.example.org")
        port = lab.free_port()
        temp = [f"{kind}_temp_path {belfryd.folder}/nginx/{kind};" for kind in
                ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")]
        self.start_nginx("events {}", "http {", "access_log off;", *temp,
                         contrib("belfry.conf",
                                 (r"listen 443 (.*)",
                                  rf"listen 127.0.0.1:{port} \1"),
                                 (r"\n\tlisten \[::\].*", ""),
                                 (r"/etc/letsencrypt/live/\S+/", live + "/"),
                                 (r"127\.0\.0\.1:8025",
                                  f"127.0.0.1:{belfryd.http}")), "}")
        lab.wait_for(lambda: lab.listens(port), "nginx to listen")
        context = ssl.create_default_context(
            cafile=os.path.join(live, "fullchain.pem"))
        context.check_hostname = False
        for client, status in (("127.0.0.2", 200), ("127.0.0.3", 401)):
            connection = http.client.HTTPSConnection(
                "127.0.0.1", port, timeout=30, context=context,
                source_address=(client, 0))
            connection.request("GET", "/api/v1/status", headers={
                "X-Forwarded-For": "127.0.0.2", "Forwarded": "for=127.0.0.2"})
            answer = connection.getresponse()
            self.assertEqual(answer.status, status, answer.read())
            connection.close()

    @harness.need("nginx")
    def test_smtp(self):
        if not os.path.exists(STREAM):
            self.skipTest("libnginx-mod-stream is not installed")
        belfryd = self.prepare()
        belfryd.config["listeners"][0].update(
            proxy=["127.0.0.1"], trust=["127.0.0.2"])
        belfryd.write_config()
        belfryd.start()
        port = lab.free_port()
        self.start_nginx(f"load_module {STREAM};", "events {}",
                         contrib("belfry-stream.conf",
                                 (r"listen 25;", f"listen 127.0.0.1:{port};"),
                                 (r"\n\t\tlisten \[::\].*", ""),
                                 (r"mx1\.example\.org:2525",
                                  f"127.0.0.1:{belfryd.smtp}")))
        lab.wait_for(lambda: lab.listens(port), "nginx to listen")
        with smtplib.SMTP("127.0.0.1", port, timeout=30,
                          source_address=("127.0.0.2", 0)) as client:
            client.sendmail("anna@example.org", ["ben@example.net"],
                            harness.message("x"))
        self.sink.wait(1)
        (line,) = self.wait_events(1, "accept")
        self.assertIn("[127.0.0.2]", line["client"])


if __name__ == "__main__":
    harness.main()
