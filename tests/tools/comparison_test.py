"""Every test that docs/comparison.md names is there."""
import os
import re
import sys

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
ROWS = [15, 9]  # of each table whose last column is tests


def missing(shown):
    """What is named in SHOWN, `FILE` or `FILE` `TEST`, and is not there."""
    for one in filter(None, (part.strip() for part in shown.split(";"))):
        names = re.findall(r"`([^`]+)`", one)
        path = os.path.join(TOP, "tests", names[0]) if names else ""
        if not os.path.isfile(path):
            yield one
            continue
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for test in names[1:]:
            if not re.search(rf"\b{re.escape(test)}\(", text):
                yield one


def tables(text):
    """{section: [what is in the last column, ...]} of the tables whose last
    column is tests."""
    return {part.split("\n", 1)[0]: re.findall(
        r"^\|.*\|([^|]*)\|$", part, re.M)[2:]
            for part in text.split("\n## ") if "| shown by |\n" in part}


def main():
    with open(os.path.join(TOP, "docs", "comparison.md"),
              encoding="utf-8") as file:
        found = tables(file.read())
    bad = [one for rows in found.values() for row in rows
           for one in missing(row)]
    for one in bad:
        print(f"docs/comparison.md names what is not there: {one}")
    counts = [len(rows) for rows in found.values()]
    if counts != ROWS:
        print(f"docs/comparison.md has {counts} complaints of {ROWS}")
    # It must be able to fail.
    if list(missing("`e2e/no_test.py`; `proto/loop.smtp` `test_x`")) != [
            "`e2e/no_test.py`", "`proto/loop.smtp` `test_x`"]:
        print("a missing test is not seen")
        return 1
    return 1 if bad or counts != ROWS else 0


sys.exit(main())
