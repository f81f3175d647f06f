"""A real server process that serves over HTTP, and raw requests to it."""

import http.client
import json
import os
import re
import socket
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from process.wire import INITIALIZE

ACCEPT = "application/json, text/event-stream"


class HttpServer:
    """`mcp-learning serve --http …` on any free port. Use as a context manager."""

    def __init__(
        self,
        data_dir: Path,
        *options: str,
        host: str = "127.0.0.1",
        wrapper: tuple[str, ...] = (),
        **env: str,
    ) -> None:
        command = [sys.executable, "-m", "mcp_learning", "serve", "--http", f"{host}:0", *options]
        self.process = subprocess.Popen(
            [*wrapper, *command, "--data-dir", str(data_dir)],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **env},
        )
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        served = re.search(r"serving http://\S+:(\d+)/mcp", line)
        assert served, line + self.process.stderr.read()
        self.port = int(served[1])
        self.token = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"http://127.0.0.1:{self.port}/mcp"

    def read_token(self) -> str:
        """The token that it shows at its start."""
        assert self.process.stderr is not None
        shown = re.search(r"not shown again: (\S+)", self.process.stderr.readline())
        assert shown
        return shown[1]

    def end(self) -> tuple[int, str]:
        """SIGTERM; returns the exit status and the rest of stderr."""
        self.process.terminate()
        _, stderr = self.process.communicate(timeout=30)
        return self.process.returncode, stderr

    def initialize(self, body: bytes | None = None, **headers: str) -> int:
        """The status of an answer to `initialize`, or to `body`; headers as Some_Header."""
        message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": INITIALIZE}
        return self.post(body or json.dumps(message).encode(), **headers)[0]

    def post(self, body: bytes, **headers: str) -> tuple[int, str]:
        """Status and body of an answer; headers as Some_Header."""
        given = {"Content-Type": "application/json", "Accept": ACCEPT}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", "/mcp", body, given)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


class HttpSession:
    """A client of a server over HTTP, on one connection while that lasts. As a context manager."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {"Content-Type": "application/json", "Accept": ACCEPT}

    def __enter__(self) -> Self:
        status, _ = self.request("initialize", **INITIALIZE)
        assert status == 200
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def request(self, method: str, **params: Any) -> tuple[int, str]:
        """Sends a request; returns the status and body of the answer."""
        message = {"jsonrpc": "2.0", "id": "r", "method": method, "params": params}
        return self.post(json.dumps(message).encode())

    def post(self, body: bytes) -> tuple[int, str]:
        """Sends any body; returns the status and body of the answer."""
        try:
            self._connection.request("POST", "/mcp", body, self._headers)
            response = self._connection.getresponse()
        except (ConnectionError, http.client.RemoteDisconnected):  # it was idle for too long
            self._connection.close()
            self._connection.request("POST", "/mcp", body, self._headers)
            response = self._connection.getresponse()
        if session := response.headers["mcp-session-id"]:
            self._headers["Mcp-Session-Id"] = session
        return response.status, response.read().decode()

    def listen(self, last_event_id: str) -> int:
        """Asks for the server's messages after that event; returns the status of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        with closing(connection):
            headers = self._headers | {"Last-Event-ID": last_event_id}
            connection.request("GET", "/mcp", headers=headers)
            return connection.getresponse().status

    def raw(self, sent: bytes) -> str:
        """Sends any bytes on a connection of their own; returns all that is answered."""
        received = b""
        place = ("127.0.0.1", self._port)
        with suppress(ConnectionError), socket.create_connection(place, timeout=60) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(2**16):
                received += part
        return received.decode(errors="replace")


def content(result: Any) -> dict[str, Any]:
    """Structured content of a tool's result that is no error."""
    assert not result.is_error, result
    values: dict[str, Any] = result.structured_content
    return values
