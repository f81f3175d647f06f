"""`stats` prints what learning_stats tells an agent."""

import json
from pathlib import Path

from cli.conftest import Invoke


def test_statistics_are_printed_with_trends_costs_and_failures(
    invoke: Invoke, tmp_path: Path
) -> None:
    where = ("--data-dir", str(tmp_path / "data"))
    made = invoke("generate-data", "--count", "600", "--no-embed", *where)
    assert made.exit_code == 0, made.stderr
    asked = ("stats", "--days", "60", "--by", "model_tier", *where)

    printed = invoke(*asked).stdout
    told = json.loads(invoke(*asked, "--json").stdout)

    for expected in ("success (90 %)", "p95", "haiku", "Duration: median", "Cost: "):
        assert expected in printed
    assert "Against the 60 days before: success rate" in printed
    pattern = told["failures"][0]
    assert f"Failed {pattern['failures']} times" in printed
    assert pattern["fix_task_id"] in printed
    assert {group["key"] for group in told["groups"]} == {"haiku", "sonnet", "opus"}
    assert all(group["trend"]["before_executions"] > 0 for group in told["groups"])


def test_an_empty_period_says_what_lies_before_it(invoke: Invoke, home: Path) -> None:
    old = {"task_type": "docs", "task_description": "old", "outcome": "success", "repo": "a/b"}
    line = json.dumps(old | {"recorded_at": "2026-01-02T03:04:05Z"})
    (home / "old.jsonl").write_text(line, encoding="utf-8")
    assert invoke("import", "jsonl", "old.jsonl").exit_code == 0

    said = invoke("stats").stdout
    assert "Nothing was recorded in the last 30 days; 1 execution lies before" in said
    assert "2026-01-02" in said
    days = said.split("--days ")[1].split("`")[0]
    assert "success (90 %)" in invoke("stats", "--days", days).stdout
    assert "and nothing before" in invoke("stats", "--repo", "c/d").stdout
    assert "Nothing of bug_fix was recorded" in invoke("stats", "--type", "bug_fix").stdout


def test_the_index_is_described_with_why_it_is_or_is_not_used(invoke: Invoke) -> None:
    assert invoke("generate-data", "--count", "20").exit_code == 0
    said = invoke("stats").stdout
    assert (
        "HNSW index: none; searches compare all executions, which is faster below 200,000" in said
    )
    custom = ("--preset", "custom", "--m", "24", "--ef-construction", "150")
    assert invoke("rebuild-index", *custom).exit_code == 0
    said = invoke("stats").stdout
    assert "HNSW index: ready, custom (M 24, ef_construction 150), " in said
    assert " vectors, " in said
    assert "recall@10 1.000" in said
