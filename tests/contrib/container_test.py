"""contrib/container/Containerfile: what it names is there, and, with --slow, its
last stage is made below a chroot: mail that one container took is there in the
next one, with nothing but the volume the same; and belfry-milter runs in it."""
import glob
import json
import os
import re
import shutil
import signal
import smtplib
import subprocess
import sys
import tempfile
import unittest
import urllib.request

REPO = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(REPO, "tools"))
import lab  # noqa: E402 (its folder had to be named first)

FILE = os.path.join(REPO, "contrib", "container", "Containerfile")
BUILD = sys.argv[1]
SLOW = "--slow" in sys.argv
IMAGE = "docker.io/library/debian:bookworm-slim"
# Of the presets that look for mistakes; never shipped.
SANITIZERS = ("libasan", "libubsan", "libtsan", "liblsan")


def stages():
    """Each stage's [(instruction, arguments)], in the order of the file."""
    with open(FILE, encoding="utf-8") as file:
        text = re.sub(r"^#.*\n", "", file.read(), flags=re.M)
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append([])
        found[-1].append((word, rest.strip()))
    return found


def belongings(word, stage):
    return [rest for name, rest in stage if name == word]


def binaries():
    return [os.path.join(BUILD, "bin", name)
            for name in ("belfry", "belfryd", "belfry-milter")]


def linked():
    """The libraries that the programs ask for themselves."""
    said = subprocess.run(["objdump", "-p", *binaries()], capture_output=True,
                          text=True, check=True).stdout
    return {n for n in re.findall(r"NEEDED +(\S+)", said)
            if not n.startswith(SANITIZERS)}


def sanitized():
    said = subprocess.run(["objdump", "-p", *binaries()], capture_output=True,
                          text=True, check=True).stdout
    return any(name in said for name in SANITIZERS)


def install(root):
    subprocess.run(["cmake", "--install", BUILD, "--prefix", "/usr"],
                   env={**os.environ, "DESTDIR": root}, check=True,
                   capture_output=True)


class Recipe(unittest.TestCase):
    def setUp(self):
        self.build, self.last = stages()

    def test_words(self):
        for stage in (self.build, self.last):
            self.assertTrue(belongings("FROM", stage)[0].startswith(IMAGE))
            self.assertLessEqual({word for word, _ in stage}, {
                "FROM", "COPY", "WORKDIR", "RUN", "VOLUME", "EXPOSE",
                "STOPSIGNAL", "CMD"})
        for command in belongings("RUN", self.build) + belongings(
                "RUN", self.last):
            subprocess.run(["sh", "-n", "-c", command], check=True)

    def test_builds_what_there_is(self):
        commands = " ".join(belongings("RUN", self.build))
        preset = re.search(r"cmake --preset (\S+)", commands)[1]
        with open(os.path.join(REPO, "CMakePresets.json"),
                  encoding="utf-8") as file:
            presets = [p["name"] for p in json.load(file)["configurePresets"]]
        self.assertIn(preset, presets)
        for option in re.findall(r"-D(\w+)=", commands):
            if not option.startswith("CMAKE_"):
                with open(os.path.join(REPO, "CMakeLists.txt"),
                          encoding="utf-8") as file:
                    self.assertIn(f"option({option} ", file.read())
        # What is built here never goes into the image.
        with open(os.path.join(REPO, ".dockerignore"),
                  encoding="utf-8") as file:
            self.assertIn("build\n", file.readlines())

    def test_builds_what_is_installed(self):
        """Every program of ours, here and as the README has it."""
        programs = set()
        for path in glob.glob(os.path.join(REPO, "*", "CMakeLists.txt")):
            with open(path, encoding="utf-8") as file:
                programs |= set(re.findall(r"install\(TARGETS (\S+)",
                                           file.read()))
        self.assertIn("belfryd", programs)
        with open(os.path.join(REPO, "README.md"), encoding="utf-8") as file:
            readme = file.read()
        for text in (" ".join(belongings("RUN", self.build)), readme):
            built = re.search(r"--target ((?:[\w-]+ ?)+)", text)[1].split()
            self.assertLessEqual(programs | {"man"}, set(built))

    @unittest.skipUnless(shutil.which("apt-get"), "no apt-get")
    def test_build_dependencies(self):
        command = re.search(r"apt-get build-dep .*", belongings(
            "RUN", self.build)[0])[0]
        done = subprocess.run(["sh", "-c", command + " --simulate"], cwd=REPO,
                              capture_output=True, text=True, check=False)
        if "Unable to locate package" in done.stderr:
            self.skipTest("apt has no lists")
        self.assertEqual(done.returncode, 0, done.stderr)
        # A peer of the tests is no part of it.
        self.assertNotIn("Inst postfix", done.stdout)

    def test_installs(self):
        """What it starts with, and where its volume is."""
        with tempfile.TemporaryDirectory() as root:
            install(root)
            program, *rest = json.loads(belongings("CMD", self.last)[0])
            for path in (program, "/usr/sbin/belfry-milter"):
                self.assertTrue(os.access(root + path, os.X_OK), path)
            for page in ("man1/belfry.1", "man8/belfryd.8",
                         "man8/belfry-milter.8",
                         "man5/belfry.yaml.5", "man1/belfry-sendmail.1"):
                self.assertTrue(os.path.exists(
                    f"{root}/usr/share/man/{page}"), page)
            for path in ("lib/systemd/system/belfry-milter.service",
                         "lib/sysusers.d/belfry-milter.conf",
                         "lib/tmpfiles.d/belfry-milter.conf",
                         "share/belfry/postfix/belfry-postfix"):
                self.assertTrue(os.path.exists(f"{root}/usr/{path}"), path)
        self.assertEqual(rest, ["-c", "/etc/belfry/belfry.yaml"])
        said = subprocess.run([binaries()[0], "config", "reference", "--json"],
                              capture_output=True, text=True, check=True)
        defaults = {r["key"]: r.get("default")
                    for r in map(json.loads, said.stdout.splitlines())}
        (volume,) = belongings("VOLUME", self.last)
        self.assertEqual(volume, defaults["state_dir"])
        said = " ".join(belongings("RUN", self.last))
        self.assertIn(f"useradd --system --uid 825 --gid {defaults['user']} ",
                      said)
        self.assertIn(f"groupadd --system --gid 826 {defaults['admin_group']}",
                      said)
        user, folder = defaults["milter.user"], defaults["milter.observed_dir"]
        self.assertIn(f"useradd --system --uid 827 --gid {user} ", said)
        self.assertIn(f"-o {user} -g {user} {folder}", " ".join(said.split()))

    @unittest.skipUnless(shutil.which("dpkg"), "no dpkg")
    def test_libraries(self):
        """Those that the programs are linked with, no more and no fewer."""
        command = belongings("RUN", self.last)[0]
        named = {w for w in command.split() if w.startswith("lib")}
        owners = set()
        for library in linked():
            done = subprocess.run(["dpkg", "-S", f"*/{library}"], text=True,
                                  capture_output=True, check=False)
            found = {line.split(":")[0] for line in done.stdout.splitlines()
                     if not re.search(r"-(dbg|cross):|/(i386|x32|lib32|"
                                      r"libx32)", line)}
            self.assertTrue(found & named, (library, found))
            owners |= found & named
        self.assertEqual(named, owners)


def skip_reason():
    if not SLOW:
        return "only with --slow"
    if not lab.IS_ROOT:
        return "needs root"
    if not shutil.which("debootstrap"):
        return "debootstrap is not installed"
    if sanitized():
        return "a sanitizer wants /proc"
    return None


def make_image(root):
    """The last stage, instruction by instruction."""
    done = subprocess.run(["debootstrap", "--variant=minbase", "bookworm",
                           root], capture_output=True, text=True, check=False)
    if done.returncode:
        raise unittest.SkipTest("debootstrap: " + done.stdout[-300:])
    for word, rest in stages()[1]:
        if word == "RUN":
            subprocess.run(["chroot", root, "sh", "-ec", rest], check=True,
                           capture_output=True, env={
                               "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                               "DEBIAN_FRONTEND": "noninteractive"})
        elif word == "COPY":
            assert rest == "--from=build /out/ /", rest
            install(root)


@unittest.skipIf(skip_reason(), skip_reason())
class Chroot(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        top = tempfile.mkdtemp(prefix="belfry-container-", dir="/var/tmp")
        cls.addClassCleanup(shutil.rmtree, top, True)
        cls.image = top + "/image"
        make_image(cls.image)

    def setUp(self):
        self.top = tempfile.mkdtemp(prefix="belfry-container-", dir="/var/tmp")
        self.addCleanup(shutil.rmtree, self.top, True)

    def container(self, name):
        """A file system of the image's, with owners and device nodes."""
        root = os.path.join(self.top, name)
        subprocess.run(["cp", "-a", self.image, root], check=True)
        return root

    def start(self, root, command):
        with open(self.top + "/log", "ab") as log:
            process = subprocess.Popen(["chroot", root, *command], cwd="/",
                                       stdout=log, stderr=log)
        self.addCleanup(self.end, process)
        return process

    def log(self):
        with open(self.top + "/log", encoding="utf-8") as file:
            return file.read()

    def run_container(self, root):
        """The image's command, with VOLUME where it says; the process."""
        (place,) = belongings("VOLUME", stages()[1])
        shutil.copy(self.top + "/belfry.yaml", root + "/etc/belfry/")
        if os.path.exists(self.top + "/state"):
            shutil.rmtree(root + place)
            shutil.move(self.top + "/state", root + place)
        return self.start(root, json.loads(belongings("CMD", stages()[1])[0]))

    def end(self, process):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        self.assertEqual(process.returncode, 0)

    def in_container(self, root, *command):
        return subprocess.run(["chroot", root, *command], check=True,
                              capture_output=True, text=True).stdout

    def test_state_survives(self):
        first, second = self.container("first"), self.container("second")
        port = lab.free_port()
        with open(self.top + "/belfry.yaml", "w", encoding="utf-8") as file:
            file.write("hostname: relay.example.org\nlisteners:\n"
                       f"  - {{name: a, address: '127.0.0.1:{port}', "
                       "role: submission}\ndelivery:\n"
                       "  smarthost: [{host: 127.0.0.1, port: 9}]\n"
                       "store: {max_size: 1G}\n")
        process = self.run_container(first)
        lab.wait_for(lambda: answers(port),
                     lambda: "a listener\n" + self.log())
        with smtplib.SMTP("127.0.0.1", port) as client:
            client.sendmail("anna@example.org", ["ben@example.net"],
                            "Subject: kept\r\n\r\nhello\r\n")
        before = self.in_container(first, "belfry", "queue", "list", "--json")
        self.end(process)
        shutil.move(first + "/var/lib/belfry", self.top + "/state")
        shutil.rmtree(first)
        self.run_container(second)
        lab.wait_for(lambda: answers(port), "a listener again")
        after = self.in_container(second, "belfry", "queue", "list", "--json")
        self.assertEqual(json.loads(after)["queue_id"],
                         json.loads(before)["queue_id"])
        # Not taken for a store that was put back.
        self.assertNotIn("PAUSED",
                         self.in_container(second, "belfry", "status"))

    def test_milter(self):
        """As docs/milter.md has it: the other program, at an address."""
        root = self.container("milter")
        socket, http = lab.free_port(), lab.free_port()
        with open(root + "/etc/belfry/belfry.yaml", "w",
                  encoding="utf-8") as file:
            file.write("hostname: mx1.example.org\nmilter:\n"
                       f"  socket: '0.0.0.0:{socket}'\n"
                       f"  http: '127.0.0.1:{http}'\n")
        process = self.start(root, ["belfry-milter"])
        lab.wait_for(lambda: healthy(http),
                     lambda: "its health\n" + self.log())
        found = os.stat(f"/proc/{process.pid}")
        self.assertEqual((found.st_uid, found.st_gid), (827, 827))
        self.end(process)
        self.assertIn("event=stop", self.log())


def answers(port):
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=5):
            return True
    except OSError:
        return False


def healthy(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz",
                                    timeout=5) as reply:
            return reply.status == 200
    except OSError:
        return False


if __name__ == "__main__":
    result = unittest.main(argv=sys.argv[:1], exit=False).result
    if not result.wasSuccessful():
        sys.exit(1)
    if SLOW and len(result.skipped) and any(
            isinstance(test, Chroot) for test, _ in result.skipped):
        sys.exit(77)
