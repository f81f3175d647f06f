"""`stats` prints what learning_stats tells an agent."""

import json
from pathlib import Path

from cli.conftest import Command


def test_statistics_are_printed_with_trends_costs_and_failures(
    run: Command, tmp_path: Path
) -> None:
    where = ("--data-dir", str(tmp_path / "data"))
    made = run("generate-data", "--count", "600", "--no-embed", *where)
    assert made.returncode == 0, made.stderr
    asked = ("stats", "--days", "60", "--by", "model_tier", *where)

    printed = run(*asked).stdout
    told = json.loads(run(*asked, "--json").stdout)

    for expected in ("p50, p95 s", "since", "haiku", "Half took up to", "Cost: "):
        assert expected in printed
    assert "Against the 60 days before: success rate" in printed
    pattern = told["failures"][0]
    assert f"Failed {pattern['failures']} times" in printed
    assert pattern["fix_task_id"] in printed
    assert {group["key"] for group in told["groups"]} == {"haiku", "sonnet", "opus"}
    assert all(group["trend"]["before_executions"] > 0 for group in told["groups"])
