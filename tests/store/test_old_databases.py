"""Databases that earlier versions wrote open, keep every row, and do all that new ones do."""

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import duckdb
import pytest
from services import open_service
from store import old_databases
from store.old_databases import RECORDED, SAMPLES, VERSIONS, Rows, rows

from mcp_learning.clients.transfer import tables
from mcp_learning.clients.transfer.imported import Notes, batches
from mcp_learning.models.error_messages import normal_form
from mcp_learning.models.health import Health
from mcp_learning.models.maintenance import Unarchive
from mcp_learning.models.requests import (
    FindSimilarTasks,
    GetExecution,
    LearningStats,
    RecommendApproach,
    RecordExecution,
    SubmitFeedback,
)
from mcp_learning.models.transfer import ImportBatch
from mcp_learning.models.verdicts import REVERTED, with_verdict
from mcp_learning.service.learning import LearningService
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb import copies, legacy, migrations, salvage

pytestmark = pytest.mark.anyio

TASK = "the nightly job stops half way"
NEWEST = migrations.known()[-1].version


@pytest.fixture(params=VERSIONS)
def sample(request: pytest.FixtureRequest, settings: Settings) -> str:
    """The name of a sample that is the database of the settings."""
    old_databases.put(request.param, settings.database_path)
    assert old_databases.version(settings.database_path) == VERSIONS[request.param]
    name: str = request.param
    return name


def served(settings: Settings) -> LearningService:
    return open_service(settings)


class Upgraded(NamedTuple):
    """A sample that a service has opened: where it is, its rows before that, and what it is now."""

    sample: str
    path: Path
    before: Rows
    health: Health


@pytest.fixture(scope="module", params=VERSIONS)
def upgraded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Upgraded:
    """Not to be changed; tests use copies."""
    settings = Settings.model_construct(data_dir=tmp_path_factory.mktemp(request.param))
    old_databases.put(request.param, settings.database_path)
    before = old_databases.contents(settings.database_path)

    async def health() -> Health:
        service = served(settings)
        found = await service.health()
        await service.close()
        return found

    return Upgraded(request.param, settings.database_path, before, anyio.run(health))


def test_every_row_is_kept_and_gets_its_error_text(upgraded: Upgraded) -> None:
    before, health = upgraded.before, upgraded.health
    assert len(before["executions"]) == 34
    assert len(before["uses"]) == 13
    assert (health.schema_version, health.rows, health.embedded) == (NEWEST, 34, 34)
    assert old_databases.contents(upgraded.path) == before
    texts = old_databases.error_texts(upgraded.path)
    assert sum(text is not None for _, text in texts) > 10
    assert all(text == (message and normal_form(message)) for message, text in texts)
    copies.examine(upgraded.path)
    views = {"runs": 34, "judgements": 10, "reuse": 13}
    for view, number in views.items():
        assert rows(upgraded.path, f"SELECT count(*) FROM {view}") == [(number,)]


async def test_searches_statistics_uses_and_feedback_go_on(
    upgraded: Upgraded, settings: Settings
) -> None:
    shutil.copytree(upgraded.path.parent, settings.data_dir)
    service = served(settings)
    await service.ready()
    try:
        (match, *_) = (await service.find(FindSimilarTasks(task_description=TASK))).matches
        detail = await service.get(GetExecution(task_id=match.task_id))
        assert detail.execution.task_description == TASK
        stats = await service.stats(LearningStats(days=36_500, group_by="repo"))
        assert stats.totals.executions == 34
        patterns = {pattern.pattern: pattern for pattern in stats.failures}
        assert patterns["ValueError: bad row <n>"].failures == 2
        assert patterns["ValueError: bad row <n>"].fix == "remember the last row that was done"
        assert (await service.recommend(RecommendApproach(task_description=TASK))).pitfalls

        given = SubmitFeedback(task_id=match.task_id, rating=4).identified()
        stored = await service.feedback(given)
        assert stored.feedback_count == len(detail.feedback) + 1
        later = await service.record(
            RecordExecution(
                task_type="bug_fix",
                task_description=TASK,
                outcome="failure",
                error_message="ValueError: bad row 1234",
                used_task_ids=[match.task_id],
            )
        )
        used = await service.get(GetExecution(task_id=match.task_id))
        assert later.task_id in {one.task_id for one in used.used_by}
        again = await service.stats(LearningStats(days=36_500, group_by="repo"))
        assert {p.pattern: p.failures for p in again.failures}["ValueError: bad row <n>"] == 3
    finally:
        await service.close()


async def test_recall_counts_are_kept(settings: Settings) -> None:
    old_databases.put("schema-2", settings.database_path)
    counted = old_databases.contents(settings.database_path)["recall_counts"]
    service = served(settings)
    for task_id, times, _ in counted:
        assert (await service.get(GetExecution(task_id=task_id))).times_returned == times
    await service.close()
    assert len(counted) == 8


def test_an_import_reads_feedback_and_uses_of_any_version(
    upgraded: Upgraded, tmp_path: Path
) -> None:
    old, new = tmp_path / "old.duckdb", tmp_path / "new.duckdb"
    old_databases.put(upgraded.sample, old)
    shutil.copy(upgraded.path, new)
    for path in (old, new):
        with legacy.open_legacy(path) as database:
            assert len(database.details("feedback", 0, 100)) == 10
            uses = database.details("uses", 0, 100)
        assert len(uses) == 13
        assert set(uses[0]) == {"task_id", "used_task_id", "recorded_at"}


@pytest.mark.parametrize("file", ["archive.parquet", "export.jsonl", "export.parquet"])
async def test_archives_and_exports_of_the_version_before_are_read_back(
    file: str, settings: Settings, tmp_path: Path
) -> None:
    path, notes = SAMPLES / f"schema-2-{file}", Notes()
    service = served(settings)
    if file.startswith("archive"):
        report = await service.unarchive(Unarchive(paths=[str(path)]))
        assert (report.executions, report.feedback) == (34, 10)
    else:
        read = tables.read_jsonl if file.endswith("jsonl") else tables.read_parquet
        for batch in batches(read(path, notes)):
            await service.import_batch(ImportBatch(records=batch))
        assert (notes.skipped, notes.left_out, notes.unknown) == ({}, {}, {})
    await service.close()

    old_databases.put("schema-2", tmp_path / "old.duckdb")
    old, new = old_databases.contents(tmp_path / "old.duckdb"), settings.database_path
    assert rows(new, RECORDED) == rows(tmp_path / "old.duckdb", RECORDED)
    assert old_databases.contents(new)["feedback"] == old["feedback"]
    assert old_databases.contents(new)["uses"] == old["uses"]
    texts = old_databases.error_texts(new)
    assert all(text == (message and normal_form(message)) for message, text in texts)


def test_salvage_reads_tables_under_their_former_names(sample: str, settings: Settings) -> None:
    before = old_databases.contents(settings.database_path)
    saved = settings.data_dir / "saved.duckdb"
    salvage.salvage(settings.database_path, saved)
    assert old_databases.contents(saved) == before
    texts = old_databases.error_texts(saved)
    assert all(text == (message and normal_form(message)) for message, text in texts)


async def test_labels_and_tasks_that_differ_in_composition_alone_become_one(
    settings: Settings,
) -> None:
    old_databases.put("schema-3-decomposed", settings.database_path)
    labels = "task_type, repo, approach, model_tier, error_type"
    ended = "FROM executions WHERE repo <> 'acme/app' AND success ORDER BY ALL NULLS FIRST"
    stored = f"SELECT DISTINCT {labels} {ended}"
    texts = "SELECT task_description, solution_summary FROM executions ORDER BY task_id"
    keys = "SELECT DISTINCT task_key FROM executions WHERE repo <> 'acme/app'"
    before = rows(settings.database_path, texts)
    vectors = old_databases.contents(settings.database_path)["embeddings"]
    assert len(rows(settings.database_path, keys)) == 2
    service = served(settings)
    try:
        await service.ready()
        stats = await service.stats(LearningStats(days=36_500, group_by="approach"))
        assert [(group.key, group.executions) for group in stats.groups] == [
            ("réessai", 4),
            ("retry", 1),
        ]
        assert stats.health.schema_version == NEWEST
        found = await service.find(FindSimilarTasks(task_description="un café ferme après"))
        assert [match.runs.total for match in found.matches[:1]] == [4]
    finally:
        await service.close()
    assert rows(settings.database_path, stored) == [
        ("vérification", "équipe/café", "réessai", "économe", None),
        ("vérification", "équipe/café", "réessai", "économe", "délai dépassé"),
    ]
    assert len(rows(settings.database_path, keys)) == 1
    texts_of_errors = old_databases.error_texts(settings.database_path)
    assert all(text == (message and normal_form(message)) for message, text in texts_of_errors)
    assert rows(settings.database_path, texts) == before, "texts stay as they were written"
    assert old_databases.contents(settings.database_path)["embeddings"] == vectors
    copies.examine(settings.database_path)


def test_salvage_knows_the_task_keys_of_earlier_versions(settings: Settings) -> None:
    old_databases.put("schema-3-decomposed", settings.database_path)
    vectors = old_databases.contents(settings.database_path)["embeddings"]
    saved = settings.data_dir / "saved.duckdb"
    assert salvage.salvage(settings.database_path, saved).changed == []
    assert old_databases.contents(saved)["embeddings"] == vectors
    assert len(rows(saved, "SELECT DISTINCT task_key FROM executions")) == 2


async def test_outcomes_of_earlier_versions_get_the_basis_that_new_ones_would(
    settings: Settings,
) -> None:
    old_databases.put("schema-6", settings.database_path)
    commit = {"commit": "0" * 40, "committed_at": "2026-01-02T03:04:05+00:00"}
    session: dict[str, Any] = {"source": "codex", "session": "0b5c"}
    cases = [
        (True, None, None, ("told", 1.0)),
        (None, None, None, ("none", 0.0)),
        (True, None, commit, ("none", 0.0)),
        (False, None, commit, ("git", REVERTED)),
        (False, "crash", session, ("none", 0.0)),
        (False, "timeout", session, ("told", 1.0)),
        (True, None, session | {"told": ["outcome"]}, ("told", 1.0)),
        (True, None, session | {"told": ["approach"]}, ("none", 0.0)),
        (True, None, {"source": 7}, ("told", 1.0)),
    ]
    with duckdb.connect(str(settings.database_path)) as connection:
        ids = connection.execute("SELECT task_id FROM executions ORDER BY 1").fetchall()
        for (task_id,), (success, error_type, metadata, _) in zip(ids, cases, strict=False):
            connection.execute(
                "UPDATE executions SET success = ?, error_type = ?, metadata = ? WHERE task_id = ?",
                [success, error_type, metadata and json.dumps(metadata), task_id],
            )
    service = served(settings)
    try:
        for (task_id,), (*_, metadata, verdict) in zip(ids, cases, strict=False):
            found = (await service.get(GetExecution(task_id=task_id))).execution
            assert (found.outcome_basis, found.outcome_confidence) == verdict
            assert found.session_id == (metadata or {}).get("session")
            unknown = dict.fromkeys(("outcome_basis", "outcome_confidence"))
            made = with_verdict({**dict(found), **unknown})
            assert (made["outcome_basis"], made["outcome_confidence"]) == verdict
    finally:
        await service.close()


async def test_commits_of_earlier_versions_lose_what_was_made_up_of_them(
    settings: Settings,
) -> None:
    old_databases.put("schema-6", settings.database_path)
    commit = json.dumps({"commit": "0" * 40, "committed_at": "2026-01-02T03:04:05+00:00"})
    reverted = "Reverted by commit 0123456789ab: it went dry"
    cases: list[tuple[bool, str | None, int, tuple[str, str | None]]] = [
        (True, None, 0, ("pending", None)),
        (False, reverted, 3, ("failure", None)),
        (True, None, 3, ("success", "README.md")),
        (False, "told by an agent", 3, ("failure", "README.md")),
    ]
    with duckdb.connect(str(settings.database_path)) as connection:
        ids = connection.execute("SELECT task_id FROM executions ORDER BY 1").fetchall()
        for (task_id,), (success, error, days, _) in zip(ids, cases, strict=False):
            connection.execute(
                "UPDATE executions SET success = ?, error_message = ?, approach = 'README.md', "
                "updated_at = timestamp + to_days(?), metadata = ? WHERE task_id = ?",
                [success, error, days, commit, task_id],
            )
    service = served(settings)
    try:
        for (task_id,), (*_, expected) in zip(ids, cases, strict=False):
            found = (await service.get(GetExecution(task_id=task_id))).execution
            assert (found.outcome, found.approach) == expected
    finally:
        await service.close()
