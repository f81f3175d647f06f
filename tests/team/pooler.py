"""A real PgBouncer in transaction mode, before a test's server."""

import os
import shutil
import subprocess

import pytest
from team.server import PostgresServer
from waiting import wait_until


class Pooler:
    """Listens on a socket beside that of the server; the test is skipped where it is missing."""

    def __init__(self, server: PostgresServer) -> None:
        self._program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
        if self._program is None:
            pytest.skip("no PgBouncer is installed: Debian's package pgbouncer has it")
        self._directory = server.directory / "pooler"
        self._directory.mkdir()
        users = self._directory / "users"
        users.write_text('"ada" ""\n"ben" ""\n')
        self._config = self._directory / "pgbouncer.ini"
        self._config.write_text(
            f"[databases]\n* = host={server.directory}\n[pgbouncer]\npool_mode = transaction\n"
            f"auth_type = trust\nauth_file = {users}\nunix_socket_dir = {self._directory}\n"
            "listen_addr =\nlisten_port = 6432\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Pooler":
        command = [str(self._program), "-q", str(self._config)]
        if os.geteuid() == 0:  # which it refuses to run as
            for path in (self._directory, *self._directory.iterdir()):
                shutil.chown(path, "postgres", "postgres")
            command = ["runuser", "-u", "postgres", "--", *command]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_until((self._directory / ".s.PGSQL.6432").exists)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(20)
        shutil.rmtree(self._directory)

    def url(self, database: str, role: str) -> str:
        """The address of a database for a role."""
        return f"postgresql://{role}@/{database}?host={self._directory}&port=6432"
