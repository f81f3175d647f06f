"""Decisions change: the later one comes first, and the earlier one is marked."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from service.examples import record

from mcp_learning.errors import InvalidInput
from mcp_learning.models.requests import FindSimilarTasks, ForgetExecutions, RecordExecution
from mcp_learning.models.results import Match
from mcp_learning.models.transfer import ImportBatch, PastExecution
from mcp_learning.service.learning import LearningService

pytestmark = pytest.mark.anyio

EARLIER = "Retry a failed payment call at most four times, and wait up to sixty seconds between two"
AMENDED = (
    "Amendment to the rule for failed payment calls: still at most four times, but wait up to "
    "thirty seconds between two, since the gateway closes idle connections"
)
QUESTION = "payment calls fail and are retried for too long; how often, and how long do we wait?"
REPO = "acme/shop"


async def settle(service: LearningService, text: str, **values: Any) -> UUID:
    return (await record(service, text, **{"repo": REPO, "outcome": "success", **values})).task_id


async def find(service: LearningService, **values: Any) -> list[Match]:
    given = {"task_description": QUESTION, **values}
    return (await service.find(FindSimilarTasks.model_validate(given))).matches


async def test_what_a_later_task_says_to_supersede_comes_after_it(service: LearningService) -> None:
    first = await settle(service, EARLIER)
    assert [match.confidence for match in await find(service)] == ["likely"]
    # In other words, which nothing but the told id ties to the earlier one.
    text, details = "thirty seconds of backoff", {"supersedes": str(first)}
    second = await settle(service, text, repo="acme/gateway", details=details)
    third = await settle(service, "twenty seconds", details={"supersedes": str(second)})

    latest, *others = await find(service)

    assert (latest.task_id, latest.confidence, latest.superseded_by) == (third, "likely", None)
    (earlier,) = (match for match in others if match.task_id == first)
    assert (earlier.confidence, earlier.superseded_by) == ("possible", third)


async def test_an_amendment_is_known_by_its_words_and_subject(service: LearningService) -> None:
    other = await settle(service, "Retry a failed search call once, without waiting")
    first = await settle(service, EARLIER)
    second = await settle(service, AMENDED)

    found = await find(service)

    order = [match.task_id for match in found]
    assert order.index(second) < order.index(first)
    by_id = {match.task_id: match for match in found}
    assert (by_id[first].superseded_by, by_id[first].confidence) == (second, "possible")
    assert by_id[second].superseded_by is None
    assert other not in by_id or by_id[other].superseded_by is None


async def test_each_find_knows_what_was_recorded_and_deleted_since_the_last(
    service: LearningService,
) -> None:
    async def superseding() -> UUID | None:
        return {match.task_id: match for match in await find(service)}[first].superseded_by

    first = await settle(service, EARLIER)
    assert await superseding() is None
    second = await settle(service, AMENDED)
    assert await superseding() == second
    third = await settle(service, f"{AMENDED}, as its operators say")
    assert await superseding() == third
    await service.forget(ForgetExecutions(task_ids=[third], dry_run=False))
    assert await superseding() == second
    await settle(service, AMENDED, task_id=second, outcome="failure")
    assert await superseding() is None


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (AMENDED, {"repo": "acme/gateway"}),
        (AMENDED, {"outcome": "failure"}),
        ("Amendment to the rule for holidays: five days more a year", {}),
        ("Retry a failed payment call, and log each attempt with its waiting time", {}),
    ],
)
async def test_other_later_tasks_supersede_nothing(
    service: LearningService, text: str, values: dict[str, Any]
) -> None:
    await settle(service, EARLIER)
    await settle(service, text, **values)
    assert {match.superseded_by for match in await find(service)} == {None}


async def test_what_was_done_again_after_an_amendment_is_the_latest(
    service: LearningService,
) -> None:
    await settle(service, EARLIER)
    await settle(service, AMENDED)
    await settle(service, EARLIER)
    assert {match.superseded_by for match in await find(service)} == {None}


async def test_a_later_one_that_filters_leave_out_is_named_alone(service: LearningService) -> None:
    await settle(service, EARLIER, task_type="decision")
    second = await settle(service, AMENDED, task_type="amendment")
    (match,) = await find(service, task_type="decision")
    assert match.superseded_by == second


async def test_an_answer_keeps_its_limit(service: LearningService) -> None:
    await settle(service, EARLIER)
    second = await settle(service, AMENDED)
    assert [match.task_id for match in await find(service, limit=1)] == [second]


async def test_of_two_that_supersede_each_other_neither_supersedes_itself(
    service: LearningService,
) -> None:
    ids, at = (UUID(int=1), UUID(int=2)), datetime(2025, 1, 1, tzinfo=UTC)
    values = {"task_type": "docs", "outcome": "success"}
    records = [
        PastExecution.model_validate(
            {
                "task_id": one,
                "recorded_at": at,
                "execution": {
                    **values,
                    "task_description": f"{EARLIER}, as rule {one.int}",
                    "details": {"supersedes": other},
                },
            }
        )
        for one, other in zip(ids, reversed(ids), strict=True)
    ]
    await service.import_batch(ImportBatch(records=records))
    found = {match.task_id: match.superseded_by for match in await find(service)}
    assert found == dict(zip(ids, reversed(ids), strict=True))


async def test_only_what_is_recorded_and_earlier_can_be_superseded(
    service: LearningService,
) -> None:
    own, unknown = uuid4(), uuid4()
    told = {"task_type": "task", "task_description": EARLIER, "outcome": "success"}
    for named, complaint in ((own, "itself"), (unknown, f"no execution {unknown}")):
        details = {"supersedes": str(named)}
        request = RecordExecution.model_validate({**told, "task_id": own, "details": details})
        with pytest.raises(InvalidInput, match=f"supersedes: .*{complaint}"):
            await service.record(request)
