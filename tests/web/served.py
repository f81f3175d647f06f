"""A real dashboard process."""

import http.client
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit


class Dashboard:
    """`mcp-learning dashboard` on a data directory. Use as a context manager."""

    def __init__(self, data_dir: Path, *options: str, **env: str) -> None:
        command = [sys.executable, "-m", "mcp_learning", "dashboard", "--no-open", "--json"]
        self.process = subprocess.Popen(
            [*command, *options, "--data-dir", str(data_dir)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "MCP_LEARNING_CONFIG": os.devnull, **env},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()
        self.told: dict[str, str] = json.loads(line)
        self.url = self.told["url"]
        self.token = self.told["token"]
        self.address, _, self.secret = self.url.partition("/#")
        self.port = int(urlsplit(self.url).port or 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def at(self, query: str = "") -> str:
        """The address of a view, with the token."""
        return f"{self.address}/?{query}#{self.secret}"

    def end(self) -> tuple[int, str]:
        """SIGTERM; returns the exit status and stderr."""
        self.process.terminate()
        _, stderr = self.process.communicate(timeout=30)
        return self.process.returncode, stderr

    def get(
        self,
        path: str,
        *,
        token: str | None = None,
        method: str = "GET",
        body: str | None = None,
        **headers: str,
    ) -> tuple[int, dict[str, str], str]:
        """Status, headers in small letters, and body of an answer; headers as Some_Header."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            given["Authorization"] = f"Bearer {token}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers=given)
            response = connection.getresponse()
            answered = {name.lower(): value for name, value in response.getheaders()}
            return response.status, answered, response.read().decode()
        finally:
            connection.close()
