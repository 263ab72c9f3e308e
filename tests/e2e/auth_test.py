"""Logging in: with what, as whom, and what becomes of who guesses."""
import base64
import hashlib
import hmac
import http.client
import os
import re
import signal
import smtplib
import socket
import ssl
import subprocess
import threading
import unittest

import harness
import ca
import lab


def scram_last(password, told, bare, first, final):
    """(salted password, the client's last message with its proof)"""
    salted = hashlib.pbkdf2_hmac(
        "sha256", password.encode(), base64.b64decode(told[b"s"]),
        int(told[b"i"]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    mark = hmac.digest(hashlib.sha256(key).digest(),
                       b",".join((bare, first, final)), "sha256")
    proof = base64.b64encode(bytes(x ^ y for x, y in zip(key, mark)))
    return salted, base64.b64encode(final + b",p=" + proof).decode()


class AuthCase(harness.Case):
    def setUp(self):
        super().setUp()
        self.users = {}

    def write_users(self, **users):
        """NAME=(password, more): entries that `belfry password` makes."""
        lines = []
        for name, (password, more) in users.items():
            made = subprocess.run(
                [lab.program("belfry"), "password", "--user", name],
                input=password.encode(), capture_output=True, check=True)
            entry = made.stdout.decode().strip()
            lines.append(entry[:-1] + (f", {more}" if more else "") + "}")
        path = os.path.join(self.belfryd.folder, "users.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        if os.geteuid() == 0:
            os.chown(path, 0, 65534)
        os.chmod(path, 0o640)
        return path

    def begin(self, auth="required", **users):
        belfryd = self.prepare()
        users = users or {"anna": ("secret", "")}
        belfryd.config["users_file"] = self.write_users(**users)
        belfryd.config["listeners"][0].update(
            auth=auth, auth_in_clear=True, trust=[])
        belfryd.write_config()
        return belfryd.start()

    def login(self, user="anna", password="secret"):
        client = self.client()
        client.login(user, password)
        return client

    def reload(self, event="reload"):
        before = len(self.belfryd.events(event))
        self.belfryd.signal(signal.SIGHUP)
        self.wait_events(before + 1, event)


class Auth(AuthCase):
    # --- clients ---------------------------------------------------------------

    def test_smtplib(self):
        belfryd = self.begin()
        client = self.client()
        self.assertIn("auth", client.esmtp_features)
        self.assertEqual(client.mail("anna@example.org")[0], 530)
        with self.assertRaises(smtplib.SMTPAuthenticationError) as no:
            client.login("anna", "Secret")
        self.assertEqual(no.exception.smtp_code, 535)
        client.user, client.password = "anna", "secret"
        self.assertEqual(client.auth("PLAIN", client.auth_plain)[0], 235)
        client.sendmail("anna@example.org", ["ben@example.net"],
                        harness.message("hello"))
        client = self.client()
        client.user, client.password = "anna", "secret"
        self.assertEqual(client.auth("LOGIN", client.auth_login)[0], 235)
        client.sendmail("anna@example.org", ["ben@example.net"],
                        harness.message("hello"))
        got = self.sink.wait(2)
        self.assertIn(" with ESMTPA id ", " ".join(
            got[0].header("Received").split()))
        self.assertEqual({e["mech"] for e in self.wait_events(2, "login")},
                         {"PLAIN", "LOGIN"})
        failed = self.wait_events(2, "login_failed")[0]  # by each mechanism
        self.assertEqual((failed["user"], failed["reason"]),
                         ("anna", "password"))
        self.assertEqual({e["user"] for e in self.wait_events(2, "accept")},
                         {"anna"})
        self.assertEqual(belfryd.metric("belfry_logins_total", result="ok"), 2)
        self.assertEqual(
            belfryd.metric("belfry_logins_total", result="failed"), 2)
        self.assertNotIn("secret", belfryd.log().lower().replace(
            "login.secret", ""))

    @harness.need("swaks")
    def test_swaks(self):
        self.begin(anna=("s3cr$t %#", ""))
        for mech in ("PLAIN", "LOGIN"):
            for password, status in (("s3cr$t %#", 0), ("s3cr", 28)):
                done = subprocess.run(
                    ["swaks", "--server", f"127.0.0.1:{self.belfryd.smtp}",
                     "--auth", mech, "--auth-user", "anna", "--auth-password",
                     password, "--from", "anna@example.org", "--to",
                     "ben@example.net"], capture_output=True, text=True,
                    check=False, timeout=60)
                self.assertEqual(done.returncode, status, done.stdout)
        self.sink.wait(2)

    @harness.need("msmtp")
    def test_msmtp(self):
        self.begin(anna=("pässwörd", ""))
        for mech in ("plain", "login", "scram-sha-256"):
            for password, status in (("pässwörd", 0), ("passw", 77)):
                done = subprocess.run(
                    ["msmtp", "--file=/dev/null", "--host=127.0.0.1",
                     f"--port={self.belfryd.smtp}", f"--auth={mech}",
                     "--user=anna", f"--passwordeval=echo '{password}'",
                     "--from=anna@example.org", "ben@example.net"],
                    input=harness.message("hello"), capture_output=True,
                    check=False, timeout=60)
                self.assertEqual(done.returncode, status,
                                 (mech, done.stderr))
        self.sink.wait(3)
        self.assertEqual({e["mech"] for e in self.wait_events(3, "login")},
                         {"PLAIN", "LOGIN", "SCRAM-SHA-256"})
        self.wait_events(3, "login_failed", reason="password")

    # --- users -----------------------------------------------------------------

    def test_whom_and_how_much(self):
        self.begin(app=("secret", "senders: [app.example], daily: 3"),
                   far=("secret", "networks: [192.0.2.0/24]"))
        with self.assertRaises(smtplib.SMTPAuthenticationError):
            self.login("far")
        self.wait_events(2, "login_failed", reason="network")
        client = self.login("app")
        self.assertEqual(client.mail("x@example.org")[0], 553)
        self.assertEqual(client.mail("x@app.example")[0], 250)
        for n in range(3):
            self.assertEqual(client.rcpt(f"r{n}@example.net")[0], 250)
        self.assertEqual(client.rcpt("r4@example.net")[0], 450)
        self.assertEqual(client.data(
            b"From: x@example.org\r\n\r\n")[0], 550)
        other = self.login("app")
        other.mail("x@app.example")
        self.assertEqual(other.rcpt("r4@example.net")[0], 450)

    def test_rates(self):
        """limits.rates of a user, over all sessions of it."""
        belfryd = self.prepare({"limits": {"rates": {
            "messages_per_user": "2/1h"}}})
        belfryd.config["users_file"] = self.write_users(
            anna=("secret", ""), ben=("secret", ""))
        belfryd.config["listeners"][0].update(auth="required",
                                              auth_in_clear=True)
        belfryd.write_config()
        belfryd.start()
        codes = [self.login(user).mail("x@example.org")[0]
                 for user in ("anna", "anna", "ben", "anna", "ben", "ben")]
        self.assertEqual(codes, [250, 250, 250, 450, 250, 450])

    def test_reload(self):
        belfryd = self.begin(auth="optional", anna=("secret", ""),
                             ben=("secret", ""))
        anna, ben = self.login("anna"), self.login("ben")
        self.write_users(ben=("other", ""))
        self.reload()
        # Out of the file: at the next MAIL.
        anna.mail("anna@example.org")
        self.assertEqual(anna.rcpt("x@example.net")[0], 530)
        ben.mail("ben@example.org")
        self.assertEqual(ben.rcpt("x@example.net")[0], 250)
        self.login("ben", "other")
        # A broken one, and one that all may read, change nothing.
        path = belfryd.config["users_file"]
        with open(path, "a", encoding="utf-8") as file:
            file.write("anna: {pasword: x}\n")
        self.reload("reload_refused")
        self.assertEqual(belfryd.events("reload_refused")[0]["where"],
                         f"{path}:2:8")
        self.write_users(anna=("secret", ""))
        os.chmod(path, 0o644)
        self.reload("reload_refused")
        self.login("ben", "other")
        os.chmod(path, 0o640)
        self.reload()
        self.login("anna")

    def test_check(self):
        belfryd = self.begin()
        path = belfryd.config["users_file"]
        self.assertIn(": ok", belfryd.cli("check").stdout)
        with open(path, "a", encoding="utf-8") as file:
            file.write("ben: {pasword: x}\n")
        done = belfryd.cli("check", check=False)
        self.assertEqual(done.returncode, 78)
        self.assertIn(f"{path}:2:7: unknown key `pasword`", done.stderr)
        os.chmod(path, 0o644)
        done = belfryd.cli("check", check=False)
        self.assertEqual(done.returncode, 78)
        self.assertIn(path, done.stderr)

    # --- HTTP ------------------------------------------------------------------

    def ask(self, path, user=None, password=None, token=None, method="GET",
            body=None, headers=None):
        """Status, headers and text of a request to the HTTP listener."""
        connection = http.client.HTTPConnection("127.0.0.1", self.belfryd.http,
                                                timeout=60)
        self.addCleanup(connection.close)
        headers = dict(headers or {})
        if user is not None:
            pair = f"{user}:{password}".encode()
            headers["Authorization"] = \
                "Basic " + base64.b64encode(pair).decode()
        elif token is not None:
            headers["Authorization"] = "Bearer " + token
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()

    def begin_http(self, trust=()):
        belfryd = self.prepare()
        token = os.path.join(belfryd.folder, "token")
        with open(token, "w", encoding="utf-8") as file:
            file.write("abc/def==\n")
        if os.geteuid() == 0:
            os.chown(token, 0, 65534)
        os.chmod(token, 0o640)
        path = self.write_users(
            reader=("rea:der", "rights: [read]"),
            boss=("secret", "rights: [admin, submit]"),
            app=("secret", ""),
            far=("secret", "rights: [read], networks: [192.0.2.1]"))
        with open(path, "a", encoding="utf-8") as file:
            file.write("prometheus: {token_file: '%s', rights: [read]}\n"
                       % token)
        belfryd.config["users_file"] = path
        belfryd.config["http"][0]["trust"] = list(trust)
        belfryd.write_config()
        return belfryd.start()

    def test_http_read(self):
        belfryd = self.begin_http()
        for path in ("/metrics", "/api/v1/status"):
            status, headers, _ = self.ask(path)
            self.assertEqual(status, 401)
            self.assertIn("Basic", headers["WWW-Authenticate"])
            self.assertEqual(self.ask(path, "reader", "rea:der")[0], 200)
            self.assertEqual(self.ask(path, token="abc/def==")[0], 200)
        for headers in ({"Authorization": "Basic !!"},
                        {"Authorization": "Basic"},
                        {"Authorization": "Digest x"},
                        {"Authorization": "Basic eA=="},
                        {"Authorization": "Bearer abc/def==",
                         "X-Forwarded-For": "127.0.0.1"}):
            self.assertEqual(self.ask("/metrics", headers=headers)[0], 401,
                             headers)
        self.assertEqual(self.ask("/metrics", "reader", "x")[0], 401)
        self.assertEqual(self.ask("/metrics", "nobody", "x")[0], 401)
        self.assertEqual(self.ask("/metrics", "far", "secret")[0], 401)
        self.assertEqual(self.ask("/metrics", "app", "secret")[0], 403)
        self.assertEqual(self.ask("/metrics", token="abc")[0], 401)
        self.assertEqual(self.ask("/healthz", "x", "y")[0], 200)
        self.assertEqual(
            {e["reason"] for e in self.wait_events(5, "login_failed")},
            {"password", "unknown", "network", "rights"})
        for secret in ("rea:der", "abc/def"):
            self.assertNotIn(secret, belfryd.log())

    def test_http_admin(self):
        """Never by `trust`, always by login."""
        belfryd = self.begin_http(trust=["loopback"])
        body = '{"reason": "a test"}'
        for who, status in (((), 403), (("reader", "rea:der"), 403),
                            (("boss", "x"), 401), (("boss", "secret"), 200)):
            self.assertEqual(self.ask("/api/v1/pause", *who, method="POST",
                                      body=body)[0], status, who)
            self.assertEqual(belfryd.api("GET", "status")["pause"]["paused"],
                             status == 200)
        self.assertEqual(
            self.wait_events(1, "operator", action="pause")[0]["user"],
            "boss")
        self.assertEqual(
            self.ask("/api/v1/resume", "boss", "secret", method="POST",
                     headers={"Origin": "http://evil.example"})[0], 403)
        # Who logs in counts as that, trusted or not.
        self.assertEqual(self.ask("/metrics")[0], 200)
        self.assertEqual(self.ask("/metrics", "app", "secret")[0], 403)
        queue_id = self.send()
        self.assertEqual(
            self.ask("/api/v1/queue", "boss", "secret")[0], 200)
        # What is in messages is for this machine.
        self.assertEqual(self.ask(f"/api/v1/queue/{queue_id}/body", "boss",
                                  "secret")[0], 403)

    def test_http_guesses(self):
        self.begin_http()
        said = [self.ask("/metrics", token=f"t{n}")[0] for n in range(25)]
        self.assertEqual(said, [401] * 20 + [429] * 5)
        self.assertEqual(self.ask("/metrics", token="abc/def==")[0], 429)
        self.assertEqual(self.ask("/metrics", "reader", "rea:der")[0], 429)

    # --- guessing --------------------------------------------------------------

    def prove(self, user, password):
        """The reply to a proof of SCRAM-SHA-256: 334 says that it is good."""
        client = self.client()
        bare = f"n={user},r=abcdefgh".encode()
        code, said = client.docmd(
            "AUTH", "SCRAM-SHA-256 " + base64.b64encode(b"n,," + bare).decode())
        self.assertEqual(code, 334)
        first = base64.b64decode(said)
        told = dict(part.split(b"=", 1) for part in first.split(b","))
        final = b"c=biws,r=" + told[b"r"]
        _, last = scram_last(password, told, bare, first, final)
        return client.docmd(last)[0], told[b"s"]

    def test_scram_tells_nothing(self):
        """A good proof is none where it lets nobody in: else the reply to it
        would tell a guesser, however often it failed before."""
        self.begin(anna=("secret", ""),
                   far=("secret", "networks: [192.0.2.1]"),
                   reads=("secret", "rights: [read]"))
        code, salt = self.prove("anna", "secret")
        self.assertEqual(code, 334)
        self.assertEqual(self.prove("far", "secret")[0], 535)
        self.assertEqual(self.prove("reads", "secret")[0], 535)
        reasons = {e["reason"] for e in self.wait_events(2, "login_failed")}
        self.assertEqual(reasons, {"network", "rights"})
        for n in range(20):
            self.ask("/metrics", token=f"t{n}")
        self.assertEqual(self.prove("anna", "secret"), (454, salt))
        self.assertEqual(self.prove("anna", "wrong"), (454, salt))

    def read_until(self, client, pattern):
        said = b""
        while not re.search(pattern, said, re.M):
            piece = client.recv(4096)
            self.assertTrue(piece, said)
            said += piece

    def test_a_flood(self):
        """While more passwords wait than are ever checked, who is in already
        sends; the others are told at once, and soon not looked at."""
        belfryd = self.begin(anna=("secret", ""))
        inside = self.login()
        crowd = []
        for _ in range(45):
            guesser = socket.create_connection(("127.0.0.1", belfryd.smtp))
            self.addCleanup(guesser.close)
            guesser.settimeout(60)
            self.read_until(guesser, rb"^220 ")
            guesser.sendall(b"EHLO c.example.org\r\n")
            self.read_until(guesser, rb"^250 ")
            crowd.append(guesser)
        for n, guesser in enumerate(crowd):
            pair = base64.b64encode(f"\0ben{n % 4}\0wrong".encode())
            guesser.sendall(b"AUTH PLAIN " + pair + b"\r\n")
        for n in range(5):
            inside.sendmail("anna@example.org", ["ben@example.net"],
                            harness.message(f"m{n}"))
        self.sink.wait(5)
        for guesser in crowd:
            self.read_until(guesser, rb"^(535|454) ")
        self.assertEqual(
            belfryd.metric("belfry_logins_total", result="ok"), 1)
        # The mail did not wait for its turn behind all the guesses.
        order = re.findall(r"event=(accept|login_failed) ", belfryd.log())
        self.assertEqual(order.count("accept"), 5)
        self.assertEqual(order[-1], "login_failed")
        # Not those either who were let in before anybody had failed, but the
        # few that the threads are just at.
        self.assertLess(
            belfryd.metric("belfry_logins_total", result="failed"), 20 + 8)
        # From here nobody is heard any more as a user who never was here;
        # anna, who was, is.
        code, said = self.client().docmd("AUTH", "PLAIN AGNhcmwAd3Jvbmc=")
        self.assertEqual((code, said[:5]), (454, b"4.7.0"))
        self.login()
        self.assertGreater(
            belfryd.metric("belfry_logins_total", result="limited"), 0)

    def test_leaves(self):
        """Who leaves while its password is checked, or while the answer is
        kept back, is not missed; and belfryd stops at once."""
        belfryd = self.begin()
        for _ in range(3):
            client = self.client()
            client.send("AUTH PLAIN AGJlbgB3cm9uZw==\r\n")
            client.close()
        self.wait_events(3, "login_failed")
        client = self.client()
        client.send("AUTH PLAIN AGJlbgB3cm9uZw==\r\n")
        self.wait_events(4, "login_failed")
        self.assertEqual(belfryd.stop(), 0)
        self.assertEqual(client.getreply()[0], 421)

    def test_one_by_one(self):
        """Answers to failures come late, but hold up nobody."""
        self.begin()
        late = threading.Thread(target=self.fail_once)
        late.start()
        self.login().quit()
        late.join()
        self.wait_events(1, "login_failed", reason="unknown")

    def fail_once(self):
        client = smtplib.SMTP("127.0.0.1", self.belfryd.smtp, timeout=60)
        client.ehlo()
        self.assertEqual(client.docmd("AUTH", "PLAIN AGJlbgB3cm9uZw==")[0],
                         535)
        client.close()


class AuthTls(AuthCase):
    """The same over TLS, where a client can also be known by what it shows."""

    def begin_tls(self, more="", **users):
        folder = harness.new_folder(self, "ca")
        self.ca = ca.CA(folder)
        belfryd = self.prepare()
        path = self.write_users(**(users or {"anna": ("secret", "")}))
        if more:
            with open(path, "a", encoding="utf-8") as file:
                file.write(more % {"site": self.site()} + "\n")
        belfryd.config["users_file"] = path
        belfryd.config["tls"] = self.ca.cert("relay", "relay.example.org")
        belfryd.config["listeners"][0].update(
            auth="required", tls="starttls", trust=[])
        belfryd.write_config()
        return belfryd.start()

    def site(self):
        self.ca.cert("site", "site.example.org")
        self.ca.cert("other", "other.example.org")
        return self.ca.fingerprint("site")

    def secure(self, name=None):
        client = self.client()
        context = self.ca.client(name)
        context.check_hostname = False
        client.starttls(context=context)
        client.ehlo("client.example.org")
        return client

    def test_tls(self):
        self.begin_tls()
        client = self.client()
        self.assertNotIn("auth", client.esmtp_features)
        self.assertEqual(client.docmd("AUTH", "PLAIN AGFubmEAc2VjcmV0")[0],
                         538)
        client = self.secure()
        self.assertNotIn("EXTERNAL", client.esmtp_features["auth"])
        self.assertIn("SCRAM-SHA-256-PLUS", client.esmtp_features["auth"])
        client.login("anna", "secret")
        client.sendmail("anna@example.org", ["ben@example.net"],
                        harness.message("hello"))
        (got,) = self.sink.wait(1)
        self.assertIn(" with ESMTPSA ", " ".join(
            got.header("Received").split()))

    @harness.need("swaks")
    def test_tls_swaks(self):
        self.begin_tls()
        for mech in ("PLAIN", "LOGIN"):
            done = subprocess.run(
                ["swaks", "--server", f"127.0.0.1:{self.belfryd.smtp}",
                 "--tls", "--auth", mech, "--auth-user", "anna",
                 "--auth-password", "secret", "--from", "anna@example.org",
                 "--to", "ben@example.net"], capture_output=True, text=True,
                check=False, timeout=60)
            self.assertEqual(done.returncode, 0, done.stdout)
        self.sink.wait(2)

    @harness.need("msmtp")
    def test_tls_msmtp(self):
        self.begin_tls()
        for mech in ("plain", "login", "scram-sha-256"):
            done = subprocess.run(
                ["msmtp", "--file=/dev/null", "--host=127.0.0.1",
                 f"--port={self.belfryd.smtp}", f"--auth={mech}", "--tls=on",
                 "--tls-certcheck=off", "--user=anna",
                 "--passwordeval=echo secret", "--from=anna@example.org",
                 "ben@example.net"], input=harness.message("hello"),
                capture_output=True, check=False, timeout=60)
            self.assertEqual(done.returncode, 0, (mech, done.stderr))
        self.sink.wait(3)

    def scram_plus(self, password, forge=False):
        """SCRAM-SHA-256-PLUS by openssl s_client, which tells the exporter,
        and by hand; the reply."""
        client = subprocess.Popen(
            ["openssl", "s_client", "-starttls", "smtp", "-crlf",
             "-nocommands", "-connect", f"127.0.0.1:{self.belfryd.smtp}",
             "-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen",
             "32"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)
        self.addCleanup(client.stdin.close)
        self.addCleanup(client.stdout.close)
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)

        def until(pattern):
            for line in client.stdout:
                if found := re.search(pattern, line):
                    return found
            self.fail(f"no {pattern}")

        def say(text):
            client.stdin.write(text.encode() + b"\n")
            client.stdin.flush()

        binding = bytes.fromhex(
            until(rb"Keying material: ([0-9A-F]+)")[1].decode())
        until(rb"^250 ENHANCED|^---|^250 ")
        say("EHLO client.example.org")
        until(rb"^250-AUTH .*SCRAM-SHA-256-PLUS")
        until(rb"^250 ")
        bare = b"n=anna,r=abcdefgh"
        say("AUTH SCRAM-SHA-256-PLUS "
            + base64.b64encode(b"p=tls-exporter,," + bare).decode())
        first = base64.b64decode(until(rb"^334 (\S+)")[1])
        told = dict(part.split(b"=", 1) for part in first.split(b","))
        if forge:
            binding = bytes(32)
        final = b"c=" + base64.b64encode(b"p=tls-exporter,," + binding) \
            + b",r=" + told[b"r"]
        salted, last = scram_last(password, told, bare, first, final)
        say(last)
        reply = until(rb"^(\d\d\d) ?(\S*)")
        if reply[1] != b"334":
            return int(reply[1])
        proof = hmac.digest(
            hmac.digest(salted, b"Server Key", "sha256"),
            b",".join((bare, first, final)), "sha256")
        self.assertEqual(base64.b64decode(reply[2]),
                         b"v=" + base64.b64encode(proof))
        say("")
        return int(until(rb"^(\d\d\d) ")[1])

    @harness.need("openssl")
    def test_tls_exporter(self):
        self.begin_tls()
        self.assertEqual(self.scram_plus("secret"), 235)
        self.assertEqual(self.scram_plus("wrong"), 535)
        self.assertEqual(self.scram_plus("secret", forge=True), 535)
        self.wait_events(1, "login", mech="SCRAM-SHA-256-PLUS")

    def test_plus(self):
        """Only over TLS 1.3; who says that it was not offered is told no."""
        self.begin_tls()
        client = self.secure()
        # "y,,n=anna,r=abcdefgh", "n,,n=anna,r=abcdefgh"
        self.assertEqual(client.docmd(
            "AUTH", "SCRAM-SHA-256 eSwsbj1hbm5hLHI9YWJjZGVmZ2g=")[0], 535)
        self.assertEqual(client.docmd(
            "AUTH", "SCRAM-SHA-256-PLUS biwsbj1hbm5hLHI9YWJjZGVmZ2g=")[0], 535)
        self.assertEqual(client.docmd(
            "AUTH", "SCRAM-SHA-256 biwsbj1hbm5hLHI9YWJjZGVmZ2g=")[0], 334)
        client = self.client()
        context = self.ca.client()
        context.check_hostname = False
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        client.starttls(context=context)
        client.ehlo("client.example.org")
        self.assertNotIn("PLUS", client.esmtp_features["auth"])
        self.assertEqual(client.docmd(
            "AUTH", "SCRAM-SHA-256-PLUS biwsbj1hbm5hLHI9YWJjZGVmZ2g=")[0], 504)

    def test_external(self):
        belfryd = self.begin_tls(
            "site: {certificates: ['%(site)s'], senders: [site.example]}")
        stranger = self.secure("other")
        self.assertNotIn("EXTERNAL", stranger.esmtp_features["auth"])
        self.assertEqual(stranger.docmd("AUTH", "EXTERNAL =")[0], 504)
        client = self.secure("site")
        self.assertIn("EXTERNAL", client.esmtp_features["auth"])
        # Who it is says the certificate, not the client.
        self.assertEqual(client.docmd("AUTH", "EXTERNAL YW5uYQ==")[0], 535)
        self.assertEqual(client.docmd("AUTH", "EXTERNAL =")[0], 235)
        client.sendmail("x@site.example", ["ben@example.net"],
                        harness.message("hello").replace(
                            b"anna@example.org", b"x@site.example"))
        self.sink.wait(1)
        (login,) = self.wait_events(1, "login")
        self.assertEqual((login["user"], login["mech"]), ("site", "EXTERNAL"))
        self.wait_events(1, "login_failed", reason="certificate")
        self.assertEqual(belfryd.metric("belfry_logins_total",
                                        mechanism="EXTERNAL", result="ok"), 1)


    def test_external_by_xclient(self):
        """What the host in front showed is not its client's."""
        belfryd = self.begin_tls(
            "site: {certificates: ['%(site)s'], senders: [site.example]}")
        belfryd.config["listeners"][0]["xclient"] = ["loopback"]
        belfryd.write_config()
        self.reload()
        client = self.secure("site")
        self.assertIn("EXTERNAL", client.esmtp_features["auth"])
        self.assertEqual(client.docmd("XCLIENT", "ADDR=192.0.2.1")[0], 220)
        client.ehlo("stranger.example.net")
        self.assertEqual(client.esmtp_features["auth"].split(),
                         ["SCRAM-SHA-256", "PLAIN", "LOGIN"])
        self.assertEqual(client.docmd("AUTH", "EXTERNAL =")[0], 504)
        # Nor what it shows only then.
        client = self.client()
        self.assertEqual(client.docmd("XCLIENT", "ADDR=192.0.2.1")[0], 220)
        client.ehlo("stranger.example.net")
        context = self.ca.client("site")
        context.check_hostname = False
        client.starttls(context=context)
        client.ehlo("stranger.example.net")
        self.assertEqual(client.esmtp_features["auth"].split(),
                         ["SCRAM-SHA-256", "PLAIN", "LOGIN"])
        self.assertEqual(client.docmd("AUTH", "EXTERNAL =")[0], 504)

    def test_networks_by_xclient(self):
        """Who is said to come from nowhere comes from no network."""
        belfryd = self.begin(anna=("secret", "networks: [loopback]"),
                             ben=("secret", ""))
        belfryd.config["listeners"][0]["xclient"] = ["loopback"]
        belfryd.write_config()
        self.reload()
        self.login("anna")
        for more in ("", " LOGIN=anna", " LOGIN=ben"):
            client = self.client()
            self.assertEqual(client.docmd(
                "XCLIENT", "ADDR=[UNAVAILABLE]" + more)[0], 220)
            client.ehlo("stranger.example.net")
            self.assertEqual(client.mail("x@example.org")[0],
                             250 if "ben" in more else 530)
            if "ben" in more:
                continue
            self.assertEqual(client.docmd(
                "AUTH", "PLAIN AGFubmEAc2VjcmV0")[0], 535)
            self.assertEqual(client.docmd(
                "AUTH", "PLAIN AGJlbgBzZWNyZXQ=")[0], 235)


class NotThere(unittest.TestCase):
    def test_config(self):
        """What could let nobody in, or let others listen, is no
        configuration."""
        base = ("hostname: relay.example.org\n"
                "delivery: {smarthost: [{host: smtp.example.net}]}\n")
        rows = [
            ("listeners: [{address: ':587', role: submission, auth: required,"
             " auth_in_clear: true}]\nusers_file: /nowhere\n", "loopback"),
            ("listeners: [{address: '127.0.0.1:587', role: submission, "
             "auth: optional, auth_in_clear: true}]\n", "users_file"),
            ("listeners: [{address: '127.0.0.1:587', role: submission, "
             "auth: optional}]\nusers_file: /nowhere\n", "tls"),
        ]
        for text, why in rows:
            done = subprocess.run(
                [lab.program("belfry"), "-c", "/dev/stdin", "check"],
                input=base + text, capture_output=True, text=True,
                check=False)
            self.assertEqual(done.returncode, 78)
            self.assertIn(why, done.stderr)


if __name__ == "__main__":
    harness.main()
