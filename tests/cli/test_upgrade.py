"""`upgrade` and `generate-embeddings`, on databases of this and of the original design."""

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import duckdb
import pytest
from cli.conftest import Ask, Invoke
from store import legacy_files, old_databases
from store.rows import execution, migrated

from mcp_learning.cli.upgrade_steps import embed_and_index, upgrade_file, verify
from mcp_learning.cluster.connect import connect
from mcp_learning.cluster.exclusive_access import exclusive_access
from mcp_learning.errors import IndexUnavailable, StoreDamaged, StoreError, StoreLocked
from mcp_learning.models.maintenance import EmbedMissing, EmbedReport
from mcp_learning.models.requests import FindSimilarTasks, RecordExecution
from mcp_learning.search import vss
from mcp_learning.service.indexer import Indexer
from mcp_learning.service.learning import LearningService
from mcp_learning.service.maintenance import embed_missing
from mcp_learning.service.protocol import Progress, ignore_progress
from mcp_learning.settings import Settings
from mcp_learning.store import open_store
from mcp_learning.store.duckdb import copies, executions, migrations
from mcp_learning.store.duckdb.migrations import Migration

TASK = RecordExecution(task_type="bug_fix", task_description="fix it", outcome="success")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    directory = tmp_path / "data"
    directory.mkdir(mode=0o700)
    return directory


def fill(path: Path, rows: int) -> None:
    with migrated(path) as cursor:
        for number in range(rows):
            executions.insert(cursor, execution(task_description=f"task number {number}"))


def counts(path: Path) -> dict[str, int]:
    return copies.examine(path).counts


def test_a_database_of_the_original_design_is_upgraded_and_kept_as_it_was(
    data_dir: Path, ask: Ask
) -> None:
    path = data_dir / "learning.duckdb"
    code = "from store.legacy_files import make; import pathlib, sys; "
    code += "make(pathlib.Path(sys.argv[1]), 30, leave=True)"  # ends as if killed
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, env=environment)
    file, log = path.read_bytes(), path.with_name("learning.duckdb.wal").read_bytes()

    report = ask("upgrade")

    assert (report["from_version"], report["to_version"]) == (0, migrations.known()[-1].version)
    assert (report["executions"], report["embedded"]) == (31, 31)
    assert report["dropped_indexes"] == ["executions_hnsw"]
    assert Path(report["backup"]).read_bytes() == file
    assert Path(report["backup"] + ".wal").read_bytes() == log
    assert counts(path)["embeddings"] == 31
    again = upgrade_file(Settings.load(data_dir=data_dir), ignore_progress)
    assert (again.version, again.backup) == (report["to_version"], None)


@pytest.mark.parametrize(
    ("sample", "version", "rows", "failures"),
    [("original", 0, 40, 13), ("schema-1", 1, 34, 16), ("schema-2", 2, 34, 16)],
)
def test_a_database_of_an_earlier_version_is_upgraded_and_answers(
    sample: str, version: int, rows: int, failures: int, data_dir: Path, ask: Ask
) -> None:
    old_databases.put(sample, data_dir / "learning.duckdb")

    report = ask("upgrade")

    assert (report["from_version"], report["to_version"]) == (
        version,
        migrations.known()[-1].version,
    )
    assert report["executions"] == rows
    assert counts(data_dir / "learning.duckdb")["embeddings"] == rows
    stats = ask("stats", "--days", "36500")
    assert stats["totals"]["failure"] == failures
    assert sum(one["failures"] for one in stats["failures"]) + stats["other_failures"] == failures
    if sample == "original":
        assert stats["failures"][0]["pattern"] == "bolt <n> of <path> is loose"


def test_a_database_from_elsewhere_is_copied_and_upgraded_where_there_is_none(
    invoke: Invoke, data_dir: Path, ask: Ask, tmp_path: Path
) -> None:
    old = tmp_path / "old.duckdb"
    old_databases.put("original", old)
    before = old.read_bytes()

    report = ask("upgrade", str(old))

    assert (report["from_version"], report["executions"], report["embedded"]) == (0, 40, 40)
    assert report["index"] == "none"
    assert "faster below 200,000" in report["index_reason"]
    assert old.read_bytes() == before
    assert counts(data_dir / "learning.duckdb")["embeddings"] == 40
    again = invoke("upgrade", str(old), "--data-dir", str(data_dir))
    assert again.exit_code == 1
    assert "holds 40 executions; `mcp-learning import duckdb FILE` adds" in again.stderr
    there = invoke("upgrade", str(data_dir / "learning.duckdb"))
    assert f"has schema version {migrations.newest()} already" in there.stdout
    assert "HNSW index: none; searches compare all executions" in there.stdout
    for name, words in (("missing.duckdb", "there is no"), ("text.duckdb", "not a DuckDB")):
        (tmp_path / "text.duckdb").write_text("text")
        done = invoke("upgrade", str(tmp_path / name), "--data-dir", str(tmp_path / "new"))
        assert done.exit_code == 1
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.anyio
async def test_whoever_opens_another_design_is_told_the_command(settings: Settings) -> None:
    settings.data_dir.mkdir()
    legacy_files.make(settings.database_path, 3)
    before = settings.database_path.read_bytes()
    async with connect(settings) as learning:
        with pytest.raises(StoreError, match="mcp-learning upgrade"):
            await learning.health()
    assert settings.database_path.read_bytes() == before


@pytest.mark.parametrize("kind", ["broken index", "other vectors", "no vectors"])
def test_whatever_the_vectors_are_like_the_executions_are_kept(
    kind: str, settings: Settings
) -> None:
    settings.data_dir.mkdir()
    path = settings.database_path
    if kind == "broken index":
        legacy_files.make(path, 40)
        legacy_files.break_index(path)
    elif kind == "other vectors":
        legacy_files.make(path, 40, vectors="FLOAT[]", length=100, index=False)
    else:
        legacy_files.make(path, 40, vectors=None, index=False)

    file = upgrade_file(settings, ignore_progress)

    assert file.version == 0
    assert counts(path)["executions"] == 40
    assert upgrade_file(settings, ignore_progress).backup is None


def test_an_older_schema_is_kept_and_migrated(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.data_dir.mkdir()
    fill(settings.database_path, 3)
    before = counts(settings.database_path)
    newer = Migration(9_000, "more", "ALTER TABLE executions ADD COLUMN more INTEGER")
    known = (*migrations.known(), newer)
    monkeypatch.setattr(migrations, "known", lambda: known)

    file = upgrade_file(settings, ignore_progress)

    assert file.version == known[-2].version
    assert file.backup is not None
    assert copies.examine(file.backup).version == known[-2].version
    assert counts(file.backup) == before
    assert copies.examine(settings.database_path).version == 9_000


def test_it_waits_for_a_leader_that_does_not_answer_or_has_ended(settings: Settings) -> None:
    settings.data_dir.mkdir()
    fill(settings.database_path, 3)
    pauses = []

    def end_the_leader(seconds: float) -> None:
        pauses.append(seconds)
        leading.close()

    with ExitStack() as leading:
        leading.enter_context(exclusive_access(settings))
        file = upgrade_file(settings, ignore_progress, pause=end_the_leader)
    assert file.version == migrations.newest()
    assert len(pauses) == 1

    with exclusive_access(settings), pytest.raises(StoreLocked, match="in use by"):
        upgrade_file(settings, ignore_progress, timeout=0.0, pause=pauses.append)
    assert len(pauses) == 1


def test_an_hnsw_index_on_our_own_tables_is_dropped(settings: Settings) -> None:
    settings.data_dir.mkdir()
    fill(settings.database_path, 3)
    with vss.connect(settings.database_path) as connection:
        connection.execute("SET hnsw_enable_experimental_persistence = true")
        connection.execute("CREATE INDEX mine ON embeddings USING HNSW (embedding)")

    file = upgrade_file(settings, ignore_progress)

    assert file.dropped == ["mine"]
    assert file.backup is not None
    with duckdb.connect(str(settings.database_path)) as plain:
        names = plain.execute("SELECT index_name FROM duckdb_indexes()").fetchall()
        assert ("mine",) not in names
        executions.insert(plain, execution(task_description="one more"))


@pytest.mark.parametrize("kind", ["damaged", "foreign"])
def test_what_can_t_be_upgraded_is_left_as_it_is(kind: str, settings: Settings) -> None:
    settings.data_dir.mkdir()
    path = settings.database_path
    if kind == "damaged":
        fill(path, 3)
        content = bytearray(path.read_bytes())
        content[12_288:] = bytes(len(content) - 12_288)
        path.write_bytes(content)
    else:
        with duckdb.connect(str(path)) as connection:
            connection.execute("CREATE TABLE t AS FROM range(3)")
    before = path.read_bytes()
    with pytest.raises(StoreDamaged if kind == "damaged" else StoreError):
        upgrade_file(settings, ignore_progress)
    assert path.read_bytes() == before
    assert not settings.backup_dir.exists()


@pytest.mark.anyio
async def test_missing_vectors_are_made_some_at_a_time_or_all(settings: Settings) -> None:
    settings.data_dir.mkdir()
    fill(settings.database_path, 12)
    heard: list[float] = []

    async def hear(share: float, message: str) -> None:
        heard.append(share)

    async with connect(settings) as learning:
        first = await learning.embed_missing(EmbedMissing(limit=5), hear)
        assert (first.embedded, first.pending) == (5, 7)
        assert (await learning.health()).embedded == 5
        rest = await learning.embed_missing(EmbedMissing(), hear)
        assert (rest.embedded, rest.pending) == (7, 0)
        found = await learning.find(FindSimilarTasks(task_description="task number 11"))
        assert found.matches
    assert heard == [1.0, 1.0]


@pytest.mark.anyio
async def test_what_agents_record_meanwhile_does_not_fail_the_upgrade(
    settings: Settings,
) -> None:
    class Busy(LearningService):
        """One that others record in whenever vectors were made."""

        async def embed_missing(self, request: EmbedMissing, progress: Progress) -> EmbedReport:
            report = await super().embed_missing(request, progress)
            await self.record(TASK)
            return report.model_copy(update={"pending": (await self.health()).pending})

    settings.data_dir.mkdir()
    fill(settings.database_path, 3)
    service = Busy(settings, open_store(settings))
    await verify(service)
    assert (await service.health()).rows == 4
    await service.close()


@pytest.mark.anyio
async def test_executions_that_get_no_vector_are_an_error_and_not_counted_as_done(
    service: LearningService,
) -> None:
    class Fruitless(Indexer):
        async def embed(self, up_to: int) -> None:
            """Embeds nothing, as when each execution changes before its vector is stored."""

    for _ in range(2):
        await service.record(TASK)
    indexer = Fruitless(service.settings, service.store)
    with pytest.raises(IndexUnavailable, match="2 executions got no vector; run the command again"):
        await embed_missing(service.store, indexer, EmbedMissing(), ignore_progress)


@pytest.mark.anyio
async def test_vectors_of_another_model_are_made_again(settings: Settings) -> None:
    settings.data_dir.mkdir()
    fill(settings.database_path, 4)
    with duckdb.connect(str(settings.database_path)) as connection:
        connection.execute(
            "INSERT INTO embeddings SELECT task_id, nextval('embedding_version'), "
            "list_transform(range(384), x -> 0.1)::FLOAT[384], 'another model' FROM executions"
        )
    async with connect(settings) as learning:  # a running server
        with pytest.raises(IndexUnavailable, match="re-embed"):
            await learning.embed_missing(EmbedMissing(), ignore_progress)

        health, embedded = await embed_and_index(settings, ignore_progress)

        assert (health.embedded, health.reembed_due, embedded) == (4, False, 4)
        assert health.leader is not None
        assert health.leader.pid == os.getpid()


@pytest.mark.anyio
async def test_an_index_is_built_where_searches_are_to_use_one(settings: Settings) -> None:
    settings.data_dir.mkdir()
    fill(settings.database_path, 12)
    wanted = settings.model_copy(update={"search_mode": "hnsw"})
    health, embedded = await embed_and_index(wanted, ignore_progress)
    assert (health.index.state, embedded) == ("ready", 12)
