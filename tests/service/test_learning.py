"""The learning service with a real database and the real model: record, find, get, feedback."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import pytest
from service.examples import (
    EXPORT,
    LOGIN,
    LOGIN_PARAPHRASE,
    UNRELATED,
    change_of,
    find,
    found_ids,
    query,
    record,
)

from mcp_learning.errors import InvalidInput, NotFound
from mcp_learning.models.dashboard import View
from mcp_learning.models.maintenance import Backup, Prune
from mcp_learning.models.requests import (
    ForgetExecutions,
    GetExecution,
    LearningStats,
    RebuildIndex,
    RecommendApproach,
    SubmitFeedback,
    SuggestValues,
)
from mcp_learning.models.transfer import ExportPage, ImportBatch
from mcp_learning.service.learning import LearningService
from mcp_learning.service.protocol import ignore_progress
from mcp_learning.store.duckdb.backups import verified_contents

pytestmark = pytest.mark.anyio

SUPERSEDED = "01a224a1-8ead-7849-981f-dfcb2e0fa4a2"
EVERYTHING: dict[str, Any] = {
    "repo": "acme/shop",
    "approach": "reset the cookie",
    "model_tier": "large",
    "pool_type": "shared",
    "swarm_topology": "mesh",
    "solution_summary": "expire the cookie together with the session",
    "error_type": "timeout",
    "error_message": "redirected too many times",
    "duration_seconds": 12.5,
    "cost_usd": 0.25,
    "details": {
        "file_count": 3,
        "estimated_tokens": 9_000_000_000,
        "routing_confidence": 0.5,
        "complexity_score": 40,
        "quality_score": 90,
        "cost_estimate": 0.2,
        "peak_memory_mb": 512.5,
        "cpu_time_seconds": 3.25,
        "user_accepted": True,
        "user_rating": 4,
        "uploaded_at": "2026-01-02T03:04:05+02:00",
        "outcome_basis": "ci",
        "outcome_confidence": 0.75,
        "session_id": "0b5c",
        "supersedes": SUPERSEDED,
        "metadata": {"branch": "main", "numbers": [1, 2.5, None], "nested": {"ü": True}},
    },
}


async def test_a_new_record_is_created_and_read_back_whole(service: LearningService) -> None:
    await record(service, EXPORT, task_id=SUPERSEDED)
    recorded = await record(service, **EVERYTHING)
    assert recorded.created
    assert recorded.redactions == 0
    assert recorded.task_id.version == 7

    detail = await service.get(GetExecution(task_id=recorded.task_id))

    stored = detail.execution.model_dump(mode="json")
    expected = {**EVERYTHING, **EVERYTHING["details"], "uploaded_at": "2026-01-02T01:04:05Z"}
    del expected["details"]
    assert {name: stored[name] for name in expected} == expected
    assert (stored["task_description"], stored["outcome"]) == (LOGIN, "success")
    assert detail.feedback == []
    assert detail.used_by == []


async def test_files_with_their_commits_are_kept_in_the_metadata(service: LearningService) -> None:
    files = [{"path": "src/login.py", "commit": "1a2b3c4"}, {"path": "README.md"}]
    details = {"files": files, "metadata": {"branch": "main"}}
    task_id = (await record(service, details=details)).task_id
    detail = await service.get(GetExecution(task_id=task_id))
    assert detail.execution.metadata == {"branch": "main", "files": files}
    with pytest.raises(ValueError, match="commit"):
        await record(service, details={"files": [{"path": "a", "commit": "HEAD"}]})


async def test_files_and_other_metadata_are_updated_each_by_itself(
    service: LearningService,
) -> None:
    files = [{"path": "src/login.py", "commit": "a" * 40}]
    task_id = (await record(service, details={"metadata": {"branch": "main"}})).task_id

    async def updated(**details: Any) -> Any:
        await record(service, task_id=task_id, details=details)
        return (await service.get(GetExecution(task_id=task_id))).execution.metadata

    assert await updated(files=files) == {"branch": "main", "files": files}
    assert await updated(metadata={"ticket": 7}) == {"ticket": 7, "files": files}
    assert await updated(files=files[:0], metadata={"ticket": 8}) == {"ticket": 8}


async def test_the_same_call_twice_changes_nothing(service: LearningService) -> None:
    used = (await record(service, EXPORT, task_id=SUPERSEDED)).task_id
    task_id = uuid4()
    call = {"task_id": task_id, "used_task_ids": [used], **EVERYTHING}
    assert (await record(service, **call)).created
    before = await change_of(service, task_id)

    repeated = await record(service, **call)

    assert not repeated.created
    assert await change_of(service, task_id) == before
    assert await query(service, "SELECT count(*) FROM uses") == [(1,)]


async def test_an_update_changes_the_given_fields_only(service: LearningService) -> None:
    task_id = (await record(service, outcome="pending", repo="acme/shop", cost_usd=1)).task_id
    first_change = await change_of(service, task_id)

    update: dict[str, Any] = {
        "outcome": "failure",
        "error_type": "crash",
        "details": {"file_count": 2},
    }
    assert not (await record(service, task_id=task_id, **update)).created

    execution = (await service.get(GetExecution(task_id=task_id))).execution
    assert (execution.outcome, execution.error_type, execution.file_count) == (
        "failure",
        "crash",
        2,
    )
    assert (execution.repo, execution.cost_usd) == ("acme/shop", 1)
    assert await change_of(service, task_id) > first_change


async def test_an_update_of_other_fields_keeps_the_vector(service: LearningService) -> None:
    task_id = (await record(service)).task_id
    await service.ready()
    before = await query(service, "SELECT version FROM embeddings")

    await record(service, task_id=task_id, approach="another")
    await service.ready()

    assert await query(service, "SELECT version FROM embeddings") == before


async def test_a_paraphrase_with_a_hyphenated_word_is_found(service: LearningService) -> None:
    task_id = (await record(service, LOGIN)).task_id

    question = "users are sent back to the sign-in page again and again"

    assert await found_ids(service, question) == [task_id]


async def test_a_changed_description_is_found_by_its_new_words_only(
    service: LearningService,
) -> None:
    task_id = (await record(service, LOGIN)).task_id
    assert await found_ids(service, LOGIN_PARAPHRASE) == [task_id]

    await record(service, EXPORT, task_id=task_id)

    assert await found_ids(service, LOGIN_PARAPHRASE) == []
    assert await found_ids(service, "downloading invoices as CSV takes too long") == [task_id]


async def test_a_search_finds_what_was_recorded_just_before(service: LearningService) -> None:
    for number in range(5):
        task_id = (await record(service, f"Raise the timeout of worker pool {number}")).task_id
        found = await find(service, f"Raise the timeout of worker pool {number}")
        assert found.matches[0].task_id == task_id
        assert found.matches[0].similarity == pytest.approx(1, abs=0.01)
        assert not found.search.degraded
        assert found.search.candidates == number + 1


async def test_nothing_relevant_gives_an_empty_answer_that_says_so(
    service: LearningService,
) -> None:
    assert (await find(service, LOGIN)).search.below_floor == 0  # an empty database
    await record(service, LOGIN)
    await record(service, EXPORT)

    found = await find(service, UNRELATED)

    assert found.matches == []
    assert found.search.below_floor == 2
    assert found.search.candidates == 2
    assert [m.task_description for m in (await find(service, UNRELATED, min_similarity=0)).matches]


async def test_runs_of_one_task_are_one_match(service: LearningService) -> None:
    first = (await record(service, LOGIN)).task_id
    await record(service, LOGIN.upper(), outcome="failure")
    await record(service, EXPORT)
    await record(service, f"  {LOGIN}\n", outcome="pending")

    found = await find(service, LOGIN)

    (match,) = found.matches
    assert (match.runs.total, match.runs.success, match.runs.failure, match.runs.pending) == (
        (3, 1, 1, 1)
    )
    assert match.task_id == first  # the most useful one: it succeeded
    assert match.similarity == 1
    (failed,) = (await find(service, LOGIN, outcome="failure")).matches
    assert (failed.outcome, failed.runs.total) == ("failure", 1)


async def test_filters_restrict_and_never_lose_a_match(service: LearningService) -> None:
    for number in range(60):
        await record(service, f"{LOGIN} on page {number}", repo="acme/shop")
    other = (await record(service, LOGIN_PARAPHRASE, repo="acme/blog", approach="x")).task_id

    assert await found_ids(service, LOGIN, repo="acme/blog") == [other]
    assert await found_ids(service, LOGIN, approach="x", task_type="bug_fix") == [other]
    assert await found_ids(service, LOGIN, repo="acme/none") == []
    assert len(await found_ids(service, LOGIN, limit=50)) == 50


async def test_an_execution_cannot_have_used_itself(service: LearningService) -> None:
    task_id = (await record(service)).task_id
    with pytest.raises(InvalidInput, match="can't have used itself"):
        await record(service, LOGIN, task_id=task_id, used_task_ids=[task_id])


async def test_what_an_execution_used_is_part_of_its_record(service: LearningService) -> None:
    used = (await record(service)).task_id
    task_id = (await record(service, EXPORT, used_task_ids=[used])).task_id

    detail = await service.get(GetExecution(task_id=task_id))

    assert (detail.used_task_ids, detail.used_by) == ([used], [])


async def test_a_floor_of_one_keeps_the_very_same_text(service: LearningService) -> None:
    text = "\u4fee\u590d\u767b\u5f55\u9875\u9762\u7684\u5185\u5b58\u6cc4\u6f0f"
    task_id = (await record(service, text)).task_id
    assert await found_ids(service, text, min_similarity=1) == [task_id]


async def test_a_floor_of_zero_leaves_nothing_out(service: LearningService) -> None:
    for description in (LOGIN, EXPORT):
        await record(service, description)
    found = await find(service, UNRELATED, min_similarity=0)
    assert (len(found.matches), found.search.below_floor) == (2, 0)


async def test_used_task_ids_must_exist(service: LearningService) -> None:
    known, unknown = (await record(service)).task_id, uuid4()

    with pytest.raises(InvalidInput) as refused:
        await record(service, EXPORT, used_task_ids=[known, unknown])

    assert refused.value.field == "used_task_ids"
    assert str(unknown) in str(refused.value)
    assert str(known) not in str(refused.value)
    assert await query(service, "SELECT count(*) FROM executions") == [(1,)]


async def test_an_execution_says_which_later_ones_used_it(service: LearningService) -> None:
    recalled = (await record(service)).task_id
    first = (await record(service, EXPORT, outcome="failure", used_task_ids=[recalled])).task_id
    second = (await record(service, EXPORT, outcome="pending", used_task_ids=[recalled])).task_id

    used_by = (await service.get(GetExecution(task_id=recalled))).used_by

    assert [(one.task_id, one.outcome) for one in used_by] == [
        (first, "failure"),
        (second, "pending"),
    ]


async def test_feedback_is_appended_and_never_overwrites(service: LearningService) -> None:
    task_id = (await record(service)).task_id
    for count, given in enumerate(
        [{"rating": 2, "accepted": "no", "issue_type": "too_slow"}, {"rating": 5, "helpful": "yes"}]
    ):
        stored = await service.feedback(SubmitFeedback(task_id=task_id, **given).identified())  # type: ignore[arg-type]
        assert stored.feedback_count == count + 1

    first, second = (await service.get(GetExecution(task_id=task_id))).feedback
    assert (first.rating, first.accepted, first.issue_type, first.helpful) == (
        (2, False, "too_slow", None)
    )
    assert (second.rating, second.accepted, second.helpful) == (5, None, True)


async def test_an_unknown_execution_is_said_to_be_not_found(service: LearningService) -> None:
    missing = uuid4()
    with pytest.raises(NotFound, match=str(missing)):
        await service.get(GetExecution(task_id=missing))
    with pytest.raises(NotFound, match=str(missing)):
        await service.feedback(SubmitFeedback(task_id=missing, rating=3).identified())


async def test_suggestions_start_with_the_prefix_commonest_first(service: LearningService) -> None:
    for repo in ("acme/shop", "acme/shop", "acme/blog", "other/acme"):
        await record(service, repo=repo)
    await record(service)

    async def suggested(**request: Any) -> list[str]:
        return (await service.suggest(SuggestValues.model_validate(request))).values

    assert await suggested(column="repo", prefix="ACME/") == ["acme/shop", "acme/blog"]
    assert await suggested(column="repo", prefix="") == ["acme/shop", "acme/blog", "other/acme"]
    assert await suggested(column="repo", prefix="a", limit=1) == ["acme/shop"]
    assert await suggested(column="error_type", prefix="") == []
    with pytest.raises(ValueError, match="task_description"):
        await suggested(column="task_description", prefix="")


async def test_backups_to_one_file_at_the_same_time_are_all_complete(
    service: LearningService, tmp_path: Path
) -> None:
    await record(service, LOGIN)
    target = tmp_path / "backup.duckdb"
    reports = []

    async def back_up() -> None:
        reports.append(await service.backup(Backup(path=str(target))))

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(back_up)
    assert [report.rows["executions"] for report in reports] == [1] * 4
    assert verified_contents(target).counts["executions"] == 1


@pytest.mark.usefixtures("nothing_blocks_the_loop")
async def test_a_whole_session_never_blocks_the_event_loop(
    service: LearningService, tmp_path: Path
) -> None:
    task_id = (await record(service, **EVERYTHING | {"details": {"file_count": 3}})).task_id
    other = (await record(service, EXPORT, used_task_ids=[task_id])).task_id
    assert await found_ids(service, LOGIN_PARAPHRASE) == [task_id]
    await service.feedback(SubmitFeedback(task_id=task_id, comment="just right").identified())
    await service.get(GetExecution(task_id=task_id))
    await service.stats(LearningStats())
    await service.insights()
    await service.overview(View())
    await service.suggest(SuggestValues(column="repo", prefix="a"))
    await service.recommend(RecommendApproach(task_description=LOGIN))
    assert len((await service.export_page(ExportPage())).rows) == 2
    assert (await service.import_batch(ImportBatch(records=[]))).created == 0
    await service.backup(Backup(path=str(tmp_path / "backup.duckdb")))
    pruned = Prune(older_than_days=7, archive=str(tmp_path), reclaim=True)
    assert (await service.prune(pruned, ignore_progress)).executions == 0
    assert (await service.rebuild(RebuildIndex(reembed=True), ignore_progress)).rows == 2
    await service.forget(ForgetExecutions(task_ids=[other], dry_run=False))
    assert (await service.health()).rows == 1
    await service.close()
