"""`judge` corrects outcomes by what became of commits, and by results of tests."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import Invoke
from clients.transfer.repositories import Repository

MADE, TOLD = "0190a0b1-aaaa-7000-8000-000000000000", "0290a0b1-bbbb-7000-8000-000000000000"


@pytest.fixture
def shop(home: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository whose only commit was made by two executions: one inferred, the other told."""
    repository = Repository(home / "shop")
    made = repository.commit("fix(cart): add up the total", "cart.py")
    metadata = {"commits": [made[:7]]}
    common = {"task_type": "bug_fix", "outcome": "success", "repo": "shop", "metadata": metadata}
    rows: list[dict[str, Any]] = [
        {**common, "task_id": TOLD, "task_description": "add up the cart"},
        {
            **common,
            "task_id": MADE,
            "task_description": "add up the total of the cart",
            "outcome_basis": "git",
            "outcome_confidence": 0.95,
        },
    ]
    (home / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert invoke("import", "jsonl", "rows.jsonl", "--no-embed").exit_code == 0
    monkeypatch.chdir(repository.path)
    return repository


def shown(invoke: Invoke, task_id: str) -> tuple[str, str, float, str | None]:
    answer = json.loads(invoke("show", task_id, "--json").stdout)
    one = answer["execution"]
    reason = answer.get("outcome_reason")
    return one["outcome"], one["outcome_basis"], one["outcome_confidence"], reason


def test_a_revert_corrects_what_was_inferred_and_puts_what_was_told_in_doubt(
    shop: Repository, invoke: Invoke
) -> None:
    assert "Nothing new" in invoke("judge", str(shop.path)).stdout
    shop.git("revert", "--no-edit", "HEAD", day=1)
    done = json.loads(invoke("judge", str(shop.path), "--json").stdout)
    assert sorted(done["changed"]) == [MADE, TOLD]
    outcome, basis, confidence, reason = shown(invoke, MADE)
    assert (outcome, basis, confidence) == ("failure", "git", 0.95)
    assert reason is not None
    assert "was taken back by" in reason
    outcome, basis, confidence, reason = shown(invoke, TOLD)
    assert (outcome, basis) == ("success", "told")
    assert confidence < 0.5
    assert reason is not None
    assert reason.startswith("told success, but git says failure: commit ")
    assert "Nothing new" in invoke("judge", str(shop.path)).stdout, "the same once more"
    told = " ".join(invoke("show", MADE).stdout.split())
    assert "failure (by git, counts 0.95)" in told
    assert "because git: commit" in told
    evaluated = invoke("evaluate")
    assert "1 outcome told by agents and judged by other sources" in evaluated.stdout
    assert "Told as success and observed as failure: 1;" in evaluated.stdout


def test_results_of_tests_judge_the_commit_that_is_checked_out_or_the_one_named(
    shop: Repository, invoke: Invoke
) -> None:
    results = shop.path / "results.xml"
    results.write_text('<testsuite><testcase name="adds_up"><failure/></testcase></testsuite>')
    done = json.loads(invoke("judge", str(results), "--json").stdout)
    assert sorted(done["changed"]) == [MADE, TOLD]
    assert shown(invoke, MADE)[:3] == ("failure", "ci", 0.9)
    results.write_text('<testsuite><testcase name="adds_up"/></testsuite>')
    assert "1 execution judged: 0190a0b1" in invoke("judge", str(results), "--task", MADE).stdout
    assert shown(invoke, MADE)[:3] == ("success", "ci", 0.9)
    refused = invoke("judge", str(results), "--commit", "1234567")
    assert refused.exit_code == 1
    assert "no execution made commit 1234567" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["nothing.xml"], "can't be read"),
        (["."], "not a git repository"),
        (["results.xml"], "--task: name the execution that was tested"),
        ([".", "--task", "0190"], "go with results of tests"),
        (["nothing.xml", "--task", "0190", "--commit", "1234567"], "either --task or --commit"),
        (["nothing.xml", "--commit", "HEAD"], "is not a hash"),
    ],
)
def test_what_can_not_be_judged_is_told_in_a_line(
    shop: Repository, invoke: Invoke, home: Path, arguments: list[str], why: str
) -> None:
    assert shop.path.is_dir()
    (home / "results.xml").write_text('<testsuite><testcase name="adds_up"/></testsuite>')
    os.chdir(home)  # the fixture goes back
    done = invoke("judge", *arguments)
    assert done.exit_code != 0
    assert why in done.stderr
    assert "Traceback" not in done.stderr
