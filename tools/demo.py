#!/usr/bin/env python3
"""demo - belfryd on loopback with real mail going through it; `./dev demo`.

Sends four messages that show the four things that can happen to mail, all of
them signed, and one as a stranger, which is judged; posts an alert as
Prometheus does; prints where each arrived, and keeps running so that one can
play with it. With --exit it ends when all have arrived: 0, or 1 if one did
not.
"""
import argparse
import json
import os
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import lab
import names

# Where a test names its binaries, they are used, and the state lies with them.
TESTED = os.environ.get("BELFRY_BIN")
PRESET = None if TESTED else "release"
FOLDER = os.path.join(os.path.dirname(TESTED) if TESTED else
                      os.path.join(lab.REPO, "build"), "demo")
SHOWN = os.path.relpath(FOLDER, lab.REPO)
PATIENCE_S = 60
# Who may send for the stranger, and what is to be done with others.
RECORDS = {"partner.example": "v=spf1 ip4:127.0.0.1 -all",
           "_dmarc.partner.example": "v=DMARC1; p=reject"}

ON_DUTY = "duty@example.net"


def port_near(wish):
    """WISH, or any free one when it is taken."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", wish))
            return wish
        except OSError:
            return lab.free_port()


def running():
    """The pid of a demo that is under way in FOLDER, or None."""
    try:
        with open(os.path.join(FOLDER, "pid"), encoding="ascii") as file:
            pid = int(file.read())
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return pid if b"demo.py" in file.read() else None
    except (OSError, ValueError):
        return None


def fresh_folder():
    """FOLDER, empty. belfryd of root drops root, and then the clone may be
    out of its reach: its state lies below /var/tmp, linked from there."""
    os.makedirs(os.path.dirname(FOLDER), exist_ok=True)
    if os.path.islink(FOLDER):
        old = os.readlink(FOLDER)
        os.unlink(FOLDER)
        if old.startswith("/var/tmp/belfry-demo-"):
            shutil.rmtree(old, ignore_errors=True)
    elif os.path.exists(FOLDER):
        shutil.rmtree(FOLDER)
    if lab.IS_ROOT:
        os.symlink(lab.state_folder("demo"), FOLDER)
    else:
        os.mkdir(FOLDER)
    with open(os.path.join(FOLDER, "pid"), "w", encoding="ascii") as file:
        file.write(str(os.getpid()))
    return os.path.realpath(FOLDER)


class Demo:
    def __init__(self):
        self.folder = fresh_folder()
        self.arrived = {} # subject -> how it went
        self.refused_once = set()
        self.told = threading.Lock() # "sent" comes before "arrived"
        self.sink = lab.Sink(self.script, self.on_message).start()
        self.names = names.Names(RECORDS).start()
        sink = [{"name": "the-sink", **self.sink.hop()}]
        self.belfryd = lab.Belfryd(self.folder, {
            "dns": {"servers": [f"127.0.0.1@{self.names.port}"]},
            "domains": ["example.org"], "postmaster": "anna@example.org",
            "routes": [{"match": "example.org", "deliver": "smtp",
                        "via": sink}],
            "delivery": {
                "smarthost": sink,
                "retry": {"first": "1s", "factor": 2, "max": "30s"}},
            "alerts": {"mail": [ON_DUTY], "from": "alerts@example.org"},
        }, preset=PRESET)
        self.use_port("smtp", "listeners", 2525)
        self.use_port("http", "http", 8025)
        self.mx = port_near(2526)
        self.belfryd.config["listeners"].append(
            {"name": "mx", "role": "inbound", "address": f"127.0.0.1:{self.mx}"})
        self.belfryd.write_config()
        self.make_key()
        os.mkdir(os.path.join(self.folder, "arrived"))

    def use_port(self, attribute, section, wish):
        port = port_near(wish)
        setattr(self.belfryd, attribute, port)
        self.belfryd.config[section][0]["address"] = f"127.0.0.1:{port}"

    def dkim(self, *arguments):
        return subprocess.run(
            [lab.program("belfry", PRESET), "-c", self.belfryd.config_file,
             "dkim", *arguments], check=True, capture_output=True,
            text=True).stdout

    def make_key(self):
        path = os.path.join(self.folder, "dkim.pem")
        self.dkim("genkey", path)
        if lab.IS_ROOT: # for the user whom belfryd becomes
            os.chown(path, 0, 65534)
            os.chmod(path, 0o640)
        record = json.loads(self.dkim(
            "record", "--json", "--key", path, "--selector", "demo", "--domain",
            "example.org"))
        self.names.records["demo._domainkey.example.org"] = record["value"]
        self.belfryd.config["dkim"] = {"sign": [{
            "match": "example.org",
            "selectors": [{"name": "demo", "key_file": path}]}]}
        self.belfryd.write_config()

    def script(self, verb, argument):
        """later@ is turned away once, nobody@ always."""
        if verb != "RCPT":
            return None
        if "later@" in argument and argument not in self.refused_once:
            self.refused_once.add(argument)
            return "451 4.2.1 mailbox busy, come back"
        if "nobody@" in argument:
            return "550 5.1.1 no such user here"
        return None

    def on_message(self, message):
        n = len(self.sink.messages)
        path = os.path.join("arrived", f"{n}.eml")
        with open(os.path.join(self.folder, path), "wb") as file:
            file.write(message.content)
        subject = message.header("Subject") or "(no subject)"
        is_alert = message.recipients == [ON_DUTY]
        sender = message.sender or f"<> ({'an alert' if is_alert else 'a bounce'})"
        with self.told:
            print(f"  arrived: \"{subject}\" from {sender} for "
                  f"{', '.join(message.recipients)}\n"
                  f"           {os.path.join(SHOWN, path)}", flush=True)
            for name in ("DKIM-Signature", "Authentication-Results"):
                value = message.header(name)
                if value:
                    print(f"           {name}: {value[:150]}", flush=True)
        key = subject
        if is_alert:
            key = "alert"
        elif message.sender == "":
            key = "bounce"
        self.arrived.setdefault(key, set()).update(message.recipients)

    def send(self, subject, to, text, port=None, sender="anna@example.org"):
        with smtplib.SMTP("127.0.0.1", port or self.belfryd.smtp) as client, \
                self.told:
            client.ehlo(sender.replace("@", "."))
            client.mail(sender)
            for address in to:
                client.rcpt(address)
            answer = client.data((
                f"From: <{sender}>\r\nTo: {', '.join(to)}\r\n"
                f"Subject: {subject}\r\n\r\n{text}\r\n").encode())
            print(f"  sent:    \"{subject}\" to {', '.join(to)}\n"
                  f"           belfryd said: {answer[0]} {answer[1].decode()}",
                  flush=True)

    def send_all(self):
        self.send("Hello", ["ben@example.net"], "This one goes straight through.")
        self.send("Minutes", ["ben@example.net", "carl@example.net"],
                  "Two recipients, one transaction.")
        self.send("Busy", ["later@example.net"],
                  "The next hop says 451 at first; Belfry comes back.")
        self.send("Nobody home", ["nobody@example.net"],
                  "The next hop says 550; Anna gets a bounce.")
        self.send("Judged", ["anna@example.org"],
                  "From a stranger: SPF and DMARC say that it is from its author.",
                  port=self.mx, sender="dora@partner.example")

    def alert(self):
        """What Prometheus would post."""
        document = json.dumps([{
            "labels": {"alertname": "DiskWillFill", "instance": "db1",
                       "severity": "critical"},
            "annotations": {"summary": "/srv on db1 is full in 4 hours"}}])
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.belfryd.http}/api/v2/alerts",
            document.encode(), {"Content-Type": "application/json"})
        with self.told, urllib.request.urlopen(request, timeout=30) as answer:
            print("  posted:  an alert, DiskWillFill on db1, to "
                  f"{request.full_url}\n           belfryd said: "
                  f"{answer.status}; critical ones wait 5 seconds for others",
                  flush=True)

    def all_arrived(self):
        return self.arrived == {
            "Hello": {"ben@example.net"},
            "Minutes": {"ben@example.net", "carl@example.net"},
            "Busy": {"later@example.net"},
            "bounce": {"anna@example.org"},
            "Judged": {"anna@example.org"},
            "alert": {ON_DUTY},
        }

    def wait(self):
        end = time.monotonic() + PATIENCE_S
        while not self.all_arrived() and time.monotonic() < end:
            if self.belfryd.process.poll() is not None:
                raise lab.Failed("belfryd ended:\n" + self.belfryd.log())
            time.sleep(0.05)
        return self.all_arrived()

    def tell_where(self):
        belfry = os.path.relpath(lab.program("belfry", PRESET), lab.REPO)
        belfry += f" -c {SHOWN}/belfry.yaml"
        print(f"""
Belfry runs. To play with:
  send mail to      127.0.0.1:{self.belfryd.smtp}   (SMTP; what arrives is shown here)
  as a stranger     127.0.0.1:{self.mx}   (to example.org only, and judged: of partner.example all is well)
  an alert          {belfry} alert send --title 'The backup failed' --severity critical
                    {belfry} alert list
  metrics           http://127.0.0.1:{self.belfryd.http}/metrics
  status            {belfry} status
  the queue         {belfry} queue list
  stop delivering   {belfry} pause --reason 'a try'; {belfry} resume
  one more letter   printf 'Subject: hi\\n\\nHello\\n' | {belfry} send - --from anna@example.org --to ben@example.net
                    (to later@example.net: deferred once; to nobody@example.net: bounced)
  its log           {SHOWN}/belfryd.log
Ctrl-C ends it.
""", flush=True)

    def stay(self):
        status = self.belfryd.process.wait()
        raise lab.Failed(f"belfryd ended with {status}:\n"
                         + self.belfryd.log()[-4000:])


def run(demo, leave):
    demo.belfryd.start()
    print(f"belfryd listens on 127.0.0.1:{demo.belfryd.smtp}, its smarthost is a "
          f"small server on port {demo.sink.port}", flush=True)
    demo.send_all()
    demo.alert()
    if not demo.wait():
        print(f"demo: not all has arrived after {PATIENCE_S} s; see {SHOWN}/belfryd.log",
              file=sys.stderr)
        return 1
    print("All six have arrived.", flush=True)
    if not leave:
        demo.tell_where()
        demo.stay()
    return 0


def main():
    parser = argparse.ArgumentParser(prog="./dev demo")
    parser.add_argument("--exit", action="store_true",
                        help="end when all mail has arrived")
    leave = parser.parse_args().exit
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    if running():
        print(f"demo: one is running (pid {running()}); end it first",
              file=sys.stderr)
        return 1
    demo = Demo()
    status = 1
    try:
        status = run(demo, leave)
    except KeyboardInterrupt:
        status = 0
        print()
    except lab.Failed as why:
        print(f"demo: {why}", file=sys.stderr)
    finally:
        if demo.belfryd.stop() not in (0, None):
            status = status or 1
        demo.sink.stop()
        demo.names.stop()
    return status


sys.exit(main())
