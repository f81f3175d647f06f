"""Batches from elsewhere: nothing twice, what is newer stays, no secret gets in."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from service.examples import LOGIN, all_bytes, execute, found_ids, query, record

from mcp_learning.errors import StoreError
from mcp_learning.models.requests import ForgetExecutions, GetExecution
from mcp_learning.models.results import Execution
from mcp_learning.models.transfer import (
    ExportPage,
    ImportBatch,
    Imported,
    PastExecution,
    PastFeedback,
    PastUse,
)
from mcp_learning.service import importing
from mcp_learning.service.learning import LearningService
from mcp_learning.settings import Settings
from mcp_learning.store.types import BatchCounts

pytestmark = pytest.mark.anyio

THEN = datetime(2024, 3, 1, 10, 0, 0, 250_000, tzinfo=UTC)
SECRET = "ghp_" + "Aa1" * 12


def past(task_id: UUID | None = None, **values: Any) -> PastExecution:
    """A bug fix of long ago; `values` are those of a PastExecution or of its execution."""
    own = {name: values.pop(name) for name in list(values) if name in PastExecution.model_fields}
    execution = {"task_type": "bug_fix", "task_description": LOGIN, "outcome": "success"}
    return PastExecution.model_validate(
        {"task_id": task_id or uuid4(), "execution": execution | values, "recorded_at": THEN, **own}
    )


async def take(service: LearningService, *records: PastExecution, dry: bool = False) -> Imported:
    return await service.import_batch(ImportBatch(records=list(records), dry_run=dry))


async def stored(service: LearningService, task_id: UUID) -> Execution:
    return (await service.get(GetExecution(task_id=task_id))).execution


async def test_an_imported_execution_has_its_own_id_and_times(service: LearningService) -> None:
    one = past(updated_at=THEN + timedelta(hours=1), solution_summary="renew the cookie")
    assert await take(service, one) == Imported(created=1)
    found = await stored(service, one.task_id)
    assert (found.recorded_at, found.updated_at) == (THEN, THEN + timedelta(hours=1))
    assert found.solution_summary == "renew the cookie"


async def test_without_a_time_of_change_it_changed_when_it_was_recorded(
    service: LearningService,
) -> None:
    one = past()
    await take(service, one)
    assert (await stored(service, one.task_id)).updated_at == THEN


async def test_the_same_batch_again_changes_nothing(service: LearningService) -> None:
    use = PastUse(task_id=uuid4(), recorded_at=THEN)
    feedback = PastFeedback(feedback_id=uuid4(), submitted_at=THEN, rating=4)
    batch = [past(updated_at=THEN, uses=[use], feedback=[feedback]), past()]
    await take(service, *batch)
    everything = "SELECT * FROM executions, feedback, uses ORDER BY ALL"
    before = await query(service, everything)
    assert before
    assert await take(service, *batch) == Imported(unchanged=2)
    assert await query(service, everything) == before


async def test_what_changed_later_at_its_source_is_updated(service: LearningService) -> None:
    one = past(outcome="pending", repo="owner/shop")
    await take(service, one)
    later = past(one.task_id, outcome="failure", updated_at=THEN + timedelta(days=1))
    assert await take(service, later) == Imported(updated=1)
    found = await stored(service, one.task_id)
    assert (found.outcome, found.repo) == ("failure", "owner/shop")
    assert found.updated_at == THEN + timedelta(days=1)


async def test_what_an_agent_has_changed_since_stays(service: LearningService) -> None:
    one = past(outcome="pending", updated_at=THEN)
    await take(service, one)
    await record(service, task_id=str(one.task_id), outcome="success")
    assert await take(service, one) == Imported(unchanged=1)
    assert (await stored(service, one.task_id)).outcome == "success"


async def test_a_session_that_goes_on_replaces_nothing_that_was_told(
    service: LearningService,
) -> None:
    def session(day: int, reply: str) -> PastExecution:
        return past(
            task_id,
            outcome="pending",
            solution_summary=reply,
            duration_seconds=float(day),
            details={"metadata": {"source": "claude-code"}},
            updated_at=THEN + timedelta(days=day),
        )

    task_id = uuid4()
    await take(service, session(1, "I look."))
    told = {"outcome": "success", "solution_summary": "The cookie is cleared first"}
    await record(service, task_id=str(task_id), task_description=LOGIN, **told)
    assert await take(service, session(40_000, "Bye.")) == Imported(updated=1)
    found = await stored(service, task_id)
    assert (found.outcome, found.solution_summary) == tuple(told.values())
    assert found.duration_seconds == 40_000.0
    assert await take(service, session(40_000, "Bye.")) == Imported(unchanged=1)


async def test_an_id_that_is_twice_in_a_batch_is_stored_once_as_it_was_last(
    service: LearningService,
) -> None:
    one = past(outcome="pending")
    later = past(one.task_id, outcome="success", updated_at=THEN + timedelta(days=1))
    assert await take(service, one, later, one) == Imported(created=1, updated=1, unchanged=1)
    assert (await stored(service, one.task_id)).outcome == "success"


async def test_no_secret_of_a_batch_is_stored(service: LearningService, settings: Settings) -> None:
    feedback = PastFeedback(feedback_id=uuid4(), submitted_at=THEN, comment=f"it has {SECRET}")
    one = past(
        task_description=f"push with {SECRET}",
        error_message=f"{SECRET} was refused",
        details={"metadata": {"token": SECRET, SECRET: [SECRET]}},
        feedback=[feedback],
    )
    assert (await take(service, one)).redactions == 6
    await service.close()
    assert SECRET.encode() not in all_bytes(settings.data_dir)


async def test_a_preview_counts_the_same_and_stores_nothing(service: LearningService) -> None:
    old = past()
    await take(service, old)
    batch = [
        past(old.task_id, updated_at=THEN + timedelta(days=1)),
        past(task_description=f"push with {SECRET}"),
        past(),
    ]
    before = await query(service, "FROM executions")
    previewed = await take(service, *batch, dry=True)
    assert await query(service, "FROM executions") == before
    assert previewed == await take(service, *batch) == Imported(created=2, updated=1, redactions=1)


async def test_a_batch_is_stored_as_a_whole_or_not_at_all(service: LearningService) -> None:
    await execute(service, "DROP TABLE uses")  # what comes last in a batch fails
    with pytest.raises(StoreError):
        await take(service, past(), past(uses=[PastUse(task_id=uuid4(), recorded_at=THEN)]))
    assert await query(service, "FROM executions") == []


async def test_imported_executions_are_found_by_meaning(service: LearningService) -> None:
    one = past()
    await service.ready()
    await take(service, one)
    assert await found_ids(service, "users are redirected to the sign-in page again and again") == [
        one.task_id
    ]


async def test_a_changed_description_is_found_by_its_new_words(service: LearningService) -> None:
    one = past()
    await take(service, one)
    await service.ready()
    later = past(
        one.task_id,
        task_description="Speed up the CSV export of invoices",
        updated_at=THEN + timedelta(days=1),
    )
    await take(service, later)
    assert await found_ids(service, "the export of invoices as CSV takes minutes") == [one.task_id]


async def test_feedback_on_an_execution_that_was_forgotten_meanwhile_is_not_kept(
    service: LearningService,
) -> None:
    feedback = PastFeedback(feedback_id=uuid4(), submitted_at=THEN, rating=4)
    one = past(feedback=[feedback])
    await take(service, one)

    batch, _ = importing.prepare([one], {one.task_id: THEN})
    await service.forget(ForgetExecutions(task_ids=[one.task_id], dry_run=False))
    assert await service.store.import_batch(batch) == BatchCounts(0, 0, unchanged=1)
    assert await query(service, "FROM feedback") == []


async def test_pages_of_an_export_have_everything_once_in_the_order_of_changes(
    service: LearningService,
) -> None:
    ids = [(await take_one(service, n)).task_id for n in range(7)]
    rows, request = [], ExportPage(limit=3)
    while (page := await service.export_page(request)).rows:
        assert len(page.rows) <= 3
        assert page.total == 7
        rows += page.rows
        request = ExportPage(after=page.last, limit=3)
    assert [row["task_id"] for row in rows] == [str(task_id) for task_id in ids]


async def take_one(service: LearningService, n: int) -> PastExecution:
    one = past(task_description=f"{LOGIN}, part {n}")
    await take(service, one)
    return one


async def test_a_page_of_long_texts_ends_before_it_is_too_long(service: LearningService) -> None:
    long = [past(error_message="é" * 20_000, task_description="ü" * 20_000) for _ in range(120)]
    await take(service, *long)
    page = await service.export_page(ExportPage())
    assert 90 <= len(page.rows) < 120
    assert len((await service.export_page(ExportPage(after=page.last))).rows) == 120 - len(
        page.rows
    )
