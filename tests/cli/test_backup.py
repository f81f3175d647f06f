"""Backup, restore and recovery as people do them, beside running agents."""

import re
import sys
import threading
from pathlib import Path

import duckdb
import pytest
from cli.conftest import Ask, Invoke
from process.wire import Server
from store import legacy_files
from store.rows import execution, migrated
from typer.testing import Result

from mcp_learning.cli import checks
from mcp_learning.cli.check_runner import CheckContext, CheckFailed
from mcp_learning.errors import StoreError
from mcp_learning.service import recovery
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb import copies, executions


def record(server: Server, number: int) -> None:
    result = server.call(
        "record_execution",
        task_type="bug_fix",
        task_description=f"Mend the parser of format {number}",
        outcome="success",
    )
    assert not result.get("isError"), result


def fill(path: Path, rows: int) -> None:
    path.parent.mkdir(exist_ok=True)
    with migrated(path) as cursor:
        for number in range(rows):
            text = f"task {number}"
            executions.insert(cursor, execution(task_description=text))


def rows(path: Path) -> int:
    return copies.examine(path).counts["executions"]


def refused(done: Result, *words: str) -> None:
    assert done.exit_code == 1, done.stdout
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_a_backup_while_an_agent_writes_holds_all_that_was_acknowledged_before(
    data_dir: Path, ask: Ask, invoke: Invoke, tmp_path: Path
) -> None:
    acknowledged, enough = 0, threading.Event()
    with Server(data_dir) as server:
        server.initialize()
        for _ in range(20):
            record(server, acknowledged)
            acknowledged += 1

        def work() -> None:
            nonlocal acknowledged
            while not enough.is_set():
                record(server, acknowledged)
                acknowledged += 1

        writer = threading.Thread(target=work)
        writer.start()
        before = acknowledged
        report = ask("backup", str(tmp_path / "copy.duckdb"))
        after = acknowledged + 1
        enough.set()
        writer.join()
        assert before <= report["rows"]["executions"] <= after
        assert rows(tmp_path / "copy.duckdb") == report["rows"]["executions"]
        assert after > before + 1, "nothing was written meanwhile"
        again = invoke("backup", str(tmp_path / "copy.duckdb"), "--data-dir", str(data_dir))
        refused(again, "--force")
        itself = ("backup", str(data_dir / "learning.duckdb"), "--force")
        refused(invoke(*itself, "--data-dir", str(data_dir)), "the database itself")
        copy = str(tmp_path / "copy.duckdb")
        running = invoke("restore", copy, "--force", "--data-dir", str(data_dir))
        refused(running, f"in use by process {server.process.pid}")
        assert server.leave()[0] == 0


def test_a_restore_needs_consent_and_keeps_what_it_replaces(
    data_dir: Path, ask: Ask, invoke: Invoke, tmp_path: Path
) -> None:
    copy = str(tmp_path / "copy.duckdb")
    for path, number in ((Path(copy), 3), (data_dir / "learning.duckdb", 4)):
        fill(path, number)

    refused(
        invoke("restore", copy, "--data-dir", str(data_dir)),
        "mcp-learning: --force: ",
        "holds 4 executions",
    )
    assert rows(data_dir / "learning.duckdb") == 4
    report = ask("restore", copy, "--force")

    assert report["rows"]["executions"] == rows(data_dir / "learning.duckdb") == 3
    assert rows(Path(report["kept"])) == 4
    with Server(data_dir) as server:
        server.initialize()
        found = server.call("find_similar_tasks", task_description="task 2")
        assert len(found["structuredContent"]["matches"]) == 3
        record(server, 9)
        assert server.leave()[0] == 0
    assert rows(data_dir / "learning.duckdb") == 4


def test_a_backup_is_restored_into_an_empty_home_without_consent(
    invoke: Invoke, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.duckdb"
    fill(copy, 5)

    moved = invoke("restore", str(copy), "--data-dir", str(tmp_path / "elsewhere"))

    assert moved.exit_code == 0, moved.stderr
    assert rows(tmp_path / "elsewhere" / "learning.duckdb") == 5
    if sys.platform != "win32":
        assert (tmp_path / "elsewhere").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "elsewhere" / "learning.duckdb").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_backup_is_restored_where_the_directory_of_indexes_is_a_link(
    data_dir: Path, invoke: Invoke, tmp_path: Path
) -> None:
    fill(tmp_path / "good.duckdb", 1)
    elsewhere = tmp_path / "disk"
    (elsewhere / "vectors").mkdir(parents=True)
    (elsewhere / "hnsw.duckdb").write_text("of another database")
    data_dir.mkdir(exist_ok=True)
    (data_dir / "index").symlink_to(elsewhere)
    done = invoke("restore", str(tmp_path / "good.duckdb"))
    assert done.exit_code == 0, done.stderr
    assert (data_dir / "index").is_symlink()
    assert list(elsewhere.iterdir()) == []
    assert rows(data_dir / "learning.duckdb") == 1


@pytest.mark.parametrize("name", ["absent", "text", "foreign", "cut short"])
def test_what_is_no_backup_is_refused_and_the_database_stays(
    name: str, settings: Settings, tmp_path: Path
) -> None:
    settings.data_dir.mkdir()
    with migrated(settings.database_path) as cursor:
        executions.insert(cursor, execution())
    before = settings.database_path.read_bytes()
    file = tmp_path / "given.duckdb"
    if name == "text":
        file.write_text("this is no database\n" * 1_000)
    elif name == "foreign":
        with duckdb.connect(str(file)) as connection:
            connection.execute("CREATE TABLE t AS FROM range(3)")
    elif name == "cut short":
        file.write_bytes(before[: len(before) * 2 // 3])

    with pytest.raises(StoreError, match=re.escape(str(file))) as refused:
        recovery.restore(settings, file, force=True)

    assert ("restore another backup" in str(refused.value)) == (name in ("text", "cut short"))
    assert settings.database_path.read_bytes() == before
    assert list(settings.data_dir.iterdir()) == [settings.database_path]


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_restore_of_an_export_names_the_command_that_reads_it(
    kind: str, data_dir: Path, tmp_path: Path, invoke: Invoke
) -> None:
    fill(data_dir / "learning.duckdb", rows=2)
    file, renamed = tmp_path / f"everything.{kind}", tmp_path / "everything"
    assert invoke("export", str(file), "--data-dir", str(data_dir)).exit_code == 0
    file.rename(renamed)
    refused = invoke("restore", str(renamed), "--data-dir", str(data_dir))
    assert refused.exit_code == 1
    assert f"mcp-learning import {kind}" in refused.stderr


def test_a_damaged_database_is_recovered_and_kept(data_dir: Path, invoke: Invoke, ask: Ask) -> None:
    path = data_dir / "learning.duckdb"
    fill(path, 30)
    settings = Settings.load(data_dir=data_dir)
    assert not recovery.recover(settings, dry_run=False).damaged
    content = bytearray(path.read_bytes())
    content[:2_000] = bytes(2_000)
    path.write_bytes(content)

    assert recovery.recover(settings, dry_run=True).tables["executions"].saved == 30
    assert path.read_bytes() == content
    report = ask("recover")

    assert report["damaged"] is True
    assert report["changed"] == []
    assert report["tables"]["executions"] == {"expected": 30, "saved": 30, "incomplete": {}}
    assert Path(report["kept"]).read_bytes() == content
    assert rows(path) == 30


def test_doctor_reads_every_block_and_names_the_command_that_saves_the_rest(
    settings: Settings,
) -> None:
    settings.data_dir.mkdir()
    with migrated(settings.database_path) as cursor:
        for number in range(3):
            text = f"task {number}"
            executions.insert(cursor, execution(task_description=text))
    context = CheckContext(settings.data_dir)
    context.settings = settings
    assert "can be read" in checks.contents(context).detail
    with duckdb.connect(settings.database_path, read_only=True) as connection:
        blocks = connection.execute(
            "SELECT DISTINCT block_id FROM pragma_storage_info('executions') WHERE block_id >= 0"
        ).fetchall()
    content = bytearray(settings.database_path.read_bytes())
    for (number,) in blocks:
        block = 12_288 + number * 262_144
        content[block + 8 : block + 16] = bytes(8)
    settings.database_path.write_bytes(content)

    checks.database(context)  # which opens it, and no more
    with pytest.raises(CheckFailed) as caught:
        checks.contents(context)
    assert caught.value.fix == "mcp-learning recover"


def test_doctor_names_the_command_that_upgrades_another_design(settings: Settings) -> None:
    settings.data_dir.mkdir()
    legacy_files.make(settings.database_path, 3, index=False)
    context = CheckContext(settings.data_dir)
    context.settings, context.schema_version = settings, 0
    with pytest.raises(CheckFailed) as caught:
        checks.schema(context)
    assert caught.value.fix == "mcp-learning upgrade"
