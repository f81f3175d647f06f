"""A second PostgreSQL that follows a first one, and takes its place."""

from typing import Self

from team.server import PostgresServer
from waiting import wait_until


class Standby(PostgresServer):
    """Follows a server that runs, from its construction on; removed at the end of a context.

    Args:
        primary: The server.
        synchronous: Whether that one acknowledges only what this one has, too.
    """

    def __init__(self, primary: PostgresServer, *, synchronous: bool) -> None:
        self.primary = primary
        super().__init__()
        self.start()
        if synchronous:
            names = "ALTER SYSTEM SET synchronous_standby_names = '*'"
            primary.execute("postgres", names, "SELECT pg_reload_conf()")
        wanted = "sync" if synchronous else "async"
        states = "SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'"
        wait_until(lambda: primary.execute("postgres", states) == [(wanted,)])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def _make(self) -> None:
        """Copies the files of the first server."""
        given = ("-h", self.primary.directory, "-U", "app", "-c", "fast", "-R", "-N")
        self._run("pg_basebackup", "-D", self._data, *given)

    def pair_url(self, database: str, role: str) -> str:
        """The address of a database on whichever of the two can be written."""
        hosts = f"{self.primary.directory},{self.directory}"
        return f"postgresql://{role}@/{database}?host={hosts}"

    def lose_the_connection(self) -> None:
        """Gets nothing any more of what the first one commits from now on."""
        self.execute(
            "postgres", "ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()"
        )
        received = "SELECT count(*) FROM pg_stat_wal_receiver"
        wait_until(lambda: self.execute("postgres", received) == [(0,)])

    def promote(self) -> None:
        """Takes the place of the first one, and waits until it can be written."""
        self._run("pg_ctl", "-D", self._data, "-w", "-s", "promote")
