"""All of tests/torture against belfryd: with TLS, logins, BDAT and the rest, as
a stranger's listener and as one for clients in trust."""
import os
import subprocess
import sys
import unittest

import harness
import lab

sys.path.insert(0, os.path.join(lab.REPO, "tests", "torture"))
import torture  # noqa: E402 (its folder had to be named first)

CONFIG = {
    "limits": {"errors": 20, "connections_per_ip": 200, "command_time": "4s",
               "message_size": "10M", "recipients": 1000},
    "domains": ["example.net"], "postmaster": "ben@example.net",
    "delivery": {"soft_bounce": True},
}


def certificate(folder):
    """(certificate, key), made by openssl."""
    made = [os.path.join(folder, name) for name in ("cert.pem", "key.pem")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=mail.example.org", "-out", made[0],
                    "-keyout", made[1]], check=True, capture_output=True)
    for path in made:
        os.chmod(path, 0o640)
        os.chown(path, -1, os.stat(folder).st_gid)
        if lab.IS_ROOT:
            os.chown(path, os.stat(folder).st_uid, -1)
    return made


class Torture(harness.Case):
    maxDiff = None

    def torture(self, role):
        belfryd = self.prepare(CONFIG)
        cert, key = certificate(belfryd.folder)
        users = os.path.join(belfryd.folder, "users.yaml")
        entry = subprocess.run(
            [lab.program("belfry"), "password", "--user", "app"],
            input="secret\n", capture_output=True, text=True, check=True)
        with open(users, "w", encoding="utf-8") as file:
            file.write(entry.stdout)
        os.chmod(users, 0o640)
        if lab.IS_ROOT:
            os.chown(users, os.stat(belfryd.folder).st_uid, -1)
        belfryd.config = lab.merge(belfryd.config, {
            "tls": {"certificate_file": cert, "key_file": key},
            "users_file": users,
            "routes": [{"match": "example.net", "deliver": "smtp",
                        "via": [self.sink.hop()]}],
            "listeners": [{"name": "smtp", "role": role,
                           "address": f"127.0.0.1:{belfryd.smtp}",
                           "tls": "starttls", "auth": "optional"}]})
        belfryd.write_config()
        belfryd.start()
        target = torture.Target(torture.options_of(
            ["--port", str(belfryd.smtp), "--from", "anna@example.org",
             "--to", "ben@example.net"]))
        lines = []
        found = torture.run(target, torture.CASES, 8,
                            lambda fate, line: fate == "WRONG" and
                            lines.append(line))
        self.assertEqual(lines, [])
        self.assertEqual(found["skip"], [])
        self.assertGreater(len(found["ok"]), 200)
        self.wait_empty()
        self.assertEqual(
            [m.content for m in self.sink.messages
             if m.header("Subject") in ("smuggled", "gone")], [])

    def test_strangers(self):
        self.torture("inbound")

    def test_clients(self):
        self.torture("submission")


if __name__ == "__main__":
    harness.main()
