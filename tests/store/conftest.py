"""One database for the tests of a module, each of which takes back what it has written."""

from collections.abc import Iterator

import pytest
from store.rows import migrated, undone

from mcp_learning.store.duckdb.connection import Cursor

CONTRACT = ("changes", "executions", "failures", "machine", "statistics", "transfer", "vectors")
pytest.register_assert_rewrite(*(f"store.contract.{module}" for module in CONTRACT))


@pytest.fixture(scope="module")
def cursor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cursor]:
    with migrated(tmp_path_factory.mktemp("store") / "learning.duckdb") as cursor:
        yield cursor


@pytest.fixture
def taken_back(request: pytest.FixtureRequest, cursor: Cursor) -> Iterator[None]:
    """Tests with examples take each of them back on their own."""
    if hasattr(request.function, "hypothesis"):
        yield
        return
    with undone(cursor):
        yield
