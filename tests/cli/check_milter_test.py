"""`belfry check` about belfry-milter: each thing that would keep it or its mail
server from working is named, with the way out, and nothing else is."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

BELFRY = os.path.abspath(sys.argv[1])
# Whom every Debian has: the milter is nobody, its mail server of group mail.
USER, GROUP = "nobody", "mail"
MASTER = "smtp      inet  n       -       {}       -       -       smtpd\n"


@unittest.skipUnless(os.geteuid() == 0, "only root can give files away")
class Check(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(dir="/var/tmp")
        self.addCleanup(shutil.rmtree, self.dir)
        os.chmod(self.dir, 0o755)
        self.conf = self.path("belfry.yaml")
        self.etc, self.queue = self.make("postfix"), self.make("spool")
        self.write("postfix/main.cf", f"queue_directory = {self.queue}\n")
        self.write("postfix/master.cf", MASTER.format("y"))
        self.folder = self.make("spool/belfry", 0o2750, USER, GROUP)
        self.key = self.path("key.pem")
        subprocess.run([BELFRY, "-c", self.conf, "dkim", "genkey", self.key],
                       check=True, capture_output=True)
        self.own(self.key, 0o640, USER, "root")

    def path(self, name):
        return os.path.join(self.dir, name)

    def own(self, path, mode, user="root", group="root"):
        shutil.chown(path, user, group)
        os.chmod(path, mode)
        return path

    def make(self, name, mode=0o755, user="root", group="root"):
        os.mkdir(self.path(name))
        return self.own(self.path(name), mode, user, group)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def check(self, *arguments, status=0, **milter):
        milter = {"user": USER, "socket_group": GROUP,
                  "socket": f"unix:{self.folder}/milter.sock",
                  "observed_dir": self.dir, **milter}
        self.write("belfry.yaml", "hostname: mail.example.org\n"
                   "dkim: {sign: [{match: .example.org, domain: example.org, "
                   "selectors: [{name: s, key_file: " + self.key + "}]}]}\n"
                   "milter: {" + ", ".join(f'{key}: {value}' if value[:1] == "{"
                                           else f'{key}: "{value}"'
                                           for key, value in milter.items())
                   + "}\n")
        done = subprocess.run(
            [BELFRY, "-c", self.conf, "check", *arguments], check=False,
            capture_output=True, text=True,
            env={**os.environ, "MAIL_CONFIG": self.etc})
        self.assertEqual(done.returncode, status, done)
        return done.stderr

    def finds(self, what, **milter):
        """One warning, which is an error for who will run it."""
        said = self.check(**milter)
        self.assertEqual(said.count("\n"), 1, said)
        self.assertIn("warning: ", said)
        self.assertIn(what, said)
        said = self.check("--as", USER, status=78, **milter)
        self.assertIn(what, said)

    def test_well(self):
        self.assertEqual(self.check("--strict"), "")
        self.own(self.dir, 0o777)
        self.assertEqual(self.check("--strict", "--as", USER), "")
        self.assertEqual(self.check(socket="127.0.0.1:8891"), "")

    def test_not_made_yet(self):
        """The folder is made at the start."""
        os.rmdir(self.folder)
        self.assertEqual(self.check(), "")

    def test_no_section(self):
        self.write("belfry.yaml", "hostname: mail.example.org\n")
        done = subprocess.run([BELFRY, "-c", self.conf, "check"], check=True,
                              capture_output=True, text=True)
        self.assertEqual(done.stderr, "")

    def test_accounts(self):
        said = self.check(user="no-such-user")
        self.assertIn("there is no account no-such-user; `adduser --system "
                      "--group no-such-user` makes it", said)
        self.finds("there is no group no-such-group; name the one",
                   socket_group="no-such-group")

    def test_folder(self):
        self.own(self.folder, 0o2750, "root", GROUP)
        self.finds(f"user {USER} can't make it in {self.folder}; `install -d "
                   f"-o {USER} -g {GROUP} -m 2750 {self.folder}` mends it")

    def test_group(self):
        for mode, group in ((0o750, GROUP), (0o2755, "root")):
            with self.subTest(mode):
                self.own(self.folder, mode, USER, group)
                self.finds(f"user {USER} can't give it to group {GROUP}; "
                           f"`chgrp {GROUP} {self.folder}; chmod g+s "
                           f"{self.folder}` does it")

    def test_not_its_own(self):
        """What is of the system or of others is not to be changed."""
        self.write("postfix/master.cf", MASTER.format("n"))
        own = f"{self.queue}/belfry"
        others = self.make("others", 0o2750, "root", GROUP)
        public = self.make("public", 0o1777, USER)
        deeper = self.make("deeper", 0o755)
        private = self.make("spool/private", 0o755, USER)
        inside = self.make("spool/inside", 0o755, "root", GROUP)
        os.symlink("/run", self.path("link"))
        make, give = "can't make it in {}, ", f"it to group {GROUP} in {{}}, "
        for folder, what, better in (
                ("/", make, "/run/belfry-milter"),
                ("/run", make, "/run/belfry-milter"),
                ("//run/", make, "/run/belfry-milter"),
                (self.path("link"), make, "/run/belfry-milter"),
                ("/var/lib", make, "/var/lib/belfry-milter"),
                ("/etc", make, "/etc/belfry-milter"),
                ("/tmp", give, "/run/belfry-milter"),
                (public, give, "/run/belfry-milter"),
                (others, make, f"{others}/belfry-milter"),
                (deeper, make, f"{deeper}/belfry-milter"),
                (self.queue, make, own), (private, give, own),
                (inside, make, own)):
            with self.subTest(folder):
                said = self.check(socket=f"unix:{folder}/x.sock".replace(
                    "unix://x", "unix:/x"))
                real = os.path.realpath(folder)
                self.assertIn(what.format(real) + "and that is not its own; "
                              "give it a folder of its own, `install -d -o "
                              f"{USER} -g {GROUP} -m 2750 {better}`, and the "
                              f"socket unix:{better}/milter.sock\n", said)
                self.assertEqual(said.count("\n"), 1, said)
                self.assertNotIn("chgrp", said)
                self.assertNotIn("chmod", said)
        self.own(self.folder, 0o755, "mail", "mail")
        self.finds(f"-m 2750 {own}-milter`")
        # Root may do all, but what it has is not the milter's.
        said = self.check(user="root", socket="unix:/run/x.sock")
        self.assertIn("-o root -g mail -m 2750 /run/belfry-milter`", said)
        self.assertNotIn("chgrp", said)

    def test_closed_to_all(self):
        """Nothing of others is to be opened."""
        self.write("postfix/master.cf", MASTER.format("n"))
        closed = self.make("closed", 0o700)
        self.make("closed/ours", 0o2750, USER, GROUP)
        self.finds(f"the folder {closed} is closed to group {GROUP}, so the "
                   "mail server can't reach the socket; put it elsewhere\n",
                   socket=f"unix:{closed}/ours/x.sock")

    def test_way(self):
        self.own(self.folder, 0o2700, USER, GROUP)
        self.finds(f"the folder {self.folder} is closed to group {GROUP}")
        self.own(self.folder, 0o2750, USER, GROUP)
        self.own(self.queue, 0o750, USER)
        self.finds(f"the folder {self.queue} is closed to group {GROUP}, so "
                   "the mail server can't reach the socket; `chmod o+x "
                   f"{self.queue}` opens it")
        # Its user may pass where its group may not.
        self.own(self.queue, 0o711, GROUP)
        self.assertEqual(self.check(), "")

    def test_mode(self):
        for mode in ("0600", "0640"):
            self.finds(f"socket_mode {mode}: group {GROUP} can't use the "
                       "socket", socket_mode=mode)
        self.assertEqual(self.check(socket_mode="0666"), "")
        self.own(self.folder, 0o755, USER)
        self.assertEqual(self.check(socket_group=""), "")
        self.finds("socket_mode 0600: group nogroup can't use the socket",
                   socket_mode="0600", socket_group="")

    def test_locked_in(self):
        other = self.make("other", 0o2755, USER, GROUP)
        where = f"unix:{other}/milter.sock"
        self.finds(f"Postfix's smtpd is locked into {self.queue} (the `y` in "
                   f"{self.etc}/master.cf) and can't see {other}/milter.sock; "
                   f"put it there, like unix:{self.queue}/belfry/milter.sock",
                   socket=where)
        beside = self.make("spool-2", 0o2755, USER, GROUP)
        self.finds("is locked into", socket=f"unix:{beside}/milter.sock")
        self.write("postfix/master.cf", "smtp inet n - y - 1 postscreen\n"
                   "smtpd pass - - y - - smtpd\n")
        self.finds("is locked into", socket=where)
        for text in (MASTER.format("n"), "#" + MASTER.format("y"), ""):
            self.write("postfix/master.cf", text)
            self.assertEqual(self.check(socket=where), "")

    def test_key(self):
        self.own(self.key, 0o640)
        said = self.check(status=78)
        self.assertIn(f"{self.key} can't be read by user {USER}; `install -o "
                      "root -g nogroup -m 0640 FILE", said)
        self.assertIn("can't be read", self.check("--as", USER, status=78))

    def test_as(self):
        """What belongs to belfryd is not looked for."""
        secret = self.make("secret", 0o700)
        self.own(self.dir, 0o777)
        self.assertEqual(self.check("--as", USER), "")
        said = self.check("--as", USER, status=78, observed_dir=secret,
                          log=f"{{to: {secret}/log}}")
        self.assertIn(f"milter.observed_dir: can't write to {secret}: ", said)
        self.assertIn(f"milter.log.to: can't write to {secret}/log: ", said)

    def test_ours(self):
        said = self.check(ours="{networks: [10.0.0.0/8]}")
        self.assertIn("milter.ours.networks lacks `loopback`: what programs "
                      "of this machine send is judged as a stranger's", said)
        self.assertIn("more than private networks",
                      self.check(ours="{networks: [loopback, 0.0.0.0/0]}"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
