"""postfix - instances of the packaged Postfix that are all our own: the whole
configuration is written here, the queue lies in a folder of its own, and
nothing of /etc/postfix is read."""
import os
import pwd
import re
import shutil
import signal
import subprocess

import lab

DAEMONS = "/usr/lib/postfix/sbin"
MAIN = """compatibility_level = 3.6
queue_directory = {folder}/spool
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
maillog_file = {folder}/log
"""
MASTER = """127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
tlsmgr unix - - n 1000? 1 tlsmgr
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def locked_in(master):
    """MASTER with what takes mail locked into the queue directory, as Debian
    has it."""
    return re.sub(r"n - n (.*(?:smtpd|cleanup))\n", r"n - y \1\n", master)


def can_run():
    return lab.IS_ROOT and shutil.which("postfix") is not None


class Instance:
    """Takes mail at `port` and does with it what SETTINGS, lines of main.cf in
    which {folder} is the folder of the instance, say. SERVICES: more lines of
    master.cf."""

    def __init__(self, name, settings, services=""):
        self.port, self.pid = lab.free_port(), None
        self.folder = lab.state_folder(name)
        os.chown(self.folder, 0, 0)
        self.etc = os.path.join(self.folder, "etc")
        for below in ("etc", "spool", "data"):
            os.mkdir(os.path.join(self.folder, below))
        os.chown(os.path.join(self.folder, "data"),
                 pwd.getpwnam("postfix").pw_uid, 0)
        self.write("main.cf", MAIN + settings)
        self.write("master.cf", MASTER + services)

    def write(self, name, text):
        text = text.format(folder=self.folder, daemons=DAEMONS,
                           port=self.port)
        with open(os.path.join(self.etc, name), "w",
                  encoding="utf-8") as file:
            file.write(text)
        self.grow_old()

    def grow_old(self):
        """What was changed just now Postfix would wait for two seconds to
        read."""
        for name in os.listdir(self.etc):
            os.utime(os.path.join(self.etc, name), (0, 0))

    def start(self, wrapper=()):
        done = subprocess.run([*wrapper, "postfix", "-c", self.etc, "start"],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise lab.Failed("Postfix does not start: " + done.stderr)
        lab.wait_for(lambda: lab.listens(self.port), "Postfix")
        with open(os.path.join(self.folder, "spool", "pid", "master.pid"),
                  encoding="ascii") as file:
            self.pid = int(file.read())
        return self

    def children(self):
        """What runs now, by the configuration of now."""
        return set(lab.children_of(self.pid)) if self.pid else set()

    def log(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8",
                  errors="replace") as file:
            return file.read()

    def stop(self):
        if self.pid:
            os.kill(self.pid, signal.SIGTERM)
            lab.wait_for(lambda: lab.has_ended(self.pid), "Postfix to end")
            self.pid = None
        shutil.rmtree(self.folder, ignore_errors=True)
