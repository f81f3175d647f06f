"""Real outcomes: read from the files of two repositories, and replayed as histories."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.worlds import outcomes
from benchmarks.worlds.outcomes import Outcomes
from mcp_learning.errors import LearningError


def files(directory: Path, submissions: dict[str, tuple[list[str], int]]) -> None:
    """The results of issues, each with who resolved it and how many tried, and their texts."""
    known = {
        issue: {"resolved_submissions": resolved, "no_of_submissions": tried}
        for issue, (resolved, tried) in submissions.items()
    }
    (directory / "resolved_submissions.json").write_text(json.dumps(known))
    for issue in submissions:
        run = directory / "results" / f"{issue}_2024-04-06_13-51-50"
        run.mkdir(parents=True)
        (run / "problem_statement.txt").write_text(f"Text of {issue}")


def test_agents_count_that_were_tried_on_every_issue(tmp_path: Path) -> None:
    others = [f"other {number}" for number in range(11)]
    files(
        tmp_path,
        {
            "acme__parser-kit-12": (["one"], 13),
            "acme__parser-kit-7": (["two", "partial"], 14),
            "umbrella__db-1": (["one", "two", *others], 13),
        },
    )
    found = outcomes.load(tmp_path)
    assert found.texts[0] == "Text of acme__parser-kit-12"
    assert found.repos == ["acme/parser-kit", "acme/parser-kit", "umbrella/db"]
    assert found.resolved.shape == (3, 13)
    assert found.resolved.sum(axis=1).tolist() == [1, 1, 13]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(LearningError, match=r"resolved_submissions\.json"):
        outcomes.load(tmp_path)
    (tmp_path / "resolved_submissions.json").write_text("{}")
    with pytest.raises(LearningError, match=r"problem_statement\.txt"):
        outcomes.load(tmp_path)
    files(tmp_path, {"acme__parser-1": (["one", "two"], 2)})
    with pytest.raises(LearningError, match="names 2 agents; 13 are needed"):
        outcomes.load(tmp_path)


@pytest.mark.parametrize(("form", "runs"), [("issues", 900), ("issues once", 100)])
def test_every_issue_is_done_by_all_agents_or_by_one(form: outcomes.Real, runs: int) -> None:
    resolved = np.random.default_rng(1).random((100, 20)) < 0.4
    given = Outcomes([f"issue {n}" for n in range(100)], ["acme/x"] * 100, resolved)
    made = outcomes.make(form, 3, given)
    assert len(made.runs) == runs
    assert np.unique(made.runs[:, 0]).tolist() == list(range(100))
    assert (made.success == (made.rates[made.runs[:, 0], made.runs[:, 1]] > 0)).all()
    assert (made.runs == outcomes.make(form, 3, given).runs).all()
    repeated = outcomes.make("issues repeated", 3, given)
    assert len(np.unique(repeated.runs, axis=0)) == len(repeated.runs) == 80 * 13
