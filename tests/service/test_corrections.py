"""A person names an execution by how its id begins, and corrects what was recorded of it."""

from uuid import UUID, uuid4

import pytest
from service.examples import EXPORT, LOGIN, change_of, found_ids, record

from mcp_learning.errors import InvalidInput, NotFound
from mcp_learning.models.corrections import ResolveId, ReviseExecution
from mcp_learning.models.requests import GetExecution
from mcp_learning.models.results import Execution
from mcp_learning.service.learning import LearningService

pytestmark = pytest.mark.anyio

FIRST, SECOND, OTHER = (
    UUID(f"{start}-7000-8000-000000000000")
    for start in ("0190a0b1-aaaa", "0190a0b1-bbbb", "0290a0b1-aaaa")
)


async def stored(service: LearningService, task_id: UUID) -> Execution:
    return (await service.get(GetExecution(task_id=task_id))).execution


async def revise(service: LearningService, task_id: UUID, **values: object) -> list[str]:
    given = {"task_id": task_id, **values}
    return (await service.revise(ReviseExecution.model_validate(given))).changed


async def test_an_id_may_be_shortened_as_long_as_it_means_one(service: LearningService) -> None:
    await record(service, LOGIN, task_id=FIRST)
    await record(service, EXPORT, task_id=SECOND)
    await record(service, EXPORT, task_id=OTHER)

    for short in ("0190a0b1-a", "0190A0B1A", str(FIRST)):
        assert (await service.resolve(ResolveId(task_id=short))).task_id == FIRST
    with pytest.raises(InvalidInput, match="give more of it") as refused:
        await service.resolve(ResolveId(task_id="0190a0b1"))
    message = str(refused.value)
    assert "0190a0b1-aaaa" in message
    assert "0190a0b1-bbbb" in message
    assert "Fix the login" in message
    assert "0290" not in message
    with pytest.raises(NotFound):
        await service.resolve(ResolveId(task_id="0390"))
    for nothing in ("0-1-9-", "login", "0" * 33, "%"):
        with pytest.raises(InvalidInput, match="first four digits"):
            await service.resolve(ResolveId(task_id=nothing))


async def test_a_correction_changes_what_it_names_and_nothing_else(
    service: LearningService,
) -> None:
    failed = {"outcome": "failure", "error_type": "timeout", "error_message": "took too long"}
    task_id = (await record(service, LOGIN, approach="guess", **failed)).task_id
    before = await stored(service, task_id)

    corrected = {"outcome": "success", "solution_summary": "token=ghp_" + 36 * "a"}
    changed = await revise(
        service, task_id, **corrected, clear=["error_type", "error_message", "repo"]
    )

    assert changed == ["outcome", "solution_summary", "error_type", "error_message"]
    after = await stored(service, task_id)
    assert (after.outcome, after.error_type, after.error_message) == ("success", None, None)
    assert after.solution_summary is not None
    assert "ghp_" not in after.solution_summary
    same = {"task_description", "task_type", "approach", "recorded_at"}
    assert after.model_dump(include=same) == before.model_dump(include=same)
    assert after.updated_at > before.updated_at


async def test_the_same_correction_twice_changes_nothing(service: LearningService) -> None:
    task_id = (await record(service, LOGIN)).task_id
    assert await revise(service, task_id, approach="expire the cookie") == ["approach"]
    change = await change_of(service, task_id)
    assert await revise(service, task_id, approach="expire the cookie") == []
    assert await change_of(service, task_id) == change


async def test_a_corrected_description_is_found_by_its_new_words(service: LearningService) -> None:
    task_id = (await record(service, LOGIN)).task_id
    assert await found_ids(service, EXPORT) == []
    await revise(service, task_id, task_description=EXPORT)
    assert await found_ids(service, EXPORT) == [task_id]


async def test_what_does_not_exist_is_not_corrected(service: LearningService) -> None:
    with pytest.raises(NotFound):
        await revise(service, uuid4(), outcome="failure")


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, "at least one field"),
        ({"approach": "a", "clear": ["approach"]}, "both given and cleared"),
    ],
)
def test_a_correction_says_one_thing_of_a_field(values: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        ReviseExecution.model_validate({"task_id": uuid4(), **values})
