"""`mcp-learning doctor` on installations that work, and what it finds on those that don't."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb
import pytest
from cli.conftest import Command, Invoke, generated_in

from mcp_learning.cli.check_runner import CheckContext, run_checks
from mcp_learning.cli.checks import CHECKS
from mcp_learning.cli.stdio_client import StdioClient
from mcp_learning.server import sandbox

Examine = Callable[..., dict[str, Any]]


@pytest.fixture
def examine(invoke: Invoke) -> Examine:
    """Runs the command, which has to exit with the given status; gives its results by name."""

    def examine(status: int, *arguments: str, **more: str) -> dict[str, Any]:
        done = invoke("doctor", "--json", *arguments, **more)
        assert done.exit_code == status, done.stdout + done.stderr
        results = json.loads(done.stdout)
        for result in results:
            assert set(result) == {"name", "ok", "detail", "fix", "milliseconds"}
        return {result["name"]: result for result in results}

    return examine


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Examine:
    """Runs the checks in this process, without those that start a server or need no settings."""

    def check(data_dir: Path | None = None, **more: str) -> dict[str, Any]:
        for name, value in more.items():
            monkeypatch.setenv(name, value)
        wanted = [one for one in CHECKS if one.name not in ("duckdb", "vss", "server")]
        return {one.name: asdict(one) for one in run_checks(wanted, CheckContext(data_dir))}

    return check


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with 44 executions; tests use copies."""
    return generated_in(tmp_path_factory.mktemp("generated"), 44)


@pytest.fixture
def used(generated: Path, tmp_path: Path) -> Path:
    """A data directory in use for a while."""
    return Path(shutil.copytree(generated, tmp_path / "used"))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A data directory; not made yet."""
    return tmp_path / "own"


def failures(results: dict[str, Any]) -> list[str]:
    return [name for name, result in results.items() if not result["ok"]]


@contextmanager
def server(data_dir: Path) -> Iterator[int]:
    """A real server that has `data_dir`'s database open; gives its process id."""
    with StdioClient(sandbox.COMMAND, sandbox.environment(data_dir)) as server:
        server.initialize()
        server.call("learning_stats")
        yield server.process.pid
        server.leave()


def test_a_fresh_home_is_well_and_stays_empty(examine: Examine, home: Path) -> None:
    results = examine(0)
    assert failures(results) == []
    assert "will be made at first use" in results["data directory"]["detail"]
    assert "will be made at first use" in results["database"]["detail"]
    assert "exit code 0" in results["server"]["detail"]
    assert list(home.iterdir()) == []
    # Layers are checked from the bottom up.
    assert list(results) == [
        *("python", "settings", "data directory", "permissions", "disk space", "duckdb"),
        *("database", "schema", "contents", "vss", "embedding model", "stored vectors", "index"),
        *("server", "team"),
    ]


def test_for_people_each_layer_has_a_line_and_the_verdict_comes_last(
    run: Command, home: Path
) -> None:
    data_dir = home / "a directory with a name " / ("of many letters" * 10)
    done = run("doctor", "--data-dir", str(data_dir), COLUMNS="")
    assert done.returncode == 0, done.stderr
    assert f"{data_dir} will be made at first use" in done.stdout
    lines = [line for line in done.stdout.splitlines() if line]
    assert len([line for line in lines if line.startswith("OK")]) == 15
    assert lines[-1] == "All is well."
    assert done.stderr == ""


def test_a_database_in_use_for_a_while_is_well(check: Examine, used: Path) -> None:
    results = check(used)
    assert failures(results) == []
    assert results["permissions"]["fix"] == ""
    assert "44 executions" in results["schema"]["detail"]
    assert results["stored vectors"]["detail"] == "made by the same model"
    assert "none; searches compare all executions, which is faster" in results["index"]["detail"]


def test_the_index_is_described_and_one_that_can_not_be_read_is_no_failure(
    check: Examine, used: Path, invoke: Invoke
) -> None:
    assert invoke("rebuild-index", "--preset", "fast", "--data-dir", str(used)).exit_code == 0
    said = check(used)["index"]
    count = "SELECT (SELECT count(*) FROM embeddings) + (SELECT count(*) FROM passages)"
    with duckdb.connect(str(used / "learning.duckdb"), read_only=True) as connection:
        ((vectors,),) = connection.execute(count).fetchall()
    assert said["detail"].startswith(f"ready, fast (M 8, ef_construction 50), {vectors} vectors")
    assert said["fix"] == ""
    (used / "index" / "hnsw.duckdb").write_bytes(b"no index")
    results = check(used)
    assert failures(results) == []
    assert results["index"]["detail"].startswith("stale; the index file")
    assert results["index"]["fix"] == "mcp-learning rebuild-index"


def test_a_data_directory_below_a_file_fails_and_the_rest_is_still_checked(
    examine: Examine, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.touch()
    results = examine(1, MCP_LEARNING_DATA_DIR=str(file / "below"))
    assert failures(results) == ["data directory"]
    assert f"{file} is not a directory" in results["data directory"]["detail"]
    assert "MCP_LEARNING_DATA_DIR" in results["data directory"]["fix"]
    assert results["database"]["detail"] == "left out: needs data directory"
    assert "exit code 0" in results["server"]["detail"]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_a_directory_that_others_can_read_is_minded_with_the_command(
    check: Examine, own: Path
) -> None:
    own.mkdir()
    own.chmod(0o755)
    results = check(own)
    assert results["permissions"]["fix"] == f"chmod 700 {own}"


def test_a_file_that_is_no_database_fails_and_is_left_as_it_was(check: Examine, own: Path) -> None:
    own.mkdir(mode=0o700)
    (own / "learning.duckdb").write_text("not a database\n" * 1_000)
    results = check(own)
    assert failures(results) == ["database"]
    assert results["database"]["fix"] == "mcp-learning recover"
    assert results["schema"]["detail"] == "left out: needs database"
    assert (own / "learning.duckdb").read_text() == "not a database\n" * 1_000
    assert [file.name for file in own.iterdir()] == ["learning.duckdb"]


def test_a_database_with_damaged_blocks_fails_with_the_command_that_saves_the_rest(
    check: Examine, used: Path
) -> None:
    database = used / "learning.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute("CHECKPOINT")
        blocks = connection.execute(
            "SELECT DISTINCT block_id FROM pragma_storage_info('embeddings') WHERE block_id >= 0"
        ).fetchall()
    with database.open("r+b") as file:
        for (block,) in blocks:
            file.seek(3 * 4096 + block * 2**18 + 1_000)
            file.write(b"\xff" * 1_000)
    results = check(used)
    (failed,) = failures(results)
    assert "damaged" in results[failed]["detail"]
    assert "doctor" not in results[failed]["detail"]
    assert results[failed]["fix"] == "mcp-learning recover"


def test_a_database_of_a_newer_version_fails_with_the_update_and_is_not_changed(
    check: Examine, used: Path
) -> None:
    with duckdb.connect(str(used / "learning.duckdb")) as connection:
        connection.execute("INSERT INTO schema_version VALUES (999, 'later', now()::TIMESTAMP)")
    results = check(used)
    assert failures(results) == ["schema"]
    assert "version 999" in results["schema"]["detail"]
    assert results["schema"]["fix"] == "pip install --upgrade mcp-learning"


def test_vectors_of_another_model_fail_with_the_command_to_run(check: Examine, used: Path) -> None:
    with duckdb.connect(str(used / "learning.duckdb")) as connection:
        connection.execute("UPDATE embeddings SET model = 'another/model@0/recipe-1'")
    results = check(used)
    assert failures(results) == ["stored vectors"]
    assert "another/model" in results["stored vectors"]["detail"]
    assert results["stored vectors"]["fix"] == "mcp-learning rebuild-index --reembed"


def test_a_database_that_a_server_has_open_is_no_failure(examine: Examine, own: Path) -> None:
    with server(own) as pid:
        results = examine(0, "--data-dir", str(own))
    assert failures(results) == []
    assert f"process {pid}" in results["database"]["detail"]
    assert results["schema"]["detail"] == "left out: needs database"
    assert results["stored vectors"]["detail"] == "left out: needs schema"
    assert results["index"]["detail"].startswith("none; ")
    assert "exit code 0" in results["server"]["detail"]


def test_a_database_that_another_program_has_open_is_a_failure(check: Examine, own: Path) -> None:
    own.mkdir(mode=0o700)
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(own / "learning.duckdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    with holder:
        holder.stdout.readline()
        results = check(own)
        assert holder.stdin is not None
        holder.stdin.close()
    assert failures(results) == ["database"]
    assert results["database"]["fix"] == f"close it: kill {holder.pid}"


def test_a_wrong_setting_fails_by_name_and_what_needs_settings_is_left_out(
    check: Examine,
) -> None:
    results = check(MCP_LEARNING_HNSW_EF_SEARCH="many")
    assert failures(results) == ["settings"]
    assert "MCP_LEARNING_HNSW_EF_SEARCH" in results["settings"]["detail"]
    assert results["embedding model"]["detail"] == "left out: needs settings"


def test_a_misspelt_setting_fails_with_the_one_that_may_be_meant(check: Examine) -> None:
    results = check(MCP_LEARNING_DATADIR="x")
    assert failures(results) == ["settings"]
    assert "did you mean MCP_LEARNING_DATA_DIR?" in results["settings"]["detail"]


def test_a_model_that_does_not_exist_fails_by_name(check: Examine, own: Path) -> None:
    own.mkdir(mode=0o700)
    results = check(MCP_LEARNING_EMBEDDING_MODEL="no/such", MCP_LEARNING_DATA_DIR=str(own))
    assert failures(results) == ["embedding model"]
    assert "no/such" in results["embedding model"]["detail"]
