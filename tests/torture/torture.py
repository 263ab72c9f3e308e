#!/usr/bin/env python3
"""torture - hostile clients, one after the other, against a mail server.

usage: torture.py --host HOST --port PORT --from ADDRESS --to ADDRESS [CASE...]

Each case is a session that breaks a rule or bends one. A line says what it is,
where the rule stands, what a sound server does and what was seen; the last line
counts. What a server does not offer in EHLO is passed over. Exit status 1: some
case went wrong. CASE: only those whose name holds one of these words.

The address of --to is one that the server takes mail for; whatever arrives
there may be thrown away. What must never arrive is addressed to the same
recipient and has "smuggled" in its Subject.

Only Python's standard library.
"""
import argparse
import concurrent.futures
import re
import socket
import ssl
import struct
import sys
import time

PATIENCE = 8.0   # seconds for a reply
QUIET = 0.6      # ... in which none may come
SMUGGLING = "RFC 5321 2.3.8, 4.1.1.4; CVE-2023-51764..6"


class Bad(Exception):
    """What a sound server would not have done."""


class Gone(Exception):
    """The connection is closed."""


class Session:
    """One connection to the server, past the banner."""

    def __init__(self, target, ehlo=True, banner=True):
        self.target, self.left, self.keywords = target, b"", {}
        self.sock = socket.create_connection((target.host, target.port),
                                             PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if banner and self.reply() != "220":
            raise Bad("no 220 as banner")
        if ehlo:
            self.ehlo()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def ehlo(self):
        self.send(b"EHLO torture.example.org\r\n")
        code, lines = self.reply_lines()
        if code != "250":
            raise Bad(f"{code} to EHLO")
        self.keywords = {line.split()[0].upper(): line.split()[1:]
                         for line in lines[1:] if line.split()}

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (OSError, ssl.SSLError) as error:
            raise Gone(str(error)) from None

    def line(self, patience):
        end = time.monotonic() + patience
        while b"\n" not in self.left:
            self.sock.settimeout(max(end - time.monotonic(), 0.01))
            try:
                got = self.sock.recv(65536)
            except (TimeoutError, ssl.SSLWantReadError):
                raise TimeoutError from None
            except (OSError, ssl.SSLError):
                got = b""
            if not got:
                raise Gone("closed")
            self.left += got
        line, self.left = self.left.split(b"\n", 1)
        self.sock.settimeout(PATIENCE)
        return line.rstrip(b"\r").decode("latin-1")

    def reply_lines(self, patience=PATIENCE):
        lines = []
        while True:
            line = self.line(patience)
            if not re.match(r"[2-5]\d\d([ -]|$)", line):
                raise Bad(f"{line[:60]!r} is no reply")
            lines.append(line[4:])
            if line[3:4] != "-":
                return line[:3], lines

    def reply(self, patience=PATIENCE):
        return self.reply_lines(patience)[0]

    def replies(self, patience=PATIENCE):
        """All up to the end of the connection, or 221."""
        found = []
        try:
            while not found or found[-1] not in ("221", "421"):
                found.append(self.reply(patience))
        except Gone:
            found.append("closed")
        except TimeoutError:
            found.append("silence")
        return found

    def ask(self, command):
        self.send(command if isinstance(command, bytes)
                  else command.encode() + b"\r\n")
        return self.reply()

    def step(self, command):
        """What must be taken for the case to begin."""
        code = self.ask(command)
        if code[0] not in "23":
            raise Bad(f"{code} to {command[:40]!r}, which is sound")
        return code

    def mail(self, *more):
        self.step(f"MAIL FROM:<{self.target.sender}>")
        self.step(f"RCPT TO:<{self.target.to}>")
        for command in more:
            self.step(command)

    def starttls(self):
        self.step("STARTTLS")
        self.wrap()

    def wrap(self, context=None):
        if context is None:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            if self.target.anonymous: # there are none in TLS 1.3
                context.maximum_version = ssl.TLSVersion.TLSv1_2
                context.set_ciphers("aNULL:@SECLEVEL=0")
        self.sock = context.wrap_socket(self.sock,
                                        server_hostname="mail.example.org")

    def abort(self):
        """By RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
        self.sock.close()


class Target:
    def __init__(self, options):
        self.host, self.port = options.host, options.port
        self.sender, self.to = options.sender, options.to
        self.anonymous = options.anonymous
        with Session(self) as session:
            self.plain = session.keywords
            self.secure = None
            if "STARTTLS" in self.plain:
                session.starttls()
                session.ehlo()
                self.secure = session.keywords

    def alive(self):
        """Takes the next client as if nothing had been."""
        with Session(self) as session:
            session.mail("RSET")


class Case:
    def __init__(self, name, rule, expected, run, needs=()):
        self.name, self.rule, self.expected = name, rule, expected
        self.run, self.needs = run, needs

    def applies(self, target):
        have = target.plain
        if "TLS" in self.needs:
            have = target.secure or {}
        return all(need in have or need == "TLS" and target.secure or
                   need == "certificate" and not target.anonymous
                   for need in self.needs)

    def perform(self, target):
        """(went well, what was seen)"""
        try:
            return True, self.run(target) or "so it was"
        except Bad as bad:
            return False, str(bad)
        except Gone as gone:
            return False, f"the connection ended: {gone}"
        except TimeoutError:
            return False, f"no reply in {PATIENCE:.0f} s"
        except (OSError, ssl.SSLError) as error:
            return False, f"{type(error).__name__}: {error}"


CASES = []


def case(name, rule, expected, needs=()):
    def add(run):
        CASES.append(Case(name, rule, expected, run, needs))
        return run
    return add


# --- one command, one reply ----------------------------------------------------

def single(session, raw, allow):
    """RAW has one reply, of the classes or codes in ALLOW, and the session goes
    on with the next command, or is closed for it."""
    try:
        session.send(raw)
    except Gone: # before all of it was sent; what it said may be there
        pass
    try:
        code = session.reply()
    except Gone:
        return "closed"
    if not re.match(allow, code):
        raise Bad(code)
    try:
        session.send(b"QUIT\r\n")
    except Gone:
        return f"{code}, closed"
    rest = session.replies()
    if rest not in (["221"], ["closed"], ["421"]):
        raise Bad(f"{code}, and then {' '.join(rest)}")
    return code if rest == ["221"] else f"{code}, closed"


def refused(name, rule, raw, before=(), allow="5", needs=(), envelope=False):
    """RAW behind BEFORE, within a transaction of one recipient by ENVELOPE."""
    def run(target):
        with Session(target) as session:
            if envelope:
                session.mail()
            for command in before:
                session.step(command)
            return single(session, fill(raw, target), allow)
    words = {"5": "5xx", "[25]": "2xx or 5xx", "[245]": "one reply",
             "[45]": "4xx or 5xx", "50[0-5]": "500 to 505",
             "5|221": "5xx, or goodbye",
             "[45]|221": "4xx or 5xx, or goodbye"}.get(allow, allow)
    CASES.append(Case(name, rule, f"{words}, and no second reply", run, needs))


def fill(raw, target):
    return (raw.replace(b"{to}", target.to.encode())
               .replace(b"{from}", target.sender.encode())
               .replace(b"{domain}", target.to.split("@")[1].encode()))


FROM = ("MAIL FROM:<a@example.org>",)

for code in [0, 1, 7, 8, 9, 10, 11, 12, 13, 14, 27, 31, 127]:
    char = bytes([code])
    refused(f"control/mail-{code:02x}", "RFC 5321 4.1.2",
            b"MAIL FROM:<a" + char + b"b@example.org>\r\n")
    refused(f"control/rcpt-{code:02x}", "RFC 5321 4.1.2",
            b"RCPT TO:<a" + char + b"b@{domain}>\r\n", FROM)
for code in [0, 1, 10, 13, 27, 127]:
    refused(f"control/quoted-{code:02x}", "RFC 5321 4.1.2 (qtextSMTP)",
            b'MAIL FROM:<"a' + bytes([code]) + b'b"@example.org>\r\n')
    refused(f"control/domain-{code:02x}", "RFC 5321 4.1.2",
            b"MAIL FROM:<a@exa" + bytes([code]) + b"mple.org>\r\n")
for code in [0, 10, 13]:
    refused(f"control/verb-{code:02x}", "RFC 5321 2.3.8, 4.1.1",
            b"NO" + bytes([code]) + b"OP\r\n")
    refused(f"control/argument-{code:02x}", "RFC 5321 2.3.8, 4.1.1",
            b"EHLO a" + bytes([code]) + b"b\r\n")
    refused(f"control/parameter-{code:02x}", "RFC 5321 4.1.2 (esmtp-value)",
            b"MAIL FROM:<a@example.org> SIZE=1" + bytes([code]) + b"0\r\n")
for name, octets in [("80", b"\x80"), ("ff", b"\xff"),
                     ("utf8", "é".encode())]:
    for verb, raw, before in [("mail", b"MAIL FROM:<a%bb@example.org>\r\n", ()),
                              ("rcpt", b"RCPT TO:<a%bb@{domain}>\r\n", FROM)]:
        refused(f"8bit/{verb}-{name}", "RFC 5321 2.4; RFC 6531 3.1 (no "
                "SMTPUTF8 was said)", raw % octets, before)
for name, octets in [("80", b"\x80"), ("overlong", b"\xc0\xaf"),
                     ("surrogate", b"\xed\xa0\x80"),
                     ("beyond", b"\xf4\x90\x80\x80"), ("half", b"\xc3")]:
    refused(f"8bit/smtputf8-{name}", "RFC 6531 3.3; RFC 3629 3",
            b"MAIL FROM:<a" + octets + b"b@example.org> SMTPUTF8\r\n",
            needs=("SMTPUTF8",))

# --- lines that end otherwise ------------------------------------------------------

for name, raw in [("lf", b"NOOP\n"), ("cr", b"NOOP\r"),
                  ("lfcr", b"NOOP\n\r"), ("crcr", b"NOOP\r\r"),
                  ("nul", b"NOOP\0")]:
    @case(f"line/{name}-inside", "RFC 5321 2.3.7, 2.3.8",
          "it ends no line: no reply to what stands before it")
    def _(target, raw=raw):
        with Session(target) as session:
            session.send(raw + b"RSET\r\n")
            return quiet(session, 1)

for name, ending in [("lf", b"\n"), ("crlf-lf", b"\r\n\n"), ("cr", b"\r")]:
    @case(f"line/envelope-{name}", SMUGGLING,
          "MAIL, RCPT and DATA in one line are no transaction")
    def _(target, ending=ending):
        with Session(target) as session:
            raw = ending.join([b"MAIL FROM:<{from}>", b"RCPT TO:<{to}>",
                               b"DATA"])
            session.send(fill(raw, target) + b"\r\n")
            found = [session.reply()]
            try:
                while True:
                    found.append(session.reply(QUIET))
            except (TimeoutError, Gone):
                pass
            if ending != b"\r\n\n" and "354" in found:
                raise Bad(" ".join(found))
            return " ".join(found)


def quiet(session, most):
    """At most MOST replies come."""
    found = []
    try:
        while len(found) <= most:
            found.append(session.reply(PATIENCE if not found else QUIET))
    except TimeoutError:
        pass
    except Gone:
        found.append("closed")
    if len([code for code in found if code != "closed"]) > most:
        raise Bad(" ".join(found))
    return " ".join(found)


# --- grammar ------------------------------------------------------------------------

for name, raw in [
        ("open", b"MAIL FROM:<a@example.org\r\n"),
        ("unopened", b"MAIL FROM:a@example.org>\r\n"),
        ("double", b"MAIL FROM:<<a@example.org>>\r\n"),
        ("two", b"MAIL FROM:<a@example.org><b@example.org>\r\n"),
        ("two-blank", b"MAIL FROM:<a@example.org> <b@example.org>\r\n"),
        ("no-colon", b"MAIL FROM <a@example.org>\r\n"),
        ("no-from", b"MAIL <a@example.org>\r\n"),
        ("to", b"MAIL TO:<a@example.org>\r\n"),
        ("nothing", b"MAIL FROM:\r\n"),
        ("alone", b"MAIL\r\n"),
        ("at", b"MAIL FROM:<@>\r\n"),
        ("no-domain", b"MAIL FROM:<a@>\r\n"),
        ("two-ats", b"MAIL FROM:<a@b@example.org>\r\n"),
        ("blank", b"MAIL FROM:<a b@example.org>\r\n"),
        ("open-quote", b'MAIL FROM:<"a@example.org>\r\n'),
        ("dots", b"MAIL FROM:<a..b@example.org>\r\n"),
        ("dot-first", b"MAIL FROM:<.a@example.org>\r\n"),
        ("domain-dots", b"MAIL FROM:<a@example..org>\r\n"),
        ("literal-open", b"MAIL FROM:<a@[192.0.2.1>\r\n"),
        ("literal-999", b"MAIL FROM:<a@[999.0.2.1]>\r\n"),
        ("literal-v6", b"MAIL FROM:<a@[IPv6:xyz]>\r\n")]:
    refused(f"grammar/mail-{name}", "RFC 5321 4.1.2", raw)
for name, raw in [
        ("empty", b"RCPT TO:<>\r\n"), ("open", b"RCPT TO:<{to}\r\n"),
        ("double", b"RCPT TO:<<{to}>>\r\n"), ("from", b"RCPT FROM:<{to}>\r\n"),
        ("alone", b"RCPT\r\n"), ("pipe", b"RCPT TO:<|/bin/sh@{domain}\r\n"),
        ("two", b"RCPT TO:<{to}>,<{to}>\r\n"),
        ("semicolon", b"RCPT TO:<{to}>;<{to}>\r\n")]:
    refused(f"grammar/rcpt-{name}", "RFC 5321 4.1.2", raw, FROM)
for name, raw, before, needs in [
        ("unknown", b"MAIL FROM:<a@example.org> FOO=bar\r\n", (), ()),
        ("rcpt-unknown", b"RCPT TO:<{to}> FOO=bar\r\n", FROM, ()),
        ("size-word", b"MAIL FROM:<a@example.org> SIZE=x\r\n", (), ("SIZE",)),
        ("size-minus", b"MAIL FROM:<a@example.org> SIZE=-1\r\n", (),
         ("SIZE",)),
        ("size-2^64", b"MAIL FROM:<a@example.org> SIZE=18446744073709551617"
         b"\r\n", (), ("SIZE",)),
        ("size-99", b"MAIL FROM:<a@example.org> SIZE=" + b"9" * 99 + b"\r\n",
         (), ("SIZE",)),
        ("body", b"MAIL FROM:<a@example.org> BODY=9BIT\r\n", (),
         ("8BITMIME",)),
        ("ret", b"MAIL FROM:<a@example.org> RET=ALL\r\n", (), ("DSN",)),
        ("envid-xtext", b"MAIL FROM:<a@example.org> ENVID=a+ZZ\r\n", (),
         ("DSN",)),
        ("notify", b"RCPT TO:<{to}> NOTIFY=MAYBE\r\n", FROM, ("DSN",)),
        ("notify-never", b"RCPT TO:<{to}> NOTIFY=NEVER,SUCCESS\r\n", FROM,
         ("DSN",)),
        ("orcpt", b"RCPT TO:<{to}> ORCPT=nobody\r\n", FROM, ("DSN",)),
        ("orcpt-xtext", b"RCPT TO:<{to}> ORCPT=rfc822;a+0\r\n", FROM,
         ("DSN",))]:
    refused(f"parameter/{name}", "RFC 5321 4.1.1.11; RFC 1870; RFC 3461 4",
            raw, before, needs=needs)

# --- order --------------------------------------------------------------------------

for name, raw, before, allow in [
        ("rcpt-first", b"RCPT TO:<{to}>\r\n", (), "503"),
        ("data-first", b"DATA\r\n", (), "50[0-5]"),
        ("data-without-rcpt", b"DATA\r\n", FROM, "5"),
        ("mail-twice", b"MAIL FROM:<b@example.org>\r\n", FROM, "503"),
        ("rcpt-after-rset", b"RCPT TO:<{to}>\r\n", FROM + ("RSET",), "503"),
        ("rcpt-after-ehlo", b"RCPT TO:<{to}>\r\n",
         FROM + ("EHLO again.example.org",), "503"),
        ("unknown", b"XYZZY\r\n", (), "50[0-5]"),
        ("empty", b"\r\n", (), "5"), ("blank", b" \r\n", (), "5"),
        ("blank-first", b" NOOP\r\n", (), "[25]"),
        ("dot", b".\r\n", (), "5|221"),
        ("turn", b"TURN\r\n", (), "50[0-5]"),
        ("http", b"GET / HTTP/1.1\r\n", (), "[45]|221"),
        ("http-post", b"POST / HTTP/1.1\r\n", (), "[45]|221"),
        ("header", b"Subject: hello\r\n", (), "[45]|221"),
        ("expn", b"EXPN postmaster\r\n", (), "[25]"),
        ("ehlo-alone", b"EHLO\r\n", (), "5"),
        ("helo-alone", b"HELO\r\n", (), "5"),
        ("data-argument", b"DATA now\r\n", (), "5"),
        ("rset-argument", b"RSET now\r\n", (), "[25]")]:
    refused(f"order/{name}", "RFC 5321 4.1.4, 4.2.4, 4.3.2", raw, before, allow)
refused("order/mail-within", "RFC 5321 4.1.4", b"MAIL FROM:<b@example.org>\r\n",
        allow="503", envelope=True)
refused("order/data-argument-within", "RFC 5321 4.1.1.4", b"DATA now\r\n",
        allow="5", envelope=True)


@case("order/before-ehlo", "RFC 5321 4.1.4", "503 or 2xx to MAIL without EHLO")
def _(target):
    with Session(target, ehlo=False) as session:
        return single(session, b"MAIL FROM:<a@example.org>\r\n", "[25]")


@case("order/talks-first", "RFC 5321 3.1, 4.3.1",
      "a client that speaks before the banner: refused, or answered in order")
def _(target):
    with Session(target, ehlo=False, banner=False) as session:
        session.send(b"EHLO torture.example.org\r\nNOOP\r\nQUIT\r\n")
        found = session.replies()
        if "silence" in found:
            raise Bad(" ".join(found))
        return " ".join(found)


@case("order/http-whole", "cross-protocol attacks (ALPACA)",
      "an HTTP request whose body is SMTP does not deliver")
def _(target):
    with Session(target, ehlo=False) as session:
        session.send(fill(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
            b"Content-Length: 99\r\n\r\nEHLO x\r\nMAIL FROM:<{from}>\r\n"
            b"RCPT TO:<{to}>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n"
            b"QUIT\r\n", target))
        found = session.replies()
        if "354" in found:
            raise Bad(" ".join(found))
        return " ".join(found)

# --- too long -------------------------------------------------------------------------

for name, raw in [
        ("noop-10k", b"NOOP " + b"x" * 10000 + b"\r\n"),
        ("noop-100k", b"NOOP " + b"x" * 100000 + b"\r\n"),
        ("noop-1m", b"NOOP " + b"x" * 1000000 + b"\r\n"),
        ("verb-100k", b"X" * 100000 + b"\r\n"),
        ("ehlo-10k", b"EHLO " + b"x" * 10000 + b"\r\n"),
        ("local-100k", b"MAIL FROM:<" + b"x" * 100000 + b"@example.org>\r\n"),
        ("domain-100k", b"MAIL FROM:<a@" + b"x" * 100000 + b">\r\n"),
        ("path-100k", b"MAIL FROM:<" + b"@x," * 30000 + b"x:a@b>\r\n"),
        ("parameters-100k", b"MAIL FROM:<a@example.org>" + b" A=b" * 25000 +
         b"\r\n"),
        ("quoted-100k", b'MAIL FROM:<"' + b"\\x" * 50000 +
         b'"@example.org>\r\n'),
        ("spaces-100k", b"MAIL FROM:" + b" " * 100000 +
         b"<a@example.org>\r\n")]:
    refused(f"long/{name}", "RFC 5321 4.5.3.1 (500 line too long)", raw,
            allow="[245]" if name.startswith("noop") else "[45]")
refused("long/domain-300", "RFC 5321 4.5.3.1.2", b"MAIL FROM:<a@" +
        b".".join([b"x" * 59] * 5) + b">\r\n")
refused("long/label-64", "RFC 1035 2.3.4", b"MAIL FROM:<a@" + b"x" * 64 +
        b".example.org>\r\n")


@case("long/no-end", "RFC 5321 4.5.3.1", "a million octets and no line's end: "
      "refused or hung up on, and others are served")
def _(target):
    with Session(target) as session:
        try:
            for _ in range(100):
                session.send(b"x" * 10000)
        except Gone:
            return "hung up on"
        target.alive()
        return "others are served"


def data(session, content, patience=PATIENCE):
    session.mail("DATA")
    session.send(content)
    return session.reply(patience)


for name, size in [("2k", 2000), ("100k", 100000), ("1m", 1000000)]:
    @case(f"long/text-{name}", "RFC 5321 4.5.3.1.6",
          "a text line of that length: taken or refused, once")
    def _(target, size=size):
        with Session(target) as session:
            code = data(session, b"Subject: long\r\n\r\n" + b"x" * size +
                        b"\r\n.\r\n")
            return f"{code} {quiet_end(session)}"

    @case(f"long/header-{name}", "RFC 5322 2.1.1",
          "a header field of that length: taken or refused, once")
    def _(target, size=size):
        with Session(target) as session:
            code = data(session, b"X: " + b"x" * size + b"\r\n\r\nx\r\n.\r\n")
            return f"{code} {quiet_end(session)}"


@case("long/received-200", "RFC 5321 6.3",
      "200 Received fields are a loop: 5xx")
def _(target):
    with Session(target) as session:
        code = data(session, b"Received: from a by b; today\r\n" * 200 +
                    b"\r\nx\r\n.\r\n")
        if code[0] != "5":
            raise Bad(code)
        return code


@case("long/header-fields-20000", "RFC 5321 4.5.3.1",
      "taken or refused, once")
def _(target):
    with Session(target) as session:
        code = data(session, b"".join(b"X-%d: y\r\n" % n for n in
                                      range(20000)) + b"\r\nx\r\n.\r\n")
        return f"{code} {quiet_end(session)}"


@case("long/recipients-3000", "RFC 5321 4.5.3.1.8, 4.5.3.1.10",
      "at least 100, each with a reply of its own; 4xx for too many",
      ("PIPELINING",))
def _(target):
    with Session(target) as session:
        session.step(f"MAIL FROM:<{target.sender}>")
        taken = 0
        for _ in range(30):
            session.send(f"RCPT TO:<{target.to}>\r\n".encode() * 100)
            for _ in range(100):
                code = session.reply()
                taken += code[0] == "2"
                if code[0] not in "24":
                    raise Bad(code)
                if code == "421":
                    return f"{taken} taken, then 421"
        if taken < 100:
            raise Bad(f"only {taken} taken")
        return f"{taken} taken"


def quiet_end(session):
    """No second reply, and QUIT is answered."""
    try:
        session.send(b"QUIT\r\n")
    except Gone:
        return "closed"
    rest = session.replies()
    if rest not in (["221"], ["closed"], ["421"]):
        raise Bad(" ".join(rest))
    return rest[0]

# --- the end of the data -------------------------------------------------------------

ENDS = [
    ("lf-dot-lf", b"\n.\n"), ("lf-dot-crlf", b"\n.\r\n"),
    ("crlf-dot-lf", b"\r\n.\n"), ("cr-dot-cr", b"\r.\r"),
    ("cr-dot-crlf", b"\r.\r\n"), ("crlf-dot-cr", b"\r\n.\r"),
    ("lf-dot-cr", b"\n.\r"), ("cr-dot-lf", b"\r.\n"),
    ("crlf-dot-crcrlf", b"\r\n.\r\r\n"), ("crcrlf-dot-crlf", b"\r\r\n.\r\r\n"),
    ("lfcr-dot-lfcr", b"\n\r.\n\r"), ("nul-dot", b"\r\n\0.\r\n"),
    ("dot-nul", b"\r\n.\0\r\n"), ("nul-lf", b"\0\n.\n"),
    ("dot-blank", b"\r\n. \r\n"), ("dot-tab", b"\r\n.\t\r\n"),
    ("blank-dot", b"\r\n .\r\n"), ("dot-dot", b"\r\n..\r\n"),
    ("vt", b"\r\n\x0b.\r\n"), ("ff", b"\r\n.\x0c\r\n"),
    ("nel", b"\x85.\x85"), ("u2028", "\u2028.\u2028".encode()),
    ("lflf", b"\n\n.\n\n"), ("cr-nul-lf", b"\r\0\n.\r\0\n"),
    ("utf8-lf", b"\r\n.\xc4\x8a"), ("fullwidth", "\r\n．\r\n".encode()),
]
SMUGGLED = (b"MAIL FROM:<{from}>\r\nRCPT TO:<{to}>\r\nDATA\r\n"
            b"Subject: smuggled\r\n\r\nx")

for name, ending in ENDS:
    @case(f"end-of-data/{name}", SMUGGLING,
          "no end of data: one reply, for all that comes up to CRLF . CRLF")
    def _(target, ending=ending):
        with Session(target) as session:
            code = data(session, b"Subject: end\r\n\r\nfirst" + ending +
                        fill(SMUGGLED, target) + b"\r\n.\r\n")
            return f"{code} {quiet_end(session)}"

    @case(f"end-of-data/alone-{name}", SMUGGLING,
          "no end of data: the server waits for more")
    def _(target, ending=ending):
        with Session(target) as session:
            try:
                code = data(session, b"Subject: end\r\n\r\nfirst" + ending,
                            QUIET)
            except TimeoutError:
                return "it waits"
            except Gone:
                return "closed"
            if code[0] == "2":
                raise Bad(code)
            return code

for at in range(1, 5):
    @case(f"end-of-data/split-{at}", "RFC 5321 4.1.1.4",
          "CRLF . CRLF in two packets is the end: one reply")
    def _(target, at=at):
        with Session(target) as session:
            session.mail("DATA")
            session.send(b"Subject: split\r\n\r\nx" + b"\r\n.\r\n"[:at])
            time.sleep(0.05)
            session.send(b"\r\n.\r\n"[at:])
            code = session.reply()
            if code[0] != "2":
                raise Bad(code)
            return f"{code} {quiet_end(session)}"

for name, content in [
        ("empty", b""), ("dot-first", b".\r\n"),
        ("only-dots", b"..\r\n...\r\n....\r\n"),
        ("no-header", b"\r\nbody"), ("no-body", b"Subject: x")]:
    @case(f"end-of-data/content-{name}", "RFC 5321 4.1.1.4, 4.5.2",
          "one reply to such a content")
    def _(target, content=content, name=name):
        with Session(target) as session:
            end = b"" if name == "dot-first" else (
                b".\r\n" if not content or content.endswith(b"\r\n")
                else b"\r\n.\r\n")
            code = data(session, content + end)
            return f"{code} {quiet_end(session)}"


@case("end-of-data/pipelined", "RFC 2920 3.1",
      "commands behind the final dot in its packet: answered in order",
      ("PIPELINING",))
def _(target):
    with Session(target) as session:
        session.mail("DATA")
        session.send(b"Subject: x\r\n\r\nx\r\n.\r\nRSET\r\nQUIT\r\n")
        found = session.replies()
        if [code[0] for code in found] != ["2"] * 3:
            raise Bad(" ".join(found))
        return " ".join(found)


@case("end-of-data/with-data", "RFC 2920 3.1 (DATA is the last of a group)",
      "content in the packet of DATA: no second transaction comes of it")
def _(target):
    with Session(target) as session:
        session.mail()
        session.send(b"DATA\r\nSubject: x\r\n\r\nx\r\n.\r\nQUIT\r\n")
        found = session.replies()
        if len([code for code in found if code == "250"]) > 1:
            raise Bad(" ".join(found))
        return " ".join(found)


@case("end-of-data/data-refused", "RFC 2920 3.1; RFC 5321 4.2.5",
      "DATA refused and the text sent all the same: nothing of it delivers")
def _(target):
    with Session(target) as session:
        session.send(fill(b"DATA\r\n" + SMUGGLED + b"\r\n.\r\nQUIT\r\n",
                          target))
        found = session.replies()
        if found[0][0] != "5":
            raise Bad(" ".join(found))
        return " ".join(found)

# --- BDAT -----------------------------------------------------------------------------

for name, raw in [
        ("word", b"BDAT x\r\n"), ("minus", b"BDAT -1\r\n"),
        ("none", b"BDAT\r\n"), ("last-only", b"BDAT LAST\r\n"),
        ("2^64", b"BDAT 18446744073709551617 LAST\r\n"),
        ("99", b"BDAT " + b"9" * 99 + b" LAST\r\n"),
        ("hex", b"BDAT 0x10 LAST\r\n"), ("plus", b"BDAT +5 LAST\r\n"),
        ("first", b"BDAT 5 FIRST\r\n"), ("more", b"BDAT 5 LAST LAST\r\n"),
        ("nul", b"BDAT 5\0LAST\r\n"), ("lf", b"BDAT 5 LAST\n"),
        ("tab", b"BDAT\t5\tLAST\r\n"), ("fraction", b"BDAT 1.5 LAST\r\n")]:
    @case(f"bdat/size-{name}", "RFC 3030 2",
          "no 2xx: refused, waited for, or hung up on", ("CHUNKING",))
    def _(target, raw=raw):
        with Session(target) as session:
            session.mail()
            session.send(raw)
            try:
                code = session.reply(QUIET)
            except TimeoutError:
                return "it waits"
            except Gone:
                return "closed"
            if code[0] == "2":
                raise Bad(code)
            return code

for name, before in [("first", ()), ("without-rcpt", FROM)]:
    @case(f"bdat/commands-{name}", "RFC 3030 2; SMTP smuggling",
          "a chunk that is refused is read, not obeyed", ("CHUNKING",))
    def _(target, before=before):
        with Session(target) as session:
            for command in before:
                session.step(command)
            chunk = fill(b"RSET\r\n" + SMUGGLED + b"\r\n.\r\n", target)
            session.send(b"BDAT %d LAST\r\n" % len(chunk) + chunk)
            found = [session.reply()]
            try:
                session.send(b"QUIT\r\n")
                found += session.replies()
            except Gone:
                found.append("closed")
            if found[0][0] != "5" or found[1:] not in (["221"], ["closed"],
                                                       ["421"]):
                raise Bad(" ".join(found))
            return " ".join(found)

for name, ending in ENDS[:8] + [("crlf-dot-crlf", b"\r\n.\r\n")]:
    @case(f"bdat/dot-{name}", "RFC 3030 2, 3 (dots mean nothing)",
          "one reply for the chunk, whatever stands in it", ("CHUNKING",))
    def _(target, ending=ending):
        with Session(target) as session:
            session.mail()
            chunk = (b"Subject: chunk\r\n\r\nx" + ending +
                     fill(SMUGGLED, target) + b"\r\n")
            session.send(b"BDAT %d LAST\r\n" % len(chunk) + chunk)
            return f"{session.reply()} {quiet_end(session)}"

for name, commands, allow in [
        ("data-after", [b"DATA\r\n"], "50[0-5]"),
        ("mail-after", [b"MAIL FROM:<b@example.org>\r\n"], "503"),
        ("rcpt-after", [b"RCPT TO:<{to}>\r\n"], "503")]:
    @case(f"bdat/{name}", "RFC 3030 2", f"{allow} behind a chunk",
          ("CHUNKING",))
    def _(target, commands=commands, allow=allow):
        with Session(target) as session:
            session.mail(b"BDAT 6\r\nX: y\r\n")
            return single(session, fill(commands[0], target), allow)


@case("bdat/rset", "RFC 3030 2", "RSET between chunks forgets them",
      ("CHUNKING",))
def _(target):
    with Session(target) as session:
        session.mail(b"BDAT 6\r\nX: y\r\n", "RSET")
        session.mail(b"BDAT 11 LAST\r\nX: y\r\n\r\na\r\n")
        return quiet_end(session)


@case("bdat/zero-last", "RFC 3030 2", "one reply", ("CHUNKING",))
def _(target):
    with Session(target) as session:
        session.mail(b"BDAT 6\r\nX: y\r\n")
        return f"{session.ask(b'BDAT 0 LAST' + bytes([13, 10]))} " + \
            quiet_end(session)


@case("bdat/thousand-chunks", "RFC 3030 2", "a reply for each of 1000",
      ("CHUNKING",))
def _(target):
    with Session(target) as session:
        session.mail()
        session.send(b"BDAT 6\r\nX: y\r\n" * 1000 +
                     b"BDAT 5 LAST\r\n\r\nx\r\n")
        found = [session.reply() for _ in range(1001)]
        if {code[0] for code in found} - {"2", "5"}:
            raise Bad(str(set(found)))
        return f"{found[-1]} {quiet_end(session)}"


@case("bdat/octets", "RFC 3030 2", "a chunk octet by octet: taken",
      ("CHUNKING",))
def _(target):
    with Session(target) as session:
        session.mail()
        for octet in b"BDAT 11 LAST\r\nX: y\r\n\r\nz\r\n":
            session.send(bytes([octet]))
        code = session.reply()
        if code[0] != "2":
            raise Bad(code)
        return code

# --- STARTTLS -------------------------------------------------------------------------

for name, injected in [
        ("noop", b"NOOP\r\n"), ("rset", b"RSET\r\n"),
        ("ehlo", b"EHLO evil.example\r\n"), ("quit", b"QUIT\r\n"),
        ("mail", b"MAIL FROM:<evil@example.org>\r\n"),
        ("auth", b"AUTH PLAIN AAAA\r\n"), ("starttls", b"STARTTLS\r\n"),
        ("half", b"NO"), ("lf", b"\n"),
        ("transaction", b"EHLO x\r\n" + SMUGGLED + b"\r\n.\r\n")]:
    @case(f"starttls/injected-{name}", "RFC 3207 6; CVE-2011-0411",
          "what came in clear behind STARTTLS is never answered under TLS",
          ("STARTTLS",))
    def _(target, injected=injected):
        with Session(target) as session:
            session.send(b"STARTTLS\r\n" + fill(injected, target))
            try:
                code = session.reply()
                if code != "220":
                    return f"{code}, no TLS"
                session.left = b""
                session.wrap()
            except (Gone, OSError, ssl.SSLError):
                return "hung up on"
            try:
                code = session.reply(QUIET)
            except TimeoutError:
                session.ehlo()
                return "forgotten"
            except Gone:
                return "hung up on"
            raise Bad(f"{code} under TLS")

for name, junk in [("zeros", b"\0" * 64), ("http", b"GET / HTTP/1.1\r\n\r\n"),
                   ("smtp", b"EHLO x\r\nQUIT\r\n"),
                   ("ssl2", b"\x80\x2e\x01\x00\x02" + b"\0" * 43),
                   ("record-16k", b"\x16\x03\x01\x40\x00" + b"\xff" * 16384),
                   ("alert", b"\x15\x03\x03\x00\x02\x02\x28")]:
    @case(f"starttls/junk-{name}", "RFC 3207 4.1; RFC 8446 5.1",
          "no handshake: hung up on, or waited for; nothing is said in clear",
          ("STARTTLS",))
    def _(target, junk=junk):
        with Session(target) as session:
            session.step("STARTTLS")
            session.send(junk)
            session.sock.settimeout(PATIENCE)
            got = b""
            try:
                while piece := session.sock.recv(4096):
                    got += piece
            except TimeoutError:
                target.alive()
                return "it waits for more, and others are served"
            except OSError:
                pass
            if re.match(rb"[2345]\d\d[ -]", got):
                raise Bad(repr(got[:60]))
            target.alive()
            return "hung up on"

for name, version in [("tls10", ssl.TLSVersion.TLSv1),
                      ("tls11", ssl.TLSVersion.TLSv1_1)]:
    @case(f"starttls/{name}", "RFC 8996", "an old version is refused",
          ("STARTTLS", "certificate"))
    def _(target, version=version):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
        with Session(target) as session:
            session.step("STARTTLS")
            try:
                session.wrap(context)
            except (OSError, ssl.SSLError):
                return "refused"
            raise Bad(str(session.sock.version()))


@case("starttls/argument", "RFC 3207 4", "501", ("STARTTLS",))
def _(target):
    with Session(target) as session:
        return single(session, b"STARTTLS now\r\n", "5")


@case("starttls/twice", "RFC 3207 4.2", "5xx within TLS, and it goes on",
      ("STARTTLS",))
def _(target):
    with Session(target) as session:
        session.starttls()
        session.ehlo()
        if "STARTTLS" in session.keywords:
            raise Bad("it is offered again")
        return single(session, b"STARTTLS\r\n", "5")


@case("starttls/transaction", "RFC 3207 4.2",
      "a transaction begun in clear is forgotten", ("STARTTLS",))
def _(target):
    with Session(target) as session:
        session.mail()
        code = session.ask("STARTTLS")
        if code != "220":
            return f"{code}: not within a transaction"
        session.wrap()
        session.ehlo()
        return single(session, b"DATA\r\n", "5")


@case("starttls/within-data", "RFC 3207 4", "in a text it is text",
      ("STARTTLS",))
def _(target):
    with Session(target) as session:
        code = data(session, b"X: y\r\n\r\nSTARTTLS\r\n.\r\n")
        return f"{code} {quiet_end(session)}"

# --- AUTH -----------------------------------------------------------------------------


@case("auth/offered-in-clear", "RFC 4954 4; RFC 8314 3",
      "PLAIN and LOGIN are not offered where TLS is, before it", ("STARTTLS",))
def _(target):
    offered = set(target.plain.get("AUTH", ())) & {"PLAIN", "LOGIN"}
    if offered:
        raise Bad(" ".join(sorted(offered)))


for name, raw in [
        ("plain", b"AUTH PLAIN AGEAYg==\r\n"), ("login", b"AUTH LOGIN\r\n"),
        ("login-user", b"AUTH LOGIN YQ==\r\n"), ("alone", b"AUTH\r\n"),
        ("none", b"AUTH NOSUCH\r\n"), ("blank", b"AUTH  PLAIN\r\n"),
        ("equals", b"AUTH PLAIN =\r\n"),
        ("long-name", b"AUTH " + b"X" * 5000 + b"\r\n"),
        ("nul", b"AUTH PLAIN\0AGEAYg==\r\n")]:
    refused(f"auth/in-clear-{name}", "RFC 4954 4, 6 (538, 530, 503, 504)",
            raw, allow="[45]")


def secure(name, rule, expected):
    def add(run):
        def whole(target):
            with Session(target) as session:
                session.starttls()
                session.ehlo()
                return run(session)
        CASES.append(Case(f"auth/{name}", rule, expected, whole,
                          ("TLS", "AUTH")))
        return run
    return add


for name, answer in [
        ("garbage", b"!!!!\r\n"), ("odd", b"A\r\n"), ("empty", b"\r\n"),
        ("cancelled", b"*\r\n"), ("no-nuls", b"YWJj\r\n"),
        ("nuls", b"AAAAAAAA\r\n"), ("one-nul", b"AGE=\r\n"),
        ("12k", b"QUFB" * 3000 + b"\r\n"), ("1m", b"QUFB" * 250000 + b"\r\n"),
        ("8bit", b"\xff\xfe\r\n"), ("command", b"MAIL FROM:<a@b>\r\n"),
        ("padding", b"AGEAYg=\r\n"), ("padded", b"AGEAYg====\r\n"),
        ("nul-octet", b"AGEA\0Yg==\r\n"), ("lf", b"AGEAYg==\nNOOP\r\n")]:
    @secure(f"plain-{name}", "RFC 4954 4; RFC 4616 2",
            "5xx or 4xx, and no second reply")
    def _(session, answer=answer):
        if session.ask("AUTH PLAIN") != "334":
            return "PLAIN is not offered"
        return single(session, answer, "[45]")


@secure("within-transaction", "RFC 4954 4", "503")
def _(session):
    session.send(f"MAIL FROM:<{session.target.sender}>\r\n".encode())
    if session.reply()[0] != "2":
        return "MAIL wants a login first"
    return single(session, b"AUTH PLAIN AGEAYg==\r\n", "5")


@secure("pipelined", "RFC 4954 4; RFC 2920 3.1",
        "an answer in the packet of AUTH: no login, no crash")
def _(session):
    session.send(b"AUTH PLAIN\r\nAGEAYg==\r\nNOOP\r\n")
    return quiet(session, 3)

# --- slow, mute and deaf -----------------------------------------------------------


@case("slow/octets", "RFC 5321 4.5.3.2", "commands octet by octet are taken")
def _(target):
    with Session(target) as session:
        for octet in fill(b"MAIL FROM:<{from}>\r\n", target):
            session.send(bytes([octet]))
            time.sleep(0.005)
        code = session.reply()
        if code[0] != "2":
            raise Bad(code)
        return code


@case("slow/text", "RFC 5321 4.5.3.2", "a text octet by octet is taken")
def _(target):
    with Session(target) as session:
        session.mail("DATA")
        for octet in b"Subject: slow\r\n\r\nx\r\n.\r\n":
            session.send(bytes([octet]))
            time.sleep(0.005)
        code = session.reply()
        if code[0] != "2":
            raise Bad(code)
        return code


for name, raw in [("nothing", b""), ("half-command", b"MAIL FR"),
                  ("cr", b"NOOP\r"), ("half-data", None)]:
    @case(f"slow/mute-{name}", "RFC 5321 4.5.3.2; slowloris",
          "twenty who say no more keep nobody out")
    def _(target, raw=raw):
        held = []
        try:
            for _ in range(20):
                try:
                    session = Session(target)
                    held.append(session)
                    if raw is None:
                        session.mail("DATA")
                    session.send(raw if raw is not None else b"X: y")
                except (Gone, Bad):
                    break
            if len(held) == 20:
                target.alive()
            return f"{len(held)} held"
        finally:
            for session in held:
                session.sock.close()

for name, line in [("noop", b"NOOP\r\n"), ("help", b"HELP\r\n"),
                   ("vrfy", b"VRFY a\r\n"), ("unknown", b"XYZZY\r\n")]:
    @case(f"slow/deaf-{name}", "RFC 2920 3.2 (a client must read)",
          "a client that sends and never reads is stopped, and others served")
    def _(target, line=line):
        with Session(target) as session:
            session.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            session.sock.settimeout(1)
            sent = 0
            try:
                while sent < 20_000_000:
                    sent += session.sock.send(line * 1000)
            except (TimeoutError, OSError):
                pass
            target.alive()
            return f"{sent >> 10} KiB were taken"


@case("slow/thousand-rsets", "RFC 2920 3.2",
      "1000 commands in one packet: 1000 replies, or hung up on", ("PIPELINING",))
def _(target):
    with Session(target) as session:
        session.send(b"RSET\r\n" * 1000 + b"QUIT\r\n")
        found = session.replies()
        if found[-1] == "silence" or \
                found[-1] == "221" and found.count("250") != 1000:
            raise Bad(f"{found.count('250')} replies, then {found[-1]}")
        return f"{len(found)} replies"


@case("slow/errors", "RFC 5321 7.8 (resistance to attacks)",
      "200 errors: 421, or all are answered and nobody else waits")
def _(target):
    with Session(target) as session:
        try:
            for n in range(200):
                code = session.ask("XYZZY")
                if code == "421":
                    return f"421 after {n}"
        except Gone:
            return f"closed after {n}"
        except TimeoutError:
            pass
        target.alive()
        return "others are served"

# --- gone at every stage ------------------------------------------------------------

STAGES = [
    ("connect", None), ("banner", b""), ("half-ehlo", b"EH"),
    ("ehlo", b"EHLO x.example\r\n"), ("mail", "MAIL"), ("rcpt", "RCPT"),
    ("data", "DATA"), ("half-text", b"Subject: gone\r\n\r\nx"),
    ("dot", b"Subject: gone\r\n\r\nx\r\n."),
    ("dot-cr", b"Subject: gone\r\n\r\nx\r\n.\r"),
    ("bdat", "BDAT"), ("starttls", "STARTTLS"), ("pipelined", "PIPELINED"),
]


def reach(session, stage, what):
    """Bring SESSION to STAGE."""
    if what is None:
        return
    if session.reply() != "220":
        raise Bad("no 220 as banner")
    if stage in ("banner", "half-ehlo", "ehlo"):
        session.send(what)
        return
    session.ehlo()
    if stage == "starttls":
        session.step("STARTTLS")
    elif stage == "mail":
        session.step(f"MAIL FROM:<{session.target.sender}>")
    elif stage == "pipelined":
        session.send(fill(b"MAIL FROM:<{from}>\r\nRCPT TO:<{to}>\r\nDATA\r\n",
                          session.target))
    elif stage == "bdat":
        session.mail()
        session.send(b"BDAT 1000 LAST\r\nX: y\r\n\r\nhalf")
    elif stage == "rcpt":
        session.mail()
    else:
        session.mail("DATA")
        if isinstance(what, bytes):
            session.send(what)


def needs_of(stage):
    return {"bdat": ("CHUNKING",), "starttls": ("STARTTLS",),
            "pipelined": ("PIPELINING",)}.get(stage, ())


for stage, what in STAGES:
    @case(f"gone/closed-{stage}", "RFC 5321 3.8, 4.1.1.5",
          "nothing is delivered, the next client is served", needs_of(stage))
    def _(target, stage=stage, what=what):
        with Session(target, ehlo=False, banner=False) as session:
            reach(session, stage, what)
        target.alive()

    @case(f"gone/reset-{stage}", "RFC 5321 3.8, 4.1.1.5",
          "nothing is delivered, the next client is served", needs_of(stage))
    def _(target, stage=stage, what=what):
        session = Session(target, ehlo=False, banner=False)
        try:
            reach(session, stage, what)
        finally:
            session.abort()
        target.alive()

    @case(f"gone/half-closed-{stage}", "RFC 5321 3.8, 4.1.1.5; RFC 9293 3.6",
          "it ends the connection, with or without a last word; no 250 for a "
          "text that did not end", needs_of(stage))
    def _(target, stage=stage, what=what):
        with Session(target, ehlo=False, banner=False) as session:
            reach(session, stage, what)
            session.sock.shutdown(socket.SHUT_WR)
            try:
                found = session.replies()
            except Bad: # an alert of TLS
                found = ["closed"]
            if found[-1] == "silence":
                raise Bad("it is still there: " + " ".join(found))
            if stage in ("half-text", "dot", "dot-cr", "bdat") and \
                    "250" in found:
                raise Bad(" ".join(found))
            return " ".join(found)


@case("gone/half-closed-whole", "RFC 9293 3.6",
      "a whole session, half closed at once: all its replies come",
      ("PIPELINING",))
def _(target):
    with Session(target) as session:
        session.mail("DATA")
        session.send(b"Subject: x\r\n\r\nx\r\n.\r\nQUIT\r\n")
        session.sock.shutdown(socket.SHUT_WR)
        found = session.replies()
        if found != ["250", "221"]:
            raise Bad(" ".join(found))
        return " ".join(found)


@case("gone/before-the-reply", "RFC 5321 4.5.3.2.6",
      "gone when the dot was said: the next client is served")
def _(target):
    with Session(target) as session:
        session.mail("DATA")
        session.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
        session.abort()
    target.alive()


@case("gone/hundred-connections", "RFC 5321 7.8",
      "a hundred at once, each closed unread: the next client is served")
def _(target):
    for _ in range(100):
        try:
            Session(target, ehlo=False, banner=False).abort()
        except OSError:
            pass
    target.alive()

# --- the program ------------------------------------------------------------------


def options_of(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n", 1)[0],
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=25)
    parser.add_argument("--from", dest="sender", required=True)
    parser.add_argument("--to", required=True)
    parser.add_argument("--anonymous", action="store_true",
                        help="TLS by ciphers that need no certificate, for a "
                        "server that can't use its own")
    parser.add_argument("--jobs", type=int, default=4,
                        help="cases at a time (default 4)")
    parser.add_argument("--failed", action="store_true",
                        help="show only what went wrong")
    parser.add_argument("--list", action="store_true",
                        help="name the cases, and do nothing")
    parser.add_argument("only", nargs="*", metavar="CASE")
    return parser.parse_args(arguments)


def run(target, cases, jobs=4, show=print):
    """{"ok": names, "WRONG": names, "skip": names}"""
    found = {"ok": [], "WRONG": [], "skip": []}

    def one(case_):
        if not case_.applies(target):
            return "skip", "not offered: " + " ".join(case_.needs)
        well, seen = case_.perform(target)
        return "ok" if well else "WRONG", seen

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for case_, (fate, seen) in zip(cases, pool.map(one, cases)):
            found[fate].append(case_.name)
            show(fate, f"{fate:5} {case_.name}: {case_.rule}: expected "
                       f"{case_.expected}; seen: {seen}")
    return found


def main(arguments=None):
    options = options_of(arguments)
    cases = [c for c in CASES if not options.only or
             any(word in c.name for word in options.only)]
    if options.list:
        for case_ in cases:
            print(case_.name)
        return 0
    target = Target(options)

    def show(fate, line):
        if fate == "WRONG" or not options.failed:
            print(line, flush=True)

    found = run(target, cases, options.jobs, show)
    print(f"{len(cases)} cases: {len(found['ok'])} well, "
          f"{len(found['WRONG'])} wrong, {len(found['skip'])} not offered")
    return 1 if found["WRONG"] else 0


if __name__ == "__main__":
    sys.exit(main())
