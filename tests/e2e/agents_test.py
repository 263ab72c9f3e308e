"""Messages that end on this machine: Maildirs."""
import collections
import mailbox
import os
import smtplib
import threading
import time

import harness
import lab


class Maildir(harness.Case):
    def start_with_boxes(self, path="boxes/{local}", config=None):
        """The folder for boxes lies beside the state and is the daemon's."""
        belfryd = self.prepare(config)
        boxes = os.path.join(belfryd.folder, "boxes")
        os.mkdir(boxes, 0o700)
        if lab.IS_ROOT:
            os.chown(boxes, os.stat(belfryd.folder).st_uid, -1)
        belfryd.config["routes"] = [{
            "match": "inner.example", "deliver": "maildir",
            "path": os.path.join(belfryd.folder, path)}]
        belfryd.write_config()
        belfryd.start()
        return boxes

    def test_delivers(self):
        boxes = self.start_with_boxes()
        queue_id = self.send(to=["Anna+list@inner.example",
                                 "ben@inner.example", "c@example.net"])
        self.wait_empty()
        self.sink.wait(1)
        self.assertEqual(sorted(os.listdir(boxes)), ["anna", "ben"])
        for name, to in (("anna", "Anna+list@inner.example"),
                         ("ben", "ben@inner.example")):
            folder = os.path.join(boxes, name)
            self.assertEqual(os.stat(folder).st_mode & 0o7777, 0o700)
            (file,) = os.listdir(os.path.join(folder, "new"))
            path = os.path.join(folder, "new", file)
            self.assertRegex(file, rf"^\d+\.M\d+Q{queue_id}_\d\.relay\."
                             rf"example\.org,S={os.path.getsize(path)}$")
            with open(path, "rb") as opened:
                content = opened.read()
            self.assertTrue(content.startswith(
                b"Return-Path: <anna@example.org>\nDelivered-To: "
                + to.encode() + b"\nReceived: "), content[:200])
            self.assertTrue(content.endswith(b"\n\nhello\n"))
            self.assertNotIn(b"\r", content)
            self.assertEqual(os.listdir(os.path.join(folder, "tmp")), [])
        (line,) = self.belfryd.events("deliver", to="ben@inner.example")
        self.assertEqual(line["status"], "delivered")
        self.assertTrue(line["relay"].endswith("/boxes/ben"))
        self.assertEqual(self.belfryd.metric(
            "belfry_deliveries_total", agent="maildir", result="delivered"),
            2)

    def test_disk_comes_back(self):
        self.start_with_boxes(path="boxes/disk/{local}", config=harness.SOON)
        self.send(to=["anna@inner.example"])
        lab.wait_for(lambda: self.belfryd.events("maildir_failed"),
                     "a delivery that failed")
        disk = os.path.join(self.belfryd.folder, "boxes", "disk")
        os.mkdir(disk)
        if lab.IS_ROOT:
            os.chown(disk, os.stat(self.belfryd.folder).st_uid, -1)
        self.wait_empty()
        self.assertEqual(len(mailbox.Maildir(os.path.join(disk, "anna"),
                                             create=False)), 1)

    def test_kill(self):
        """Killed under load: all that was taken is there, whole, and once,
        since nobody took it out of new/ meanwhile."""
        boxes = self.start_with_boxes()
        acked, ending = [], threading.Event()

        def load():
            n = 0
            while not ending.is_set():
                try:
                    with smtplib.SMTP("127.0.0.1", self.belfryd.smtp,
                                      timeout=30) as client:
                        while not ending.is_set():
                            n += 1
                            client.sendmail(
                                "anna@example.org",
                                ["a@inner.example", "b@inner.example"],
                                harness.message(f"m{n}", subject=f"m{n}",
                                                body=b"x" * (n % 9000)))
                            acked.append(f"m{n}")
                except (OSError, smtplib.SMTPException):
                    time.sleep(0.05)

        thread = threading.Thread(target=load)
        thread.start()
        try:
            for _ in range(4):
                time.sleep(0.4)
                self.belfryd.kill()
                self.belfryd.start()
        finally:
            ending.set()
            thread.join()
        self.wait_empty()
        self.assertGreater(len(acked), 20)
        for box in ("a", "b"):
            found = collections.Counter()
            for name in os.listdir(os.path.join(boxes, box, "new")):
                path = os.path.join(boxes, box, "new", name)
                self.assertTrue(name.endswith(
                    f",S={os.path.getsize(path)}"), name)
                with open(path, "rb") as opened:
                    subject = [line for line in opened
                               if line.startswith(b"Subject: ")]
                found[subject[0][9:].strip().decode()] += 1
            self.assertLessEqual(set(acked), set(found))
            # What was taken but not acknowledged is sent again as a message
            # of its own, with the next number: each number is there once.
            self.assertEqual(max(found.values()), 1)


if __name__ == "__main__":
    harness.main()
