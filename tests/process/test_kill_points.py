"""Killed at any step, work on whole files leaves one of both states, and can be repeated."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from store.rows import execution, migrated

from mcp_learning.cli.upgrade_steps import upgrade_file
from mcp_learning.errors import StoreDamaged
from mcp_learning.service import recovery
from mcp_learning.service.protocol import ignore_progress
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb import copies, executions
from mcp_learning.store.duckdb.copies import DatabaseContents

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")


def fill(path: Path, descriptions: Iterable[str], **values: Any) -> None:
    """Makes a database with these executions."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with migrated(path) as cursor:
        for text in descriptions:
            executions.insert(cursor, execution(task_description=text, **values))


def leave_a_log(path: Path) -> None:
    """As after a kill: the last change to a database is in its log only."""
    code = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); "
        "c.execute(\"UPDATE executions SET repo = 'in the log'\"); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    assert path.with_name(f"{path.name}.wal").exists()


def kill_everywhere(operation: str, base: Path, out: Path) -> list[Path]:
    """The directories in which the operation was killed, and last the one in which it wasn't."""
    out.mkdir()
    script = Path(__file__).with_name("kill_points.py")
    done = subprocess.run(
        [sys.executable, str(script), operation, str(base), str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [out / str(step) for step in range(int(done.stdout) + 1)]


def held(path: Path) -> DatabaseContents:
    return copies.examine(path)


def damage(path: Path) -> None:
    """Makes the log unreadable: the database can't be opened until it is recovered."""
    log = path.with_name(f"{path.name}.wal")
    content = bytearray(log.read_bytes())
    content[-60:-20] = bytes(40)
    log.write_bytes(content)


def test_a_restore_killed_at_any_step_leaves_the_old_or_the_new_database(tmp_path: Path) -> None:
    base = tmp_path / "base"
    fill(base / "learning.duckdb", ["old one", "old two"])
    leave_a_log(base / "learning.duckdb")
    fill(base / "copy.duckdb", ["new one", "new two", "new three"])
    (base / "index").mkdir()
    (base / "index" / "words.bin").write_bytes(b"of the old database")
    old, new = held(base / "learning.duckdb"), held(base / "copy.duckdb")

    places = kill_everywhere("restore", base, tmp_path / "out")

    assert len(places) > 5
    for place in places:
        found = held(place / "learning.duckdb")
        assert found in (old, new), place
        if found == new:
            assert not (place / "index").exists(), place
            assert [held(file) for file in (place / "backups").glob("*.duckdb")] == [old], place
    assert held(places[0] / "learning.duckdb") == old
    assert held(places[-1] / "learning.duckdb") == new
    for place in (places[0], places[-3], places[-2], places[-1]):
        settings = Settings.load(data_dir=place)
        recovery.restore(settings, place / "copy.duckdb", force=True)
        assert held(place / "learning.duckdb") == new
        assert not list(place.glob("*.new*"))


def test_a_recovery_killed_at_any_step_leaves_the_damaged_or_the_saved_one(
    tmp_path: Path,
) -> None:
    base = tmp_path / "base"
    fill(base / "learning.duckdb", ["one", "two"])
    leave_a_log(base / "learning.duckdb")
    damage(base / "learning.duckdb")
    with pytest.raises(StoreDamaged):
        held(base / "learning.duckdb")

    original = (base / "learning.duckdb").read_bytes()
    places = kill_everywhere("recover", base, tmp_path / "out")

    for place in places:
        if (place / "learning.duckdb").read_bytes() != original:
            assert held(place / "learning.duckdb").counts["executions"] == 2, place
            (kept,) = (place / "backups").glob("damaged-*.duckdb")
            assert kept.read_bytes() == original, place
    for place in (places[0], places[-3], places[-2], places[-1]):
        recovery.recover(Settings.load(data_dir=place), dry_run=False)
        assert held(place / "learning.duckdb").counts["executions"] == 2, place


def test_a_backup_killed_at_any_step_is_complete_or_not_there(tmp_path: Path) -> None:
    base = tmp_path / "base"
    fill(base / "learning.duckdb", ["one", "two"])
    everything = held(base / "learning.duckdb")

    places = kill_everywhere("backup", base, tmp_path / "out")

    for place in places:
        assert held(place / "learning.duckdb") == everything
        if (place / "copy.duckdb").exists():
            assert held(place / "copy.duckdb") == everything
    assert (places[-1] / "copy.duckdb").exists()
    assert not list(places[-1].glob("*.writing*"))


def test_the_kept_database_has_its_log_beside_it(tmp_path: Path) -> None:
    fill(tmp_path / "learning.duckdb", ["one"])
    leave_a_log(tmp_path / "learning.duckdb")
    damage(tmp_path / "learning.duckdb")
    log = (tmp_path / "learning.duckdb.wal").read_bytes()

    report = recovery.recover(Settings.load(data_dir=tmp_path), dry_run=False)

    assert report.kept is not None
    assert Path(f"{report.kept}.wal").read_bytes() == log
    shutil.copyfile(report.kept, tmp_path / "again.duckdb")
    with duckdb.connect(str(tmp_path / "again.duckdb")) as connection:
        rows = connection.execute("SELECT task_description FROM executions").fetchall()
    assert rows == [("one",)]


def test_pruning_killed_at_any_step_loses_nothing(tmp_path: Path) -> None:
    base = tmp_path / "base"
    fill(base / "learning.duckdb", ["new one", "new two"], recorded_at=datetime.now(UTC))
    with duckdb.connect(str(base / "learning.duckdb")) as connection:
        for text in ["old one", "old two"]:
            executions.insert(connection, execution(task_description=text))
    leave_a_log(base / "learning.duckdb")
    before = descriptions(base / "learning.duckdb")

    places = kill_everywhere("prune", base, tmp_path / "out")

    assert len(places) > 5
    for place in places:
        here = descriptions(place / "learning.duckdb")
        archived = [
            row[0]
            for file in (place / "archive").glob("*.parquet")
            for row in duckdb.execute(f"SELECT task_description FROM '{file}'").fetchall()
        ]
        assert {"new one", "new two"} <= here, place
        assert here | set(archived) == before, place
    assert descriptions(places[-1] / "learning.duckdb") == {"new one", "new two"}
    assert not list(places[-1].glob("*.new*"))


def test_an_upgrade_killed_at_any_step_leaves_the_old_or_the_new_database(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    code = "from store.legacy_files import make; import pathlib, sys; "
    code += "make(pathlib.Path(sys.argv[1]), 30, leave=True)"  # the 31st is in the log alone
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(
        [sys.executable, "-c", code, str(base / "learning.duckdb")], check=True, env=environment
    )
    original = (base / "learning.duckdb").read_bytes()

    places = kill_everywhere("upgrade", base, tmp_path / "out")

    assert len(places) > 5
    for place in places:
        path = place / "learning.duckdb"
        if Path(f"{path}.wal").exists() or path.read_bytes() == original:
            continue
        if (place / "learning.duckdb.replacing").exists():
            continue  # what happens next is below
        if copies.examine(path).version:
            assert held(path).counts["executions"] == 31, place
            (kept,) = (place / "backups").glob("before-upgrade-*.duckdb")
            assert kept.read_bytes() == original, place
    assert (places[0] / "learning.duckdb").read_bytes() == original
    for place in places:
        upgrade_file(Settings.load(data_dir=place), ignore_progress)
        assert held(place / "learning.duckdb").counts["executions"] == 31, place
        assert not list(place.glob("*.new*"))


def descriptions(path: Path) -> set[str]:
    with copies.open_read_only(path) as cursor:
        rows = cursor.execute("SELECT task_description FROM executions").fetchall()
    return {row[0] for row in rows}
