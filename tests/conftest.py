"""Fixtures for all tests: private settings, and proof that nothing blocks the event loop."""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

# As in the product's own processes (mcp_learning/cli). NumPy reads it when it is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import hypothesis
import pytest
from blockbuster import BlockBuster
from services import open_service, put_empty_database
from watched import Watched, refuse_on_the_loop

from mcp_learning.cli.log_records import is_no_socket_race
from mcp_learning.embed.embedder import Embedder
from mcp_learning.permissions import restrict_umask
from mcp_learning.service.learning import LearningService
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb import opening

# Containers often have it set. Then each process that a test starts compiles the package anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The long forms of the proofs in docs/runbooks/proofs.md."""
    group = parser.getgroup("proofs")
    group.addoption("--kills", type=int, default=8, help="servers to kill, at least 1")
    group.addoption("--seconds", type=float, help="how long to search at once, in seconds")
    group.addoption("--calls", type=int, default=12, help="calls of each of eight agents")
    group.addoption("--successions", type=int, default=3, help="leaders to kill, at least 1")
    group.addoption("--reign", type=float, help="seconds from one such kill to the next")
    group.addoption("--openings", type=int, default=7, help="agents opened and closed")
    group.addoption("--frames", type=int, default=300, help="mutated messages for each transport")
    group.addoption("--trouble", type=int, default=5, help="signals to agents and commands")
    group.addoption("--server-kills", type=int, default=1, help="of the team's PostgreSQL")
    group.addoption("--rows", type=int, default=320, help="written to a team at once, by eight")
    group.addoption("--cuts", type=int, default=1, help="of the network between a team's hosts")
    group.addoption("--operations", type=int, default=60, help="of a team's hosts, at random")
    group.addoption("--shared-rows", type=int, default=32, help="recorded by a team of eight hosts")
    group.addoption("--seed", type=int, default=1, help="of all random work")


PROCESS_TESTS = (
    *("benchmarks/", "cli/", "clients/capture/", "clients/test_hooks.py", "process/"),
    *("store/test_salvage.py", "team/", "web/"),
)
"""Below tests: what starts servers, commands or browsers, and takes long."""


LONG_TESTS = (
    *("process/test_crash.py", "process/test_many_agents.py", "web/test_page.py"),
    "web/test_live.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks tests by their place, and puts files that take long first: workers end together."""

    @cache
    def order(path: Path) -> tuple[bool, bool]:
        """Whether a file takes less long, and whether it starts no processes."""
        place = path.relative_to(Path(__file__).parent).as_posix()
        return place not in LONG_TESTS, not place.startswith(PROCESS_TESTS)

    for item in items:
        if not order(item.path)[1]:
            item.add_marker("process")
    items.sort(key=lambda item: order(item.path))


_numbers = count(1)


class _Loop(asyncio.SelectorEventLoop):
    """Passes over the error of anyio's sockets that a server's log leaves out, too."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        cause = error and (type(error), error, error.__traceback__)
        record = logging.LogRecord("asyncio", logging.ERROR, "", 0, context["message"], (), cause)
        if is_no_socket_race(record):
            super().call_exception_handler(context)


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {} if sys.platform == "win32" else {"loop_factory": _Loop}


@pytest.fixture(autouse=True)
def _own_configuration(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No test reads or writes what belongs to the person who runs it.

    A directory is made only for tests that ask for one: most need none.
    """
    if "tmp_path" in request.fixturenames:
        own = request.getfixturevalue("tmp_path")
    else:
        own = tmp_path_factory.getbasetemp() / f"unasked{next(_numbers)}"
    monkeypatch.setenv("MCP_LEARNING_CONFIG", os.devnull)
    monkeypatch.setenv("MCP_LEARNING_DATA_DIR", str(own / "data"))


@pytest.fixture(autouse=True)
def _own_process() -> Iterator[None]:
    """What a test calls may change the process, as servers and commands do with theirs, once."""
    interval, umask = sys.getswitchinterval(), os.umask(0o077)
    os.umask(umask)
    yield
    sys.setswitchinterval(interval)
    os.umask(umask)
    restrict_umask.cache_clear()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.load(data_dir=tmp_path / "data")


@pytest.fixture
def empty_data_dir(settings: Settings) -> None:
    """A database without executions."""
    put_empty_database(settings.data_dir)


@pytest.fixture
async def service(settings: Settings, empty_data_dir: None) -> AsyncIterator[LearningService]:
    """A learning service on an empty database, without its background task."""
    opened = open_service(settings)
    yield opened
    await opened.close()


@pytest.fixture
def nothing_blocks_the_loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails a test that touches DuckDB, the model, a file or a socket on the event loop.

    Also one in which a module outside the store uses a cursor of the truth.
    """
    really_open, really_embed, really_load = opening.open_file, Embedder.embed, Embedder.load

    def embed(self: Embedder, texts: Any) -> Any:
        refuse_on_the_loop("Embedder.embed")
        return really_embed(self, texts)

    def load(self: Embedder) -> None:
        refuse_on_the_loop("Embedder.load")
        really_load(self)

    monkeypatch.setattr(opening, "open_file", lambda *args: Watched(really_open(*args)))
    monkeypatch.setattr(Embedder, "embed", embed)
    monkeypatch.setattr(Embedder, "load", load)
    detector = BlockBuster()
    for name in ("os.stat", "os.unlink"):  # once per process that comes to lead
        detector.functions[name].can_block_in("anyio/_core/_sockets.py", "setup_unix_local_socket")
    detector.activate()
    try:
        yield
    finally:
        detector.deactivate()
