"""The benchmarks as they are run from a checkout: `python -m benchmarks COMMAND`."""

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import targets
from benchmarks.suite import report
from benchmarks.suite.measure import Plan, measure

Run = Callable[..., tuple[str, str]]
Refusal = Callable[..., str]

CHECKOUT = Path(__file__).parent.parent.parent
NAMES = {target.name for target in targets.ALL}

DIFFERENCES = {targets.FIND.name, targets.FOLLOWER.name}
"""Medians of what one call takes more than another: noise makes them negative."""


def test_the_help_names_every_benchmark() -> None:
    command = [sys.executable, "-m", "benchmarks", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=CHECKOUT, check=False)
    assert done.returncode == 0, done.stderr
    for name in (
        "suite",
        "scale",
        "calibrate",
        "public",
        "worlds",
        "memory",
        "servers",
        "versions",
        "hook",
        "team",
    ):
        assert f" {name} " in done.stdout


@pytest.mark.timeout(300)
def test_the_suite_measures_everything_and_leaves_the_users_database_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_LEARNING_DATA_DIR", str(tmp_path / "data"))
    plan = Plan(30, starts=1, calls=6, inserts=2, batches=2, batch=4)
    measurements = measure(plan, tmp_path / "scratch", lambda *_: None)
    values = json.loads(json.dumps(report.as_json(measurements, plan)))
    assert values["rows"] == 30
    assert values["results"].keys() == NAMES
    for name, result in values["results"].items():
        for number in ("measured", "reference", "ratio", "samples"):
            assert math.isfinite(result[number])
        assert result["samples"] > 0
        assert result["measured"] > 0 or name in DIFFERENCES
    text = report.markdown(measurements, plan, "python -m benchmarks suite")
    assert all(result["title"] in text for result in values["results"].values())
    assert not (tmp_path / "data").exists()


def test_a_wrong_size_or_peer_ends_with_one_line_that_names_it(refusal: Refusal) -> None:
    for option, wrong in (("--sizes", "5"), ("--peers", "annoy"), ("--presets", "best")):
        assert option.removeprefix("--") in refusal("scale", "--sizes", "1000", option, wrong)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what memory consists of")
def test_memory_is_shown_by_what_is_mapped(run: Run) -> None:
    values = json.loads(run(0, "memory", "--rows", "100", "--json")[0])
    assert values["resident_mb"] > values["empty_server_mb"] > 20
    assert values["parts_mb"]["anonymous"] > 0


@pytest.mark.skipif(sys.platform != "linux", reason="memory of child processes is read from /proc")
def test_any_mcp_server_can_be_compared(run: Run) -> None:
    empty = CHECKOUT / "benchmarks" / "empty_server.py"
    printed, _ = run(0, "servers", "--rounds", "1", f"empty={sys.executable} {empty}")
    assert "| empty | 1 |" in printed


def test_a_server_without_a_command_is_refused_in_one_line(refusal: Refusal) -> None:
    assert "NAME=COMMAND" in refusal("servers", "empty")


@pytest.mark.skipif(sys.platform != "linux", reason="CPU time of a process is read from its clock")
@pytest.mark.timeout(300)
def test_a_version_is_measured_beside_another(run: Run) -> None:
    printed, _ = run(0, "versions", sys.executable, "--rows", "5", "--rounds", "1")
    rows = [line.split(" | ") for line in printed.splitlines()[2:]]
    names = {row[0].removeprefix("| ") for row in rows}
    assert names >= {"start", "first record", "import", "record_execution", "find_similar_tasks"}
    for row in rows:
        assert all(float(cell.strip(" |").replace(",", "")) > 0 for cell in row[1:])
