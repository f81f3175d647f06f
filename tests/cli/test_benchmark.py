"""`benchmark` on real databases, with real indexes, beside a real server."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from cli.conftest import Invoke, generated_in, started

from benchmarks.mcp_client import PRODUCT_SERVER, spawn

ROWS = 60


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with `ROWS` executions; tests use copies."""
    return generated_in(tmp_path_factory.mktemp("generated"), ROWS)


@pytest.fixture
def data(generated: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(generated, tmp_path / "data"))


def contents(database: Path) -> list[tuple[object, ...]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        tables = [name for (name,) in connection.execute("SHOW TABLES").fetchall()]
        return [
            row
            for table in tables
            for row in connection.execute(f'SELECT * FROM "{table}" ORDER BY ALL').fetchall()
        ]


def test_every_preset_is_compared_beside_a_running_server(invoke: Invoke, data: Path) -> None:
    with spawn(PRODUCT_SERVER, data) as server:
        server.call("learning_stats", {})
        done = invoke("benchmark", "--json", "--data-dir", str(data))
    assert done.exit_code == 0, done.stderr
    assert f"{ROWS} executions; this takes about" in done.stderr
    values = json.loads(done.stdout)
    assert values["executions"] == ROWS
    assert values["vectors"] >= ROWS  # of long descriptions, each passage has one
    assert values["complete"]
    assert list(values["presets"]) == ["fast", "balanced", "high_recall"]
    parameters = [(one["m"], one["ef_construction"]) for one in values["presets"].values()]
    assert parameters == [(8, 50), (16, 100), (32, 200)]
    for one in values["presets"].values():
        for way in ("exact", "hnsw"):
            assert 0 < one[way]["p50_ms"] <= one[way]["p95_ms"]
        assert one["recall_at_10"] >= 0.99
        assert one["build_seconds"] > 0
        assert one["index_bytes"] > ROWS * 384 * 4


def test_the_database_and_its_index_stay_as_they_are(invoke: Invoke, data: Path) -> None:
    assert invoke("rebuild-index", "--data-dir", str(data)).exit_code == 0
    index = data / "index" / "hnsw.duckdb"
    before = contents(data / "learning.duckdb"), index.read_bytes()
    done = invoke("benchmark", "--presets", "fast", "--data-dir", str(data))
    assert done.exit_code == 0, done.stderr
    assert (contents(data / "learning.duckdb"), index.read_bytes()) == before
    assert " fast " in done.stdout
    assert " balanced " not in done.stdout
    assert "no index below 200,000 executions" in done.stdout


def test_executions_without_a_vector_are_counted(invoke: Invoke, data: Path) -> None:
    more = ("generate-data", "--count", "5", "--no-embed", "--data-dir", str(data))
    assert invoke(*more).exit_code == 0
    done = invoke("benchmark", "--presets", "fast", "--json", "--data-dir", str(data))
    assert done.exit_code == 0, done.stderr
    values = json.loads(done.stdout)
    assert (values["executions"], values["without_vector"]) == (ROWS + 5, 5)


def test_without_any_vector_it_names_the_command_that_makes_them(invoke: Invoke) -> None:
    assert invoke("generate-data", "--count", "3", "--no-embed").exit_code == 0
    done = invoke("benchmark", "--presets", "fast")
    assert done.exit_code == 1
    assert "`mcp-learning generate-embeddings` makes them" in " ".join(done.stderr.split())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_when_interrupted_it_prints_the_presets_that_are_done(home: Path) -> None:
    with started(
        [sys.executable, "-P", "-m", "mcp_learning", "benchmark", "--generated", "60"],
        cwd=home,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as benchmark:
        assert benchmark.stderr is not None
        assert any("balanced: building" in line for line in benchmark.stderr)
        benchmark.send_signal(signal.SIGINT)
        printed, _ = benchmark.communicate(timeout=60)
    assert benchmark.returncode == 130
    assert " fast " in printed
    assert " balanced " not in printed


def test_without_a_database_it_says_what_to_do_in_one_line(invoke: Invoke) -> None:
    done = invoke("benchmark")
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert "generate-data" in done.stderr


def test_an_unknown_preset_is_refused_with_the_known_ones(invoke: Invoke) -> None:
    done = invoke("benchmark", "--generated", "20", "--presets", "best")
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert "'best'" in done.stderr
    assert "high_recall" in done.stderr
