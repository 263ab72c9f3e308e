"""Content by BDAT, from one belfryd to another: every octet arrives."""
import harness
from harness import lab


class Chunking(harness.Case):
    BODIES = [
        ("plain", b"Hello.\r\n"),
        ("dots", b".\r\n..\r\n.x\r\n\r\n.\r\n"),
        ("an empty body", b""),
        ("8-bit", bytes(range(128, 256)) + b"\r\n"),
        ("commands", b"RSET\r\nQUIT\r\nBDAT 3 LAST\r\n.\r\n"),
        ("close to 64 KiB", b"x" * 64 + b"\r\n" + b"0123456789.\r\n" * 4900),
        ("above it, by DATA", b".123456789.\r\n" * 6000),
    ]

    def begin(self, config=None):
        """The first gives all to the second, which gives it to the sink."""
        self.second = self.start()
        self.belfryd = None
        self.first = self.start(lab.merge({
            "log": {"level": "debug"},
            "delivery": {"smarthost": [
                {"host": "127.0.0.1", "port": self.second.smtp}]}},
            config or {}))

    def pass_all(self):
        for n, (name, body) in enumerate(self.BODIES, 1):
            sent = harness.message(name, body=body)
            self.send(sent, options=["BODY=8BITMIME"])
            got = self.sink.wait(n)[-1]
            with self.subTest(name):
                self.assertTrue(got.content.endswith(sent),
                                got.content[:2000])
        self.wait_events(len(self.BODIES), "deliver", status="delivered")

    def awaited_data(self):
        return len(self.first.events("smtp_out", to="data"))

    def test_bytes(self):
        self.begin({"delivery": {"chunking": True}})
        self.pass_all()
        self.assertEqual(self.awaited_data(), 1) # the large one

    def test_off(self):
        self.begin()
        self.pass_all()
        self.assertEqual(self.awaited_data(), len(self.BODIES))


if __name__ == "__main__":
    harness.main()
