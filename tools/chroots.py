#!/usr/bin/env python3
"""chroots - mail servers that Debian will not install beside Postfix, each in a
folder of its own below build/peers/ and run there by chroot(8): users,
libraries and paths are compiled into them.

  tools/chroots.py     make those that are missing

apt finds and fetches a server and all that it needs, as if nothing were
installed; the packages are unpacked, and none of their scripts is run. What is
made is kept. Takes root, ten seconds and 20 MB of download for each.
"""
import contextlib
import fcntl
import functools
import glob
import os
import shutil
import stat
import subprocess
import sys
import tempfile

import lab

FOLDER = os.path.join(lab.REPO, "build", "peers")
# The packages, and the accounts that their scripts would make.
KNOWN = {
    "exim": (["exim4-daemon-light"], ["Debian-exim"]),
    "opensmtpd": (["opensmtpd", "dash"], ["opensmtpd", "opensmtpq"]),
}
NEEDLESS = ["usr/share", "usr/lib/*/gconv", "usr/lib/*/perl*", "var/lib/dpkg",
            "var/cache"]
MAIL_UID = 65534 # nobody's: who owns the mailboxes


class Unavailable(Exception):
    """Why there is none, in a sentence."""


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, check=False,
                          env={**os.environ, "LC_ALL": "C",
                               "DEBIAN_FRONTEND": "noninteractive"})
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise Unavailable(f"{command[0]}: {said[-1] if said else 'failed'}")


def fetch(packages, folder):
    """The .deb files of PACKAGES and of whatever they need, from apt that
    believes that nothing is installed."""
    status = os.path.join(folder, "status")
    with open(status, "wb"):
        pass
    command = ["apt-get", "-q", "-y", "-o", f"Dir::State::status={status}",
               "-o", f"Dir::Cache={folder}", "-o", "Debug::NoLocking=1",
               "-o", "APT::Sandbox::User=root",
               "-o", "APT::Install-Recommends=0",
               "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20",
               "--download-only", "install", *packages]
    try:
        run(*command)
    except Unavailable: # the lists are missing, or older than the archive
        run("apt-get", "-q", "-o", "Acquire::http::Timeout=20", "update")
        run(*command)
    return glob.glob(os.path.join(folder, "archives", "*.deb"))


def write(root, name, text):
    """A file of ROOT, in place of one that may be a link."""
    path = os.path.join(root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def make_accounts(root, names):
    """NAMES, and the owner of the mailboxes under every name that has one."""
    users = [("root", 0), *((n, 100 + i) for i, n in enumerate(names)),
             ("nobody", MAIL_UID)]
    write(root, "etc/passwd", "".join(
        f"{name}:x:{uid}:{uid}::/:/bin/sh\n" for name, uid in users))
    write(root, "etc/group", "mail:x:8:\n" + "".join(
        f"{name}:x:{uid}:\n" for name, uid in users))
    write(root, "etc/hosts", "127.0.0.1 localhost mail.peer.example\n")
    write(root, "etc/mailname", "mail.peer.example\n")


def make_null(root):
    """/dev/null, or why there can't be one here."""
    path = os.path.join(root, "dev", "null")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        os.chmod(path, 0o666)
        with open(path, "wb") as file:
            file.write(b"x")
    except OSError as error:
        raise Unavailable("no device can be made below build/peers: "
                          f"{error.strerror}") from None


def make(name, target):
    packages, accounts = KNOWN[name]
    work = tempfile.mkdtemp(prefix=f".{name}-", dir=FOLDER)
    try:
        root = os.path.join(work, "root")
        os.mkdir(root, 0o755)
        make_null(root)
        for package in fetch(packages, work):
            run("dpkg-deb", "-x", package, root)
        for pattern in NEEDLESS:
            for path in glob.glob(os.path.join(root, pattern)):
                shutil.rmtree(path)
        for below, mode in (("tmp", 0o1777), ("run", 0o755), ("proc", 0o755)):
            os.makedirs(os.path.join(root, below), exist_ok=True)
            os.chmod(os.path.join(root, below), mode)
        os.symlink("../run", os.path.join(root, "var", "run"))
        make_accounts(root, accounts)
        os.rename(root, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@functools.cache
def refusal(name):
    """Makes the folder of NAME if it is missing; why there is none, or None.
    Tried once in a process."""
    try:
        ensure(name)
    except Unavailable as reason:
        return reason
    return None


def ensure(name):
    if not lab.IS_ROOT:
        raise Unavailable("chroot takes root")
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise Unavailable("this is no Debian")
    os.makedirs(FOLDER, exist_ok=True)
    target = os.path.join(FOLDER, name)
    with open(os.path.join(FOLDER, f".{name}.lock"), "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(target):
            make(name, target)


@contextlib.contextmanager
def copy(name):
    """The folder of a server, to write into: files are links to those that are
    kept, so they may be replaced and never written to. Unavailable."""
    if refusal(name):
        raise refusal(name)
    source = os.path.join(FOLDER, name)
    work = tempfile.mkdtemp(prefix=f".{name}-", dir=FOLDER)
    root = os.path.join(work, "root")
    try:
        run("cp", "-al", source, root)
        yield root
    finally:
        shutil.rmtree(work, ignore_errors=True)


def main():
    failed = 0
    for name in KNOWN:
        if refusal(name):
            print(f"{name} can't be had: {refusal(name)}; its tests are "
                  "skipped", file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
