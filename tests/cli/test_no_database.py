"""A command that reads makes no database, and what is not one of ours is left alone."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from cli.conftest import Command, Invoke
from store.rows import execution, migrated

from mcp_learning.cli.app import COMMANDS
from mcp_learning.store.duckdb import executions

READING = {
    "similar": ("a text",),
    "recommend": ("a text",),
    "stats": (),
    "dashboard": ("--no-open",),
    "rebuild-index": (),
    "upgrade": (),
    "generate-embeddings": (),
    "backup": (),
    "prune": ("--older-than-days", "30"),
    "recover": (),
    "export": ("all.jsonl",),
    "benchmark": (),
    "evaluate": (),
    "list": (),
    "lessons": (),
    "distill": ("--with", "claude"),
    "show": ("0190a0b1",),
    "edit": ("0190a0b1", "--outcome", "success"),
    "delete": ("0190a0b1", "--yes"),
    "feedback": ("0190a0b1", "--rating", "3"),
    "judge": (".",),
}
"""Commands that need a database, with arguments."""

MAKING = {"serve", "demo", "import", "restore", "generate-data", "hook"}
WITHOUT = {"doctor", "install", "uninstall", "team"}


def test_every_command_makes_a_database_or_needs_one_or_neither() -> None:
    assert {*READING, *MAKING, *WITHOUT} == set(COMMANDS)


def test_a_reading_command_says_that_there_is_no_database_and_makes_nothing(
    invoke: Invoke, home: Path
) -> None:
    (home / "data").mkdir()
    (home / "data" / "learning.duckdb").touch()
    for name, arguments in READING.items():
        done = invoke(name, *arguments, "--data-dir", str(home / "dat"))
        assert (done.exit_code, done.stdout) == (1, ""), name
        assert f"there is no database in {home / 'dat'}; did you mean data?" in done.stderr, name
    assert [one.name for one in home.iterdir()] == ["data"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_directory_that_may_not_be_read_is_named_with_what_to_do(
    invoke: Invoke, home: Path
) -> None:
    (home / "data").mkdir(mode=0)
    done = invoke("stats", "--data-dir", str(home / "data"))
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"{home / 'data'} can't be read; change its permissions" in done.stderr


def test_a_missing_source_is_told_before_anything_is_made(invoke: Invoke, home: Path) -> None:
    for command in (("restore",), ("import", "jsonl"), ("import", "duckdb")):
        done = invoke(*command, "missing.file", "--data-dir", "new")
        assert done.exit_code == 1
        assert "missing.file" in done.stderr
        assert "--force" not in done.stderr
        assert not (home / "new").exists(), command
    (home / "empty.jsonl").touch()
    assert invoke("import", "jsonl", "empty.jsonl", "--data-dir", "new").exit_code == 0
    assert not (home / "new").exists()


def test_what_can_t_be_restored_is_told_before_force_is_spoken_of(
    invoke: Invoke, home: Path
) -> None:
    (home / "data").mkdir()
    with migrated(home / "data" / "learning.duckdb") as cursor:
        executions.insert(cursor, execution())
    (home / "a.jsonl").write_text("{}")
    with duckdb.connect(str(home / "other.duckdb")) as connection:
        connection.execute("CREATE TABLE cats (name VARCHAR)")
    for name, problem in (
        ("missing.duckdb", "there is no file"),
        ("a.jsonl", "not a DuckDB database"),
        ("other.duckdb", "no database of mcp-learning"),
    ):
        done = invoke("restore", name, "--data-dir", "data")
        assert (done.exit_code, problem in done.stderr) == (1, True), done.stderr
        assert "--force" not in done.stderr


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE cats (name VARCHAR)",
        "CREATE TABLE schema_version (version INTEGER); INSERT INTO schema_version VALUES (9)",
        "CREATE VIEW cats AS SELECT 1 AS name",
    ],
)
def test_a_database_of_another_program_is_not_adopted(invoke: Invoke, home: Path, sql: str) -> None:
    path = home / "learning.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(sql)
        before = connection.execute("SELECT table_name FROM information_schema.tables").fetchall()
    done = invoke("stats", "--data-dir", str(home))
    assert done.exit_code == 1
    assert "belongs to another program" in done.stderr
    with duckdb.connect(str(path)) as connection:
        assert (
            before
            == connection.execute("SELECT table_name FROM information_schema.tables").fetchall()
        )


def test_a_misspelt_variable_ends_a_command_and_a_server_before_anything_else(
    run: Command, home: Path
) -> None:
    for arguments in ((), ("import", "jsonl", "missing.jsonl")):
        done = run(*arguments, MCP_LEARNING_DATADIR=str(home / "there"))
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert done.stderr == (
            "mcp-learning: MCP_LEARNING_DATADIR: there is no such setting; did you mean "
            "MCP_LEARNING_DATA_DIR?\n"
        )
    assert list(home.iterdir()) == []


def test_an_empty_path_is_none(invoke: Invoke, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in (("backup", ""), ("export", ""), ("restore", ""), ("import", "jsonl", "")):
        done = invoke(*command)
        assert (done.exit_code, "the path is empty" in done.stderr) == (2, True), done.stderr
    monkeypatch.setenv("MCP_LEARNING_DATA_DIR", str(home / "configured"))
    assert f"no database in {home / 'configured'}" in invoke("stats", "--data-dir", "").stderr
    assert list(home.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux alone")
def test_a_path_that_is_no_text_is_refused_by_name(home: Path) -> None:
    for arguments in ((b"import", b"jsonl", b"\xff.jsonl"), (b"stats", b"--data-dir", b"\xff")):
        done = subprocess.run(
            [sys.executable.encode(), b"-P", b"-m", b"mcp_learning", *arguments],
            cwd=home,
            capture_output=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 2
        assert b"not UTF-8" in done.stderr
        assert b"Traceback" not in done.stderr
    assert list(home.iterdir()) == []
