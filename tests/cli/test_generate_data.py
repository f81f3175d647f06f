import json
from pathlib import Path

from cli.conftest import Invoke


def test_generate_data_tells_what_it_added(invoke: Invoke) -> None:
    made = invoke("generate-data", "--count", "40", "--task-types", "docs,test", "--json")
    assert made.exit_code == 0, made.stderr
    values = json.loads(made.stdout)
    assert values["rows"] == 40
    assert values["rows_per_second"] > 0
    groups = json.loads(invoke("stats", "--days", "365", "--json").stdout)["groups"]
    assert {group["key"] for group in groups} == {"docs", "test"}
    assert sum(group["executions"] for group in groups) == 40


def test_generated_data_can_be_told_apart_and_taken_out_again(invoke: Invoke, home: Path) -> None:
    mine = {"task_type": "testing", "task_description": "mine", "outcome": "success"}
    mine["metadata"] = '{"generated": true}'  # as an agent may say of the code
    (home / "mine.jsonl").write_text(json.dumps(mine), encoding="utf-8")
    assert invoke("import", "jsonl", "mine.jsonl").exit_code == 0
    words = "generate-data --count 30 --task-types code_review,testing --repos a/b,c/d --seed 42"
    generate = [*words.split(), "--no-embed"]

    refused = invoke(*generate)
    assert refused.exit_code == 2
    assert "has 1 execution that agents recorded" in refused.stderr
    assert json.loads(invoke(*generate, "--yes", "--json").stdout)["rows"] == 30
    again = invoke(*generate, "--yes")
    assert again.exit_code == 0
    assert "30 executions of this seed were there already" in again.stdout
    by_repo = json.loads(invoke("stats", "--days", "365", "--by", "repo", "--json").stdout)
    assert {group["key"] for group in by_repo["groups"]} == {"a/b", "c/d"}
    assert by_repo["totals"]["executions"] == 31

    assert (
        "30 executions would be forgotten, 1 is kept"
        in invoke("prune", "--generated", "--dry-run").stdout
    )
    pruned = json.loads(invoke("prune", "--generated", "--json").stdout)
    assert (pruned["executions"], pruned["kept"], pruned["archives"]) == (30, 1, [])
    left = json.loads(invoke("list", "--json").stdout)["executions"]
    assert [one["task_description"] for one in left] == ["mine"]
