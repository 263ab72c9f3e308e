"""names - a name server for a few TXT records on loopback, where nsd is too much:
whatever else is asked does not exist."""
import socket
import struct
import threading

TXT = 16
NO_NAME = 3


class Names:
    """RECORDS: name -> text."""

    def __init__(self, records):
        self.records = {name.lower(): text for name, text in records.items()}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def start(self):
        self.thread.start()
        return self

    def answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1"))
            at += 1 + query[at]
        at += 5 # the end of the name, type and class
        rtype = struct.unpack("!H", query[at - 4:at - 2])[0]
        name = ".".join(labels).lower()
        text = self.records.get(name)
        above = any(n.endswith("." + name) for n in self.records)
        found = text is not None and rtype == TXT
        flags = 0x8580 | (0 if text is not None or above else NO_NAME)
        reply = query[:2] + struct.pack("!HHHHH", flags, 1, int(found), 0, 0)
        reply += query[12:at]
        if found:
            raw = text.encode()
            data = b"".join(bytes([len(raw[i:i + 255])]) + raw[i:i + 255]
                            for i in range(0, len(raw), 255))
            reply += struct.pack("!HHHIH", 0xc00c, TXT, 1, 60, len(data)) + data
        return reply

    def serve(self):
        while True:
            query, client = self.socket.recvfrom(4096)
            if not query:
                return
            self.socket.sendto(self.answer(query), client)

    def stop(self):
        self.socket.sendto(b"", ("127.0.0.1", self.port))
        self.thread.join()
        self.socket.close()
