"""A real PostgreSQL in a directory of its own, which tests start, kill and end."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg

SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",  # a killed process loses nothing by it; the machine would have to fail
    "max_connections": "60",
    "shared_buffers": "16MB",
    "log_min_messages": "fatal",
    "timezone": "UTC",
}
_USER = "postgres"


def binaries() -> Path | None:
    """Where the newest installed PostgreSQL has its programs; None without one."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if found:
        return found[-1].parent
    program = shutil.which("initdb")
    return Path(program).parent if program else None


class PostgresServer:
    """A server that listens on a socket in its directory, and trusts everybody but `locked`."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="mcpl-"))
        self._data = self.directory / "data"
        self._bin = self.programs()
        if os.geteuid() == 0:
            for path in (self.directory, *self.directory.rglob("*")):
                shutil.chown(path, _USER, _USER)
        self._make()
        self._set(**SETTINGS, unix_socket_directories=str(self.directory))

    def programs(self) -> Path | None:
        """Where its programs are."""
        return binaries()

    def _make(self) -> None:
        """Makes the files of an empty server."""
        options = ("-A", "trust", "-U", "app", "-N", "-E", "UTF8", "--no-locale")
        self._run("initdb", "-D", self._data, *options, "--no-instructions")
        access = self._data / "pg_hba.conf"
        access.write_text("local all locked scram-sha-256\n" + access.read_text())

    def _set(self, **settings: str) -> None:
        with (self._data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def listen(self, addresses: Sequence[str], certificate: Path) -> None:
        """Starts it on these addresses, too, where it lets everybody in who asks for TLS."""
        with (self._data / "pg_hba.conf").open("a") as file:
            file.write("hostssl all all samenet trust\n")
        key = certificate.with_suffix(".key")
        self._set(listen_addresses=",".join(addresses))
        self._set(ssl="on", ssl_cert_file=str(certificate), ssl_key_file=str(key))
        self.start()

    def start(self, *options: str) -> None:
        """Starts it and waits until it answers; `options` as for the program `postgres`."""
        given = ["-o", " ".join(options)] if options else []
        log = self.directory / "log"
        self._run("pg_ctl", "-D", self._data, "-w", "-s", "-l", log, *given, "start")

    def stop(self) -> None:
        """Ends it at once."""
        self._run("pg_ctl", "-D", self._data, "-w", "-s", "-m", "immediate", "stop", check=False)

    def remove(self) -> None:
        """Ends it, and deletes all that it had."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def kill(self) -> None:
        """Kills all its processes, as a lack of memory would, and waits until they are gone."""
        processes = self._processes()
        for one in processes:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(processes, timeout=20)

    def suspend(self) -> None:
        """Stops all its processes: connections stay, and nothing is answered."""
        for one in self._processes():
            with suppress(psutil.NoSuchProcess):
                one.suspend()

    def resume(self) -> None:
        """Has its processes go on."""
        for one in self._processes():
            with suppress(psutil.NoSuchProcess):
                one.resume()

    def url(self, database: str, role: str = "app", password: str = "") -> str:
        """The address of a database for a role."""
        given = f"{role}:{password}" if password else role
        return f"postgresql://{given}@/{database}?host={self.directory}"

    def execute(self, database: str, *statements: str) -> list[tuple[object, ...]]:
        """Runs statements as the owner; the rows of the last one, if it has any."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def copy(self, database: str, target: "PostgresServer") -> None:
        """Copies a database to another server, which has its roles, as people do."""
        file = self.directory / f"{database}.dump"
        self._run("pg_dump", "-h", self.directory, "-U", "app", "-Fc", "-f", file, database)
        target.execute("postgres", f"CREATE DATABASE {database}")
        given = ("-h", target.directory, "-U", "app", "-d", database)
        self._run("pg_restore", *given, "--exit-on-error", file)

    def files_with(self, text: bytes) -> list[Path]:
        """The files of its tables and indexes that have these bytes anywhere."""
        files = (one for one in (self._data / "base").rglob("*") if one.is_file())
        return [one for one in files if text in one.read_bytes()]

    def _processes(self) -> list[psutil.Process]:
        """All of them, the one that starts the others first."""
        first = psutil.Process(int((self._data / "postmaster.pid").read_text().split()[0]))
        return [first, *first.children(recursive=True)]

    def _run(self, program: str, *arguments: object, check: bool = True) -> None:
        assert self._bin is not None
        command: Sequence[str] = [str(self._bin / program), *map(str, arguments)]
        if os.geteuid() == 0:  # which PostgreSQL refuses to run as
            command = ["runuser", "-u", _USER, "--", *command]
        subprocess.run(
            command, check=check, cwd=self.directory, stdout=subprocess.DEVNULL, timeout=60
        )
