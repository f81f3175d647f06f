"""What an old PostgreSQL says to a client that connects, and no more: none can be installed."""

import socketserver
import struct
import threading
from typing import Self

_PLAIN = {80877103, 80877104}  # requests for TLS and for GSSAPI, which it has not


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _setting(name: str, value: str) -> bytes:
    return _message(b"S", f"{name}\0{value}\0".encode())


_READY = _message(b"Z", b"I")
_NOT_READ_ONLY = (  # the answer to `SHOW transaction_read_only`
    _message(b"T", struct.pack("!h", 1) + b"x\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0))
    + _message(b"D", struct.pack("!hi", 1, 3) + b"off")
    + _message(b"C", b"SHOW\0")
    + _READY
)


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        version = str(getattr(self.server, "version", ""))
        while self._start() in _PLAIN:
            self.wfile.write(b"N")
        settings = {"server_version": version, "client_encoding": "UTF8", "is_superuser": "off"}
        self.wfile.write(_message(b"R", struct.pack("!i", 0)))
        self.wfile.writelines(_setting(name, value) for name, value in settings.items())
        self.wfile.write(_message(b"K", bytes(8)) + _READY)
        while (kind := self.rfile.read(1)) not in (b"", b"X"):
            self._body()
            if kind == b"Q":
                self.wfile.write(_NOT_READ_ONLY)

    def _start(self) -> int:
        body = self._body()
        return int(struct.unpack("!i", body[:4])[0])

    def _body(self) -> bytes:
        (length,) = struct.unpack("!i", self.rfile.read(4))
        return self.rfile.read(length - 4)


class OldServer(socketserver.ThreadingTCPServer):
    """Listens on a port of the loopback interface, and lets everybody in. Use as a context.

    Args:
        version: As which PostgreSQL.
    """

    daemon_threads = True

    def __init__(self, version: str) -> None:
        self.version = version
        super().__init__(("127.0.0.1", 0), _Conversation)
        self._thread = threading.Thread(target=self.serve_forever, daemon=True)

    def url(self, database: str, role: str) -> str:
        """The address of a database for a role."""
        return f"postgresql://{role}@127.0.0.1:{self.server_address[1]}/{database}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
