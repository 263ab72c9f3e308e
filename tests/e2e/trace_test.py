"""On disk before 250, as the kernel sees it: between the client's final dot and
the answer the data is synced and then the store's meta page written through a
descriptor opened with O_DSYNC. Needs strace, which no sanitizer survives."""
import os
import re
import signal

import harness
import lab

CALLS = "openat,pwrite64,pwritev,write,writev,sendto,sendmsg,read,readv," \
    "recvfrom,recvmsg,fdatasync,fsync"


def calls_of(path):
    """The system calls in the order in which they ended: (name, rest)."""
    begun, done = {}, []
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            pid, _, rest = line.strip().partition(" ")
            rest = rest.strip()
            if rest.endswith("<unfinished ...>"):
                begun[pid] = rest[:-len("<unfinished ...>")].strip()
                continue
            resumed = re.match(r"<\.\.\. \w+ resumed>(.*)", rest)
            if resumed:
                rest = begun.pop(pid, "") + resumed[1]
            found = re.match(r"(\w+)\((.*)", rest)
            if found:
                done.append((found[1], found[2]))
    return done


class Trace(harness.Case):
    @harness.need("strace")
    def test_durable_before_250(self):
        belfryd = self.prepare()
        trace = os.path.join(belfryd.folder, "trace")
        belfryd.start(wrapper=["strace", "-f", "-s", "300", "-o", trace,
                               "-e", f"trace={CALLS}"], timeout=120)
        (belfryd.pid,) = lab.children_of(belfryd.pid)
        sent = [self.send(harness.message(f"traced {n}",
                                          body=b"x" * 60 + b"\r\n.\r\n"))
                for n in range(5)]
        belfryd.signal(signal.SIGTERM)
        belfryd.process.wait(60)
        calls = calls_of(trace)
        durable = self.durable_descriptors(calls)
        at = 0
        for queue_id in sent:
            at = self.look_at(calls, at, queue_id, durable)

    def durable_descriptors(self, calls):
        found = [re.search(r"= (\d+)$", rest)[1] for name, rest in calls
                 if name == "openat" and "O_DSYNC" in rest and
                 re.search(r"= \d+$", rest)]
        self.assertTrue(found, "nothing is opened with O_DSYNC")
        return found

    def look_at(self, calls, at, queue_id, durable):
        """From AT on: the end of the data, a sync, the meta page, the 250."""
        dot = self.next_call(calls, at, ("read", "recvfrom", "readv",
                                         "recvmsg"),
                             lambda rest: r"\r\n.\r\n" in rest, "the dot")
        yes = self.next_call(calls, dot, ("write", "writev", "sendto",
                                          "sendmsg"),
                             lambda rest: f"queued as {queue_id}" in rest,
                             "the answer")
        between = calls[dot:yes]
        sync = self.next_call(between, 0, ("fdatasync", "fsync"),
                              lambda rest: rest.endswith("= 0"), "a sync")
        self.next_call(between, sync, ("pwrite64", "pwritev"),
                       lambda rest: rest.split(",")[0] in durable and
                       re.search(r"= [1-9]\d*$", rest), "the meta page")
        return yes

    def next_call(self, calls, at, names, fits, what):
        for n in range(at, len(calls)):
            if calls[n][0] in names and fits(calls[n][1]):
                return n
        text = "\n".join(f"{name}({rest}" for name, rest in calls[at:at + 80])
        self.fail(f"{what} is not there:\n{text}")


if __name__ == "__main__":
    harness.main()
