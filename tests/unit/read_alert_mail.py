#!/usr/bin/env python3
"""read_alert_mail.py FILE... - alert mails as another implementation reads them.

Each is a multipart/alternative of text and HTML without a defect; the fields
that programs look at are there, once; both parts tell the same.
"""
import email
import email.policy
import html.parser
import re
import sys


class Text(html.parser.HTMLParser):
    """The text of a page, its links, and which tags stay open."""
    EMPTY = {"br", "meta"}

    def __init__(self):
        super().__init__()
        self.words, self.links, self.open = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in self.EMPTY:
            self.open.append(tag)
        self.links += [v for k, v in attrs if k == "href"]

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()

    def handle_data(self, data):
        self.words.append(data)


def check(path):
    with open(path, "rb") as f:
        raw = f.read()
    mail = email.message_from_bytes(raw, policy=email.policy.SMTP)
    name = path.rsplit("/", 1)[-1]
    assert mail.get_content_type() == "multipart/alternative", name
    for part in mail.walk():
        assert not part.defects, (name, part.defects)
        for field, value in part.items():
            assert not value.defects, (name, field, value.defects)
    for field in ("From", "To", "Subject", "Date", "Message-ID", "List-Id",
                  "MIME-Version", "X-Incident"):
        assert len(mail.get_all(field)) == 1, (name, field)
    assert mail["Auto-Submitted"] == "auto-generated", name
    assert mail["X-Auto-Response-Suppress"] == "All", name
    assert ("In-Reply-To" in mail) == mail["Subject"].startswith("Re: "), name
    assert mail["In-Reply-To"] == mail["References"], name
    text, page = mail.iter_parts()
    assert text.get_content_type() == "text/plain", name
    assert page.get_content_type() == "text/html", name
    text, seen = text.get_content(), Text()
    seen.feed(page.get_content())
    seen.close()
    assert not seen.open, (name, seen.open)
    words = " ".join("".join(seen.words).split())
    assert text.splitlines()[0] in words, name
    for url in re.findall(r"(?m)^ *(?:Graph|Runbook|Acknowledge): (\S+)$", text):
        assert url in seen.links, (name, url)
    for link in seen.links:
        assert link.startswith("https://") and link in text, (name, link)
    return mail, text


def main():
    mails = {}
    for path in sys.argv[1:]:
        mails[path.rsplit("/", 1)[-1]] = check(path)
    mail, text = mails["multilingual.eml"]
    assert mail["Subject"] == 'Storage <full> & "hot" on München', mail["Subject"]
    for words in ("Größe 🔥", "磁盘已满 <b>90%</b>", "Диск полон", "Jürgen"):
        assert words in text, words
    assert "javascript" not in text
    assert len(mails) >= 16
    return 0


if __name__ == "__main__":
    sys.exit(main())
