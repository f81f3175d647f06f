"""Every store keeps the contract."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import hypothesis
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis.stateful import run_state_machine_as_test
from store.contract import StoreContract
from store.contract.helpers import OpenStore
from store.contract.machine import StoreMachine

from mcp_learning.settings import Settings
from mcp_learning.store.duckdb.store import open_store as open_duckdb
from mcp_learning.store.file_maintenance import FileMaintenance
from mcp_learning.store.protocol import Store

pytestmark = pytest.mark.anyio

IMPLEMENTATIONS: dict[str, Callable[[Settings], Store]] = {"duckdb": open_duckdb}
"""Each makes the store of some settings, always the same for the same settings."""


@pytest.fixture(params=IMPLEMENTATIONS)
async def open_store(
    request: pytest.FixtureRequest, settings: Settings
) -> AsyncIterator[OpenStore]:
    opened: list[Store] = []

    async def open_store() -> Store:
        opened.append(IMPLEMENTATIONS[request.param](settings))
        return opened[-1]

    yield open_store
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_store: Callable[[], Awaitable[Store]]) -> Store:
    return await open_store()


class TestStores(StoreContract):
    async def test_it_is_a_store(self, store: Store) -> None:
        assert isinstance(store, Store)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_any_sequence_of_writes_agrees_with_a_plain_model(
    implementation: str, settings: Settings
) -> None:
    with start_blocking_portal() as portal:
        open_store = partial(IMPLEMENTATIONS[implementation], settings)
        run_state_machine_as_test(
            lambda: StoreMachine(portal, open_store),  # type: ignore[arg-type]  # takes any factory
            settings=hypothesis.settings(max_examples=20, stateful_step_count=20),
        )


def test_a_duckdb_store_is_a_file_too(settings: Settings) -> None:
    assert isinstance(open_duckdb(settings), FileMaintenance)
