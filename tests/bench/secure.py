"""secure - the benchmark's figures of TLS and logins: what is measured, and with
what."""
import os
import statistics
import subprocess

from servers import PRESET, Belfry, Postfix, Sink, cpu_of, cpu_of_tree, give, lab
import dovecot  # in lab's folder

USER, PASSWORD = "app", "correct horse"
SASL = "Dovecot"
POSTFIX = """smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {{folder}}/auth
smtpd_sasl_security_options = noanonymous
"""
# Everything that guards a listener in front of the world, switched on.
GUARDED = {"limits": {"data_rate_min": 500, "rates": {
    "connections_per_ip": "1000000/1m",
    "connections_per_network": "1000000/1m",
    "messages_per_ip": "100000000/1h"}}}


def private_file(folder, name, text=""):
    """Only for who runs belfryd."""
    path = os.path.join(folder, name)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    give(path)
    return path


class Pair:
    """A certificate and its key, as one gets them today: ECDSA, P-256."""

    def __init__(self):
        self.folder = lab.state_folder("bench-tls")
        self.certificate = private_file(self.folder, "certificate.pem")
        self.key = private_file(self.folder, "key.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", "-subj",
             "/CN=relay.example.org", "-keyout", self.key, "-out",
             self.certificate], capture_output=True, check=True)

    def stop(self):
        lab.shutil.rmtree(self.folder, ignore_errors=True)


def source(port, count, *arguments, connections=20):
    """mail_source, started."""
    return subprocess.Popen([lab.program("mail_source", PRESET), "-c",
                             str(connections), *arguments, str(port),
                             str(count)])


class WithLogin:
    """A server whose clients come by STARTTLS and log in."""

    def login_job(self, count, *arguments):
        return self.run(count, count, lambda: source(
            self.smtp, count, "-t", "starttls", "-u", f"{USER}:{PASSWORD}",
            *arguments))


def users_file(folder):
    entry = subprocess.run(
        [lab.program("belfry", PRESET), "password", "--user", USER],
        input=PASSWORD + "\n", capture_output=True, text=True, check=True)
    return private_file(folder, "users.yaml", entry.stdout)


def with_tls(pair, **listener):
    """Configuration: the listener of `smtp` with PAIR, and what LISTENER
    says."""
    port = lab.free_port()
    return port, {
        "tls": {"certificate_file": pair.certificate, "key_file": pair.key},
        "listeners": [{"name": "smtp", "role": "submission",
                       "address": f"127.0.0.1:{port}", **listener}]}


class BelfryWithLogin(WithLogin, Belfry):
    def __init__(self, sink, pair, config=None, name="belfry", **listener):
        port, settings = with_tls(pair, tls="starttls", auth="optional",
                                  **listener)
        settings["users_file"] = users_file(pair.folder)
        super().__init__(sink, lab.merge(settings, config or {}), name)
        self.smtp = port


class PostfixWithLogin(WithLogin, Postfix):
    def __init__(self, sink, pair):
        super().__init__(sink, also=POSTFIX.format(
            certificate=pair.certificate, key=pair.key))
        self.logins = dovecot.Logins(
            "bench-logins", os.path.join(self.folder, "auth"),
            {USER: PASSWORD})

    def start(self):
        self.logins.start()
        return super().start()

    def cpu(self):
        return super().cpu() + cpu_of_tree(self.logins.process.pid)

    def stop(self):
        self.logins.stop()
        super().stop()


class BareAccept:
    """A loop of OpenSSL and epoll, and nothing else."""
    name = "bare"

    def __init__(self, pair):
        self.pair, self.process, self.smtp = pair, None, None

    def start(self):
        self.process = subprocess.Popen(
            [lab.program("tls_accept", PRESET), self.pair.certificate,
             self.pair.key], stdout=subprocess.PIPE, text=True)
        self.smtp = int(self.process.stdout.readline())
        return self

    def cpu(self):
        return cpu_of(self.process.pid)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


class Idle:
    """COUNT clients by TLS that do nothing while the block runs."""

    def __init__(self, port, count):
        self.port, self.count = port, count

    def __enter__(self):
        self.process = subprocess.Popen(
            [lab.program("mail_source", PRESET), "-I", "-t", "starttls",
             str(self.port), str(self.count)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise lab.Failed("the idle clients did not come in")
        return self

    def __exit__(self, *unused):
        self.process.communicate()


class Figures:
    """Part of Bench."""

    def with_logins(self, sink, pair):
        servers = [BelfryWithLogin(sink, pair)]
        lacks = Postfix.lacks() or (
            None if dovecot.can_run() else "its logins need Dovecot")
        if lacks:
            self.note(f"Postfix is left out: {lacks}")
        else:
            servers.append(PostfixWithLogin(sink, pair))
        return servers

    def login_pairs(self, what, target, count, *arguments):
        pair = Pair()
        try:
            result = self.medians(self.take_turns(
                self.with_logins(Sink(), pair), lambda server, share:
                server.login_job(count // share, *arguments)))
        finally:
            pair.stop()
        self.compare(f"{what} (Postfix's logins: {SASL})", result, target)

    def tls(self):
        """by TLS, 20 connections kept and logged in once"""
        self.login_pairs("TLS", 6, self.options.messages)

    def login(self):
        """a connection, full handshake and SCRAM login per message"""
        self.login_pairs("TLS and login per message", 1.5,
                         self.options.messages // 5, "-n")

    def handshakes(self):
        """TLS 1.3 handshakes of one loop, beside a bare accept loop"""
        pair, count = Pair(), self.options.messages
        sink = Sink().start()
        port, settings = with_tls(pair, tls="implicit")
        belfry = Belfry(sink, lab.merge(settings, {"loops": 1}))
        belfry.smtp = port
        bare, rates = BareAccept(pair).start(), {"belfry": [], "bare": []}
        try:
            belfry.start()
            for turn in range(self.options.pairs):
                for server in (belfry, bare)[::-1 if turn % 2 else 1]:
                    rates[server.name].append(self.handshake_rate(
                        server, count))
        finally:
            for started in (belfry, bare, sink, pair):
                started.stop()
        rate = self.medians(rates)
        for name, who in (("belfry", "Belfry"), ("bare", "a bare loop")):
            self.row(f"handshakes: {who}", rate[name][0], "handshakes/s",
                     digits=0)
            self.row(f"handshakes, CPU: {who}", rate[name][1], "ms/handshake",
                     digits=3)
        self.row("handshakes: ratio", rate["belfry"][0] / rate["bare"][0],
                 "times", 0.85)

    def handshake_rate(self, server, count):
        """A second, and CPU ms for each."""
        cpu, begun = server.cpu(), self.now()
        if source(server.smtp, count, "-H", "-t", "implicit").wait():
            raise lab.Failed("the client failed")
        rate = count / (self.now() - begun)
        cost = (server.cpu() - cpu) * 1000 / count
        self.note(f"{server.name}: {rate:.0f}/s, {cost:.3f} ms of CPU a "
                  "handshake")
        return rate, cost

    def tls_idle(self):
        """4,000 idle clients by TLS: what they cost the others, and memory"""
        count, pair = self.options.idle, Pair()
        sink = Sink().start()
        belfry = BelfryWithLogin(sink, pair, {"limits": dict.fromkeys(
            ("connections", "connections_per_ip"), count + 100)})
        alone, beside, cost = [], [], []
        try:
            belfry.start()
            belfry.job(self.options.messages)
            for _ in range(self.options.pairs):
                alone.append(belfry.job(self.options.messages)[0])
                before = belfry.memory()
                with Idle(belfry.smtp, count):
                    cost.append(belfry.memory() - before)
                    beside.append(belfry.job(self.options.messages)[0])
        finally:
            for started in (belfry, sink, pair):
                started.stop()
        slower = 1 - statistics.median(beside) / statistics.median(alone)
        what = f"{count:,} idle clients by TLS"
        self.row(f"{what}: slower by", slower * 100, "%", 10, False)
        self.row(f"{what}: memory", max(cost), "MiB", 160, False)

    def guarded(self):
        """plain mail to a listener with TLS, logins and limits, beside one
        without"""
        pair = Pair()
        try:
            sink = Sink()
            rates = self.take_turns(
                [BelfryWithLogin(sink, pair, GUARDED, "guarded"),
                 Belfry(sink, name="plain")],
                lambda server, share: server.job(
                    self.options.messages // share))
        finally:
            pair.stop()
        self.row("everything switched on, beside without", statistics.median(
            one[0] / other[0]
            for one, other in zip(rates["guarded"], rates["plain"])),
            "times", 0.95)
