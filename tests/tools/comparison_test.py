"""Every test that docs/comparison.md names is there."""
import os
import re
import sys

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


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


def main():
    with open(os.path.join(TOP, "docs", "comparison.md"),
              encoding="utf-8") as file:
        complaints = file.read().split("\n## ", 1)[0]
    rows = re.findall(r"^\|.*\|([^|]*)\|$", complaints, re.M)[2:]
    bad = [one for row in rows for one in missing(row)]
    for one in bad:
        print(f"docs/comparison.md names what is not there: {one}")
    if len(rows) != 15:
        print(f"docs/comparison.md has {len(rows)} complaints of 15")
    # It must be able to fail.
    if list(missing("`e2e/no_test.py`; `proto/loop.smtp` `test_x`")) != [
            "`e2e/no_test.py`", "`proto/loop.smtp` `test_x`"]:
        print("a missing test is not seen")
        return 1
    return 1 if bad or len(rows) != 15 else 0


sys.exit(main())
