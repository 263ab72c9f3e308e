"""check-docs on small made-up trees: it passes the documented one and sees each
kind of thing that is not."""
import os
import subprocess
import sys
import unittest

from made_up import made_up

TOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                    "..", "..", "tools", "check-docs")

BELFRY = """#!/bin/sh
case "$*" in
"config reference --json")
	echo '{"key": "limits.message_size", "type": "size"}' ;;
"help --json")
	echo '{"command": "queue list", "help": "lists"}' ;;
*) exit 64 ;;
esac
"""
CODE = {
    "relay/a.c": """
/* log_event(ctx, LOG_INFO, "in_a_comment") and --in-a-comment */
static const struct metric_desc d = { .name = "belfry_things_total" };
static const struct option options[] = {{"config", required_argument, 0, 'c'}};
static const char usage[] = "usage: a [--check]";
void f(void)
{
	log_event(g(x, y), LOG_INFO, "accept", LOG_STR("id", "not_an_event"));
	log_event(&c, LOG_INFO, up ? "came_up" : "went_down");
	log_event(&c, LOG_INFO, "last");
}
""",
    "tests/t.c": 'x = "belfry_only_in_tests"; y = "--only-in-tests";\n',
}
DOCS = """# Reference
belfry_things_total counts things. `limits.message_size` is a size.
Events: `accept`, `came_up`, `event=went_down`.

    event=last

```
belfryd --config FILE [--check]
belfry queue list
```
"""


def run(docs, code=None):
    tree = {**(code or CODE), "docs/reference.md": docs, "belfry": BELFRY}
    with made_up(tree) as top:
        belfry = os.path.join(top, "belfry")
        os.chmod(belfry, 0o755)
        return subprocess.run([sys.executable, TOOL, "--belfry", belfry, top],
                              capture_output=True, text=True, check=False)


class CheckDocs(unittest.TestCase):
    def test_good(self):
        done = run(DOCS)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_each_is_missed(self):
        for what in ("metric belfry_things_total", "log event accept",
                     "log event came_up", "log event went_down",
                     "log event last", "option --config", "option --check",
                     "configuration key limits.message_size",
                     "command queue list"):
            with self.subTest(what):
                name = what.rpartition(" ")[2] if "command" not in what \
                    else "queue list"
                done = run(DOCS.replace(name, "gone"))
                self.assertEqual(done.returncode, 1)
                self.assertIn(f"{what}: in no page", done.stdout)
                self.assertEqual(len(done.stdout.splitlines()), 1,
                                 done.stdout)

    def test_part_of_a_word_is_not_enough(self):
        done = run(DOCS.replace("`accept`", "`accepted`, accept"))
        self.assertIn("log event accept:", done.stdout)


if __name__ == "__main__":
    unittest.main()
