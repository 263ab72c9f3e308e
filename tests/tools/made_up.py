"""A made-up tree in a folder of its own, for the tests of the checks."""
import contextlib
import os
import tempfile


@contextlib.contextmanager
def made_up(files):
    """The folder, with FILES (path: text) in it."""
    with tempfile.TemporaryDirectory() as top:
        for path, text in files.items():
            os.makedirs(os.path.join(top, os.path.dirname(path)),
                        exist_ok=True)
            with open(os.path.join(top, path), "w", encoding="utf-8") as f:
                f.write(text)
        yield top
