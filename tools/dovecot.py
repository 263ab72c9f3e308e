"""dovecot - instances of the packaged Dovecot that are all our own, and one that
checks logins for an instance of Postfix."""
import os
import shutil
import subprocess

import lab

MAIN = """base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
ssl = no
listen = 127.0.0.1
"""


def can_run():
    return lab.IS_ROOT and shutil.which("dovecot") is not None


class Instance:
    """Does what SETTINGS, lines of dovecot.conf in which {folder} is the folder
    of the instance, say."""

    def __init__(self, name, settings):
        self.folder, self.process = lab.state_folder(name), None
        self.write("dovecot.conf",
                   (MAIN + settings).replace("{folder}", self.folder))

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w",
                  encoding="ascii") as file:
            file.write(text)

    def start(self, is_ready):
        self.process = subprocess.Popen(
            ["dovecot", "-F", "-c", os.path.join(self.folder,
                                                 "dovecot.conf")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")

        def check():
            if self.process.poll() is not None:
                raise lab.Failed("dovecot ended: " + self.log())
            return is_ready()
        lab.wait_for(check, self.log)
        return self

    def log(self):
        try:
            with open(os.path.join(self.folder, "dovecot.log"),
                      encoding="utf-8") as file:
                return file.read()
        except OSError:
            return "dovecot"

    def end(self):
        """What it keeps stays for the next start."""
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def stop(self):
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)


AUTH = """protocols =
auth_mechanisms = {mechanisms}
# Who fails often from one address would wait longer and longer: not in a test.
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
passdb {
  driver = passwd-file
  args = {folder}/users
}
userdb {
  driver = static
  args = uid=1 gid=1 home=/
}
service auth {
  unix_listener {socket} {
    mode = 0666
  }
}
"""


def hashed(password, scheme):
    """What Dovecot keeps for PASSWORD."""
    return subprocess.run(["doveadm", "-O", "pw", "-s", scheme, "-p", password],
                          capture_output=True, text=True,
                          check=True).stdout.strip()


class Logins(Instance):
    """Checks the logins of USERS ({name: password}) at the unix socket SOCKET,
    for Postfix's smtpd_sasl_path."""

    def __init__(self, name, socket, users,
                 mechanisms="PLAIN LOGIN SCRAM-SHA-256"):
        super().__init__(name, AUTH.replace("{socket}", socket)
                         .replace("{mechanisms}", mechanisms))
        self.socket = socket
        # PLAIN is checked by the same keys as SCRAM.
        self.write("users", "".join(
            f"{user}:{hashed(password, 'SCRAM-SHA-256')}:::::\n"
            for user, password in users.items()))

    def start(self, is_ready=None):
        return super().start(
            is_ready or (lambda: os.path.exists(self.socket)))
