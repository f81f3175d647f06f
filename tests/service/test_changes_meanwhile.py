"""What changes while a search is under way is answered as it is, or not at all."""

from typing import Any
from uuid import UUID

import pytest
from service.examples import EXPORT, LOGIN, Gate, find, record

from mcp_learning.search import groups
from mcp_learning.service.learning import LearningService

pytestmark = pytest.mark.anyio

SHOP = {"repo": "acme/shop", "outcome": "success"}


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"repo": "acme/ledger"}, id="its repository"),
        pytest.param({"outcome": "failure"}, id="its outcome"),
        pytest.param({"repo": "acme/ledger", "solution_summary": "Kept it"}, id="its texts, too"),
    ],
)
async def test_an_execution_that_ceases_to_pass_the_filters_during_a_search_is_not_found(
    service: LearningService, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any]
) -> None:
    task_id = UUID(int=1)
    await record(service, task_id=task_id, **SHOP)
    await service.ready()
    gate = Gate(groups.represent)
    monkeypatch.setattr(groups, "represent", gate)

    async def change() -> None:
        await record(service, task_id=task_id, **(SHOP | changed))
        await find(service, EXPORT)  # takes the change in

    found = await gate.meanwhile(lambda: find(service, LOGIN, **SHOP), change)
    assert found.matches == []


async def test_an_execution_that_changes_during_a_search_is_found_as_it_is_now(
    service: LearningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = UUID(int=1)
    await record(service, task_id=task_id, outcome="pending")
    await service.ready()
    gate = Gate(groups.represent)
    monkeypatch.setattr(groups, "represent", gate)

    async def change() -> None:
        await record(service, task_id=task_id, solution_summary="Renewed the cookie")
        await find(service, EXPORT)

    (match,) = (await gate.meanwhile(lambda: find(service, LOGIN), change)).matches
    assert (match.task_id, match.outcome, match.runs.success) == (task_id, "success", 1)
    assert match.solution_summary == "Renewed the cookie"
