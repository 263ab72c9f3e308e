#!/usr/bin/env python3
"""servers.py [NAME...] - the torture of other servers: the packaged Postfix, Exim
and OpenSMTPD, each started here with a configuration of its own, and belfryd.

Prints for each how many cases went well, and which did not. A message that was
smuggled past a server and lies in a mailbox is named apart.
"""
import os
import sys
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "e2e"),
                os.path.join(HERE, "..", "..", "tools")]
warnings.simplefilter("ignore", DeprecationWarning)
import lab             # noqa: E402 (the folders had to be named first)
import exim_test       # noqa: E402
import opensmtpd_test  # noqa: E402
import postfix_test    # noqa: E402
import torture         # noqa: E402

PEERS = {"postfix": postfix_test.Peer, "exim": exim_test.Peer,
         "opensmtpd": opensmtpd_test.Peer}


def torment(name):
    peer = PEERS[name](lab.free_port(), lab.free_port())
    try:
        peer.start()
        target = torture.Target(torture.options_of(
            ["--port", str(peer.port), "--from", "anna@peer.example",
             "--to", "ben@peer.example"]))
        lines = []

        def show(fate, line):
            if fate == "WRONG":
                lines.append(line)

        found = torture.run(target, torture.CASES, 4, show)
        print(f"{name}: {len(torture.CASES)} cases, {len(found['ok'])} well, "
              f"{len(found['WRONG'])} wrong, {len(found['skip'])} not offered")
        smuggled = [mail for mail in peer.mails("ben")
                    if b"\nSubject: smuggled" in b"\n" +
                    mail.split(b"\n\n", 1)[0]]
        print(f"  in the mailbox that should not be: {len(smuggled)}")
        for line in lines:
            print("  " + line)
        sys.stdout.flush()
    finally:
        peer.stop()


def main():
    for name in sys.argv[1:] or PEERS:
        torment(name)


if __name__ == "__main__":
    main()
