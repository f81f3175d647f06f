import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mcp_learning.bench import bars

NAMES = {bar.name for bar in bars.ALL}


def run(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "MCP_LEARNING_DATA_DIR": str(directory / "data"),
        "MCP_LEARNING_CONFIG": str(directory / "no-config.toml"),
    }
    return subprocess.run(
        [sys.executable, "-m", "mcp_learning", *arguments],
        capture_output=True,
        encoding="utf-8",
        env=environment,
        check=False,
    )


def run_json(directory: Path, *arguments: str) -> dict[str, Any]:
    done = run(directory, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    values: dict[str, Any] = json.loads(done.stdout)
    return values


@pytest.mark.timeout(300)
def test_the_benchmark_measures_everything_and_leaves_the_users_database_alone(
    tmp_path: Path,
) -> None:
    page = tmp_path / "benchmark.md"
    values = run_json(tmp_path, "benchmark", "--quick", "--rows", "300", "--markdown", str(page))
    assert values["rows"] == 300
    assert values["results"].keys() == NAMES
    for result in values["results"].values():
        for number in ("measured", "reference", "ratio", "samples"):
            assert math.isfinite(result[number])
            assert result[number] > 0
    text = page.read_text(encoding="utf-8")
    assert all(result["title"] in text for result in values["results"].values())
    assert not (tmp_path / "data").exists()


def test_generate_data_tells_what_it_added(tmp_path: Path) -> None:
    values = run_json(tmp_path, "generate-data", "--count", "40", "--task-types", "docs,test")
    assert values["rows"] == 40
    assert values["rows_per_second"] > 0
    groups = run_json(tmp_path, "stats", "--days", "365")["groups"]
    assert {group["key"] for group in groups} == {"docs", "test"}
    assert sum(group["executions"] for group in groups) == 40


def test_an_unknown_task_type_ends_with_one_line_that_names_the_known_ones(tmp_path: Path) -> None:
    done = run(tmp_path, "generate-data", "--count", "5", "--task-types", "cooking")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "bug_fix" in done.stderr


def test_a_wrong_size_or_peer_ends_with_one_line_that_names_it(tmp_path: Path) -> None:
    for option, wrong in (("--sizes", "5"), ("--peers", "annoy"), ("--presets", "best")):
        done = run(tmp_path, "benchmark", "--sizes", "1000", option, wrong)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert option.removeprefix("--") in done.stderr
