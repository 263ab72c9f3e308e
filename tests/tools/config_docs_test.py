"""The reference in docs/configuration.md is what `belfry` prints, the examples
of docs/ and contrib/ pass its check, and every key of the example exists.

usage: config_docs_test.py BELFRY [--write]   --write brings the page up to date
"""
import os
import re
import subprocess
import sys
import tempfile

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PAGE = os.path.join(TOP, "docs", "configuration.md")
BEGIN, END = "<!-- reference: begin -->\n", "<!-- reference: end -->\n"


def belfry(*arguments):
    return subprocess.run([sys.argv[1], *arguments], capture_output=True,
                          text=True, check=False)


def reference_is_current():
    with open(PAGE, encoding="utf-8") as file:
        page = file.read()
    head, rest = page.split(BEGIN)
    old, tail = rest.split(END)
    new = belfry("config", "reference", "--markdown").stdout
    if "--write" in sys.argv:
        with open(PAGE, "w", encoding="utf-8") as file:
            file.write(head + BEGIN + new + END + tail)
        return True
    if old != new:
        print("docs/configuration.md is not what `belfry config reference "
              "--markdown` prints; run this test with --write")
    return old == new


def checks(path, name):
    done = belfry("-c", path, "check", "--strict")
    if done.returncode:
        print(f"{name}: {done.stdout}{done.stderr}")
    return done.returncode == 0


def page_examples():
    with open(PAGE, encoding="utf-8") as file:
        found = re.findall(r"^```yaml\n(.*?)^```", file.read(), re.S | re.M)
    well = bool(found)
    for number, text in enumerate(found):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            well = checks(file.name, f"example {number + 1}") and well
    return well


def main():
    well = reference_is_current()
    well = page_examples() and well
    example = os.path.join(TOP, "contrib", "belfry.yaml")
    well = checks(example, "contrib/belfry.yaml") and well
    # The check must be able to fail.
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write("hostname: a b\n")
        file.flush()
        if belfry("-c", file.name, "check").returncode != 78:
            print("belfry check takes a wrong host name")
            well = False
    return 0 if well else 1


sys.exit(main())
