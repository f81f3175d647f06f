"""`upgrade` and `generate-embeddings`, on databases of this and of the original design."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from process.wire import Server
from store import legacy_files
from store.rows import execution, migrated

from mcp_learning.cli import upgrade
from mcp_learning.errors import StoreDamaged, StoreError
from mcp_learning.search import vss
from mcp_learning.settings import Settings
from mcp_learning.store import copies, executions, migrations
from mcp_learning.store.migrations import Migration

Command = Callable[..., subprocess.CompletedProcess[str]]
Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    directory = tmp_path / "data"
    directory.mkdir(mode=0o700)
    return directory


@pytest.fixture
def ask(run: Command, data_dir: Path) -> Ask:
    """What a command prints as JSON."""

    def ask(*arguments: str) -> dict[str, Any]:
        done = run(*arguments, "--json", "--data-dir", str(data_dir))
        assert done.returncode == 0, done.stderr
        values: dict[str, Any] = json.loads(done.stdout)
        return values

    return ask


async def unheard(share: float, message: str) -> None:
    pass


def fill(path: Path, rows: int) -> None:
    with migrated(path) as cursor:
        for number in range(rows):
            executions.insert(
                cursor, execution(task_description=f"task number {number}"), number + 1
            )


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
    again = ask("upgrade")
    assert again["from_version"] == again["to_version"]
    assert (again["embedded"], again.get("backup")) == (0, None)
    found = ask("similar", "mend part 17")
    assert found["matches"]


def test_a_server_names_the_command_that_upgrades(data_dir: Path, run: Command) -> None:
    legacy_files.make(data_dir / "learning.duckdb", 3)
    before = (data_dir / "learning.duckdb").read_bytes()
    done = run("stats", "--data-dir", str(data_dir))
    assert done.returncode == 1
    assert "mcp-learning upgrade" in done.stderr
    assert (data_dir / "learning.duckdb").read_bytes() == before


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

    file = upgrade._bring_file_up(settings, unheard)

    assert file.version == 0
    assert counts(path)["executions"] == 40
    assert upgrade._bring_file_up(settings, unheard).backup is None


def test_an_older_schema_is_kept_and_migrated(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.data_dir.mkdir()
    fill(settings.database_path, 3)
    before = counts(settings.database_path)
    newer = Migration(9_000, "more", "ALTER TABLE executions ADD COLUMN more INTEGER")
    known = (*migrations.known(), newer)
    monkeypatch.setattr(migrations, "known", lambda: known)

    file = upgrade._bring_file_up(settings, unheard)

    assert file.version == known[-2].version
    assert file.backup is not None
    assert copies.examine(file.backup).version == known[-2].version
    assert counts(file.backup) == before
    assert copies.examine(settings.database_path).version == 9_000


def test_an_hnsw_index_on_our_own_tables_is_dropped(settings: Settings) -> None:
    settings.data_dir.mkdir()
    fill(settings.database_path, 3)
    with vss.connect(settings.database_path) as connection:
        connection.execute("SET hnsw_enable_experimental_persistence = true")
        connection.execute("CREATE INDEX mine ON embeddings USING HNSW (embedding)")

    file = upgrade._bring_file_up(settings, unheard)

    assert file.dropped == ["mine"]
    assert file.backup is not None
    with duckdb.connect(str(settings.database_path)) as plain:
        names = plain.execute("SELECT index_name FROM duckdb_indexes()").fetchall()
        assert ("mine",) not in names
        executions.insert(plain, execution(task_description="one more"), 9)


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
        upgrade._bring_file_up(settings, unheard)
    assert path.read_bytes() == before
    assert not settings.backup_dir.exists()


def test_missing_vectors_are_made_some_at_a_time_or_all(data_dir: Path, ask: Ask) -> None:
    fill(data_dir / "learning.duckdb", 12)
    first = ask("generate-embeddings", "--limit", "5")
    assert (first["embedded"], first["pending"]) == (5, 7)
    assert counts(data_dir / "learning.duckdb")["embeddings"] == 5
    rest = ask("generate-embeddings")
    assert (rest["embedded"], rest["pending"]) == (7, 0)


def test_vectors_of_another_model_are_made_again(data_dir: Path, ask: Ask, run: Command) -> None:
    path = data_dir / "learning.duckdb"
    fill(path, 4)
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "INSERT INTO embeddings SELECT task_id, nextval('embedding_version'), "
            "list_transform(range(384), x -> 0.1)::FLOAT[384], 'another model' FROM executions"
        )
    refused = run("generate-embeddings", "--data-dir", str(data_dir))
    assert refused.returncode == 1
    assert "re-embed" in refused.stderr

    with Server(data_dir) as server:
        server.initialize()
        report = ask("upgrade")  # beside a running server
        assert server.leave()[0] == 0

    assert report["embedded"] == 4
    with duckdb.connect(str(path)) as connection:
        models = connection.execute("SELECT DISTINCT model FROM embeddings").fetchall()
    assert len(models) == 1
    assert models[0][0] != "another model"
