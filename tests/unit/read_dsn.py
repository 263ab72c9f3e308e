"""Delivery reports, read by a parser that is not ours: Python's email package.

Argument: the program that prints the report of a row (test_dsn).
"""
import email
import email.policy
import email.utils
import subprocess
import sys


def report(name):
    raw = subprocess.run([sys.argv[1], name], check=True,
                         stdout=subprocess.PIPE).stdout
    mail = email.message_from_bytes(raw, policy=email.policy.SMTP)
    check_frame(name, mail)
    return mail


def expect(name, what, got, want):
    if got != want:
        sys.exit(f"{name}: {what} is {got!r}, not {want!r}")


def check_frame(name, mail):
    for part in mail.walk():
        expect(name, "defects of " + part.get_content_type(), part.defects, [])
    expect(name, "type", mail.get_content_type(), "multipart/report")
    expect(name, "report-type", mail.get_param("report-type"),
           "delivery-status")
    expect(name, "From", mail["From"].addresses[0].addr_spec,
           "MAILER-DAEMON@mx.example.com")
    expect(name, "To", mail["To"].addresses[0].addr_spec,
           "sender@example.com")
    expect(name, "Message-ID", mail["Message-ID"], "<r1@mx.example.com>")
    expect(name, "Auto-Submitted", mail["Auto-Submitted"], "auto-replied")
    expect(name, "MIME-Version", mail["MIME-Version"], "1.0")
    expect(name, "Date", mail["Date"].datetime.timestamp(), 880134906.0 + 120)
    expect(name, "fields", sorted(set(mail.keys()) -
           {"Content-Transfer-Encoding"}),
           ["Auto-Submitted", "Content-Type", "Date", "From", "MIME-Version",
            "Message-ID", "Subject", "To"])


def types(mail):
    return [part.get_content_type() for part in mail.iter_parts()]


def status_blocks(mail):
    parts = list(mail.iter_parts())
    return parts[1].get_payload()


def main():
    headers = ["text/plain", "message/delivery-status", "text/rfc822-headers"]

    mail = report("plain")
    expect("plain", "parts", types(mail), headers)
    expect("plain", "Subject", mail["Subject"],
           "Not delivered to anna@example.org")
    blocks = status_blocks(mail)
    expect("plain", "blocks", len(blocks), 2)
    expect("plain", "message", blocks[0].items(), [
        ("Reporting-MTA", "dns; mx.example.com"),
        ("X-Belfry-Queue-ID", "1F2E"),
        ("Arrival-Date", "Fri, 21 Nov 1997 17:55:06 +0000")])
    expect("plain", "recipient", blocks[1].items(), [
        ("Final-Recipient", "rfc822; anna@example.org"),
        ("Action", "failed"),
        ("Status", "5.1.1"),
        ("Remote-MTA", "dns; mx.example.org"),
        ("Diagnostic-Code", "smtp; 550 5.1.1 no such user here"),
        ("Last-Attempt-Date", "Fri, 21 Nov 1997 17:56:06 +0000")])
    text = list(mail.iter_parts())[0].get_content()
    for words in ["550 5.1.1 no such user here", "mx.example.org[192.0.2.1]",
                  "The server of the recipient refused it for good."]:
        if words not in text:
            sys.exit(f"plain: {words!r} is not in the text")

    mail = report("utf8_to_ascii")
    expect("utf8_to_ascii", "parts", types(mail), headers)
    expect("utf8_to_ascii", "recipient",
           status_blocks(mail)[1]["Final-Recipient"],
           "utf-8; r\\x{E9}my@example.org")
    if "rémy@example.org" not in list(mail.iter_parts())[0].get_content():
        sys.exit("utf8_to_ascii: the address is not in the text")

    mail = report("three")
    expect("three", "parts", types(mail),
           headers[:2] + ["message/rfc822"])
    expect("three", "Subject", mail["Subject"],
           "Not delivered to team@example.org and 1 other")
    blocks = status_blocks(mail)
    expect("three", "blocks", len(blocks), 4)
    expect("three", "actions", [b["Action"] for b in blocks[1:]],
           ["delayed", "failed", "failed"])
    expect("three", "original recipients",
           [b["Original-Recipient"] for b in blocks[1:]],
           [None, "rfc822;team@example.org", "rfc822; team@example.org"])
    expect("three", "servers", [b["Remote-MTA"] for b in blocks[1:]],
           [None, None, "dns; [192.0.2.9]"])
    expect("three", "words", [b["Diagnostic-Code"] for b in blocks[1:]],
           [None, "x-belfry; no route to this domain",
            "smtp; 552 5.2.2 full"])
    original = list(mail.iter_parts())[2].get_content()
    expect("three", "body", original.get_content(), "body\r\n")

    mail = report("delayed")
    expect("delayed", "parts", types(mail), headers[:2])

    mail = report("eight_bit")
    expect("eight_bit", "encoding", mail["Content-Transfer-Encoding"], "8bit")
    part = list(mail.iter_parts())[2]
    expect("eight_bit", "part", part["Content-Transfer-Encoding"], "8bit")

    mail = report("eight_bit_header")
    expect("eight_bit_header", "encoding", mail["Content-Transfer-Encoding"],
           None)
    part = list(mail.iter_parts())[2]
    expect("eight_bit_header", "part", part["Content-Transfer-Encoding"],
           "quoted-printable")
    expect("eight_bit_header", "bytes", part.get_payload(decode=True),
           b"Subject: gr\xc3\xbc\xc3\x9f\r\n")

    mail = report("long_header")
    expect("long_header", "encoding", mail["Content-Transfer-Encoding"], None)
    part = list(mail.iter_parts())[2]
    expect("long_header", "part", part["Content-Transfer-Encoding"],
           "quoted-printable")
    expect("long_header", "bytes", part.get_payload(decode=True),
           b"X: = " + 1000 * b"a" + b"\xc3\xbc \r\nSubject: s\r\n")

    mail = report("evil")
    expect("evil", "parts", types(mail), headers)
    blocks = status_blocks(mail)
    expect("evil", "blocks", len(blocks), 2)
    expect("evil", "fields", blocks[1].keys(),
           ["Original-Recipient", "Final-Recipient", "Action", "Status",
            "Remote-MTA", "Diagnostic-Code"])
    expect("evil", "action", blocks[1]["Action"], "failed")


main()
