"""A long queue, looked through page by page: no reader of the store is held in
between, and nobody needs memory for all of it. Argument: how many messages."""
import json
import os
import re
import socket
import subprocess
import sys
import threading
import unittest

# Before harness, which takes a number for its own.
COUNT = int(sys.argv.pop()) if sys.argv[-1].isdigit() else 5000

import harness  # noqa: E402
import lab  # noqa: E402

CLIENTS = 100 # a commit takes what each of them has
MANY = COUNT // CLIENTS


def fill(port, client):
    """MANY messages by one connection, all commands ahead of the answers."""
    with socket.create_connection(("127.0.0.1", port), 60) as sock:
        file = sock.makefile("rb")
        file.readline()
        sock.sendall(b"EHLO client.example.org\r\n")
        while file.readline()[3:4] == b"-":
            pass
        for first in range(0, MANY, 100):
            said = []
            for n in range(first, min(first + 100, MANY)):
                content = b"Subject: %d\r\n\r\nx\r\n" % n
                said.append(b"MAIL FROM:<s%d@example.org>\r\n"
                            b"RCPT TO:<r%d@d%d.example.net>\r\n"
                            b"BDAT %d LAST\r\n%b"
                            % (client, n, n % 100, len(content), content))
            sock.sendall(b"".join(said))
            for line in (file.readline() for _ in range(3 * len(said))):
                if line[:3] != b"250":
                    raise AssertionError(line)


def memory(pid, what):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        found = re.search(rf"{what}:\s+(\d+) kB", file.read())
    return int(found[1]) if found else 0 # it has just ended


class Paging(harness.Case):
    def setUp(self):
        super().setUp()
        self.start({"limits": {"messages_per_connection": COUNT,
                               "connections_per_ip": 2 * CLIENTS},
                    "store": {"max_size": "2G"}})
        self.cli("pause", "--reason", "a test", "--until-resumed")
        clients = [threading.Thread(target=fill, args=(self.belfryd.smtp, n))
                   for n in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        self.assertEqual(self.stats()["messages"], COUNT)

    def cli(self, *arguments, **options):
        return self.belfryd.cli(*arguments, **options)

    def stats(self):
        return self.belfryd.api("GET", "status")["queue"]

    def listing(self, *arguments, read=None):
        """(lines, largest size in KiB) of `queue list`; READ sees each line."""
        lines = size = 0
        process = subprocess.Popen(
            [lab.program("belfry"), "-c", self.belfryd.config_file, "queue",
             "list", "--json", *arguments], stdout=subprocess.PIPE)
        with process, process.stdout:
            for line in process.stdout:
                lines += 1
                if lines % 1000 == 1:
                    size = max(size, memory(process.pid, "VmHWM"))
                if read:
                    read(lines, line)
        self.assertEqual(process.returncode, 0)
        return lines, size

    def anonymous(self):
        """KiB that belfryd has beside the store's file."""
        return memory(self.belfryd.pid, "RssAnon")

    def readers(self):
        """Transactions that read the store at this moment."""
        done = subprocess.run(
            ["mdb_stat", "-r", self.belfryd.config["state_dir"]],
            capture_output=True, text=True, check=False, timeout=60)
        self.assertIn("Reader Table Status", done.stdout, done.stderr)
        return [line for line in done.stdout.splitlines()
                if re.match(r"\s*\d+ +[0-9a-f]+ +\d+$", line)]

    def file_size(self):
        return os.stat(os.path.join(self.belfryd.config["state_dir"],
                                    "data.mdb")).st_size

    def test_lists(self):
        before = self.anonymous()
        rows = ([], COUNT), (["--from", "s1@example.org"], MANY), \
            (["--to", "d7.example.net"],
             CLIENTS * len(range(7, MANY, 100))), \
            (["--older", "1d"], 0), (["--to", "/^r1@/"], CLIENTS), \
            (["--limit", "2500"], 2500)
        for arguments, means in rows:
            with self.subTest(arguments):
                lines, size = self.listing(*arguments)
                self.assertEqual(lines, means)
                self.assertLess(size, 32 << 10, "belfry's memory")
        # The allocator keeps some of what a page needed.
        self.assertLess(self.anonymous() - before, 48 << 10)

    @harness.need("mdb_stat")
    def test_no_reader(self):
        """Somebody looks at the first lines and goes for a coffee; mail comes
        and goes, and the room of what went is used again."""
        seen = set()

        def read(lines, line):
            seen.add(json.loads(line)["queue_id"])
            if lines == 1:
                self.come_and_go()

        lines, _ = self.listing(read=read)
        # What waits all the while is shown once.
        self.assertEqual(lines, len(seen))
        self.assertGreaterEqual(lines, COUNT)

    @harness.need("mdb_stat")
    def test_a_reader_is_seen(self):
        """Or the test above would say nothing."""
        dump = subprocess.Popen(["mdb_dump", "-a",
                                 self.belfryd.config["state_dir"]],
                                stdout=subprocess.PIPE)
        with dump, dump.stdout:
            try:
                lab.wait_for(self.readers, "a reader")
                self.assertGreater(self.grows(), 8 << 20)
            finally:
                dump.kill()

    def come_and_go(self):
        self.assertLess(self.grows(), 4 << 20)
        self.assertEqual(self.readers(), [])

    def grows(self):
        """The file, while a megabyte comes and goes again and again."""
        sizes = []
        for _ in range(20):
            ids = [self.send(harness.message("x", body=b"x" * 50000))
                   for _ in range(20)]
            self.cli("queue", "remove", "--yes", *ids)
            sizes.append(self.file_size())
        return sizes[-1] - sizes[4]

    def test_acts(self):
        """An action on all of them: by pages, too."""
        before = self.anonymous()
        done = json.loads(self.cli("queue", "hold", "--json", "--from",
                                   "s2@example.org").stdout)
        self.assertEqual((done["matched"], done["done"]), (MANY, MANY))
        self.assertEqual(self.listing("--held")[0], MANY)
        done = json.loads(self.cli("queue", "remove", "--yes", "--json",
                                   "--all").stdout)
        self.assertEqual(done["done"], COUNT)
        self.assertEqual(self.stats()["messages"], 0)
        self.assertLess(self.anonymous() - before, 48 << 10)


if __name__ == "__main__":
    harness.main()
