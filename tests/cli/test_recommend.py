"""`similar`, `recommend` and `evaluate` as people run them."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cli.conftest import Invoke
from store.rows import migrated


def test_recommend_and_evaluate_say_plainly_that_nothing_is_known(
    invoke: Invoke, home: Path
) -> None:
    with migrated(home / "learning.duckdb"):
        pass
    advice = invoke("recommend", "Fix the login", "--data-dir", str(home))
    assert advice.exit_code == 0, advice.stderr
    assert "Too little evidence" in advice.stdout
    scores = invoke("evaluate", "--json", "--data-dir", str(home))
    assert scores.exit_code == 0, scores.stderr
    found: dict[str, Any] = json.loads(scores.stdout)
    assert found["predictions"] == 0
    assert "only 0 executions" in found["thin"][0]
    plotted = invoke("evaluate", "--plot", "a.txt", "--data-dir", str(home))
    missing = "needs matplotlib" if find_spec("matplotlib") is None else "has to end with"
    assert (plotted.exit_code, missing in plotted.stderr) == (1, True)
    refused = invoke("evaluate", "--lessons", "--check", "--data-dir", str(home))
    assert (refused.exit_code, "--check can't be used with" in refused.stderr) == (2, True)


def test_an_unknown_objective_is_one_line_that_names_those_there_are(invoke: Invoke) -> None:
    refused = invoke("recommend", "Fix the login", "--objective", "speed")
    assert refused.exit_code == 2
    assert refused.stderr == (
        "mcp-learning: --objective: must be 'quality', 'cost' or 'balanced'\n"
    )


def test_a_search_and_advice_that_lack_vectors_say_so(invoke: Invoke) -> None:
    made = invoke("generate-data", "--count", "100", "--no-embed")
    assert made.exit_code == 0, made.stderr
    found = invoke("similar", "nothing that anybody has ever done")
    assert found.exit_code == 0, found.stderr
    assert "100 of 100 executions can't be found by meaning yet" in found.stdout
    assert "generate-embeddings" in invoke("similar", "nothing ever done", "--json").stderr
    assert invoke("similar", "nothing ever done", "--json", "--quiet").stderr == ""
    advice = invoke("recommend", "nothing that anybody has ever done")
    assert advice.exit_code == 0, advice.stderr
    assert "100 executions can't be found by meaning yet" in " ".join(advice.stdout.split())


def test_evaluate_fails_a_check_where_advice_is_worse_than_plain_rates(
    invoke: Invoke, tmp_path: Path
) -> None:
    kinds = ("SQL query", "login page", "Docker image", "CSV export")
    lines = [
        {
            "task_type": f"type {n // 2 % 4}",
            "task_description": f"Mend the {kinds[n // 2 % 4]}",
            "outcome": "success" if n // 2 % 2 == n // 8 % 2 else "failure",
            "approach": "the usual one",
            "recorded_at": 1_700_000_000 + 86_400 * n,
        }
        for n in range(128)
    ]
    records = tmp_path / "records.jsonl"
    records.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert invoke("import", "jsonl", str(records)).exit_code == 0
    checked = invoke("evaluate", "--check")
    assert "Missed: " in checked.stdout
    assert checked.exit_code == 1


def test_a_replay_of_lessons_knows_the_files_that_failures_name(
    invoke: Invoke, tmp_path: Path
) -> None:
    lines = [
        {
            "task_type": "bug_fix",
            "task_description": f"Round amount {n} as the invoice says",
            "outcome": "failure" if n % 2 else "success",
            "repo": "acme/shop",
            "metadata": {"files": [{"path": "src/pay.py" if n % 2 else "src/view.py"}]},
            "recorded_at": 1_700_000_000 + 86_400 * n,
        }
        for n in range(80)
    ]
    records = tmp_path / "records.jsonl"
    records.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert invoke("import", "jsonl", str(records)).exit_code == 0
    replayed = json.loads(invoke("evaluate", "--lessons", "--json").stdout)["replay"]
    assert 20 <= replayed["failures_named"] <= replayed["failures"] == 38


def test_a_wrong_dimension_is_refused_by_name(invoke: Invoke) -> None:
    for command in (("recommend", "x"), ("evaluate",)):
        done = invoke(*command, "--by", "colour")
        assert done.exit_code == 2
        assert "by: must be 'approach'" in done.stderr
