"""What became of commits judges the executions that made them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from clients.transcripts.sessions import START

from mcp_learning.clients.judging.commits import judgements
from mcp_learning.clients.transfer import commits
from mcp_learning.clients.transfer.commit_history import Commit, CommitHistory
from mcp_learning.models.corrections import Judgement
from mcp_learning.models.listed import Listed

DRIP, LID = "a" * 40, "b" * 40


def commit(hash_: str, subject: str, days: float = 0, body: str = "") -> Commit:
    at = (START + timedelta(days=days)).isoformat()
    return Commit(hash_, at, subject, body, ("spout.py",))


def execution(*commits: str, **values: Any) -> Listed:
    given = {"task_type": "bug_fix", "task_description": "mend it", "outcome": "success", **values}
    return Listed(task_id=UUID(int=1), recorded_at=START, commits=list(commits), **given)


def judged(one: Listed, *commits: Commit) -> Judgement | None:
    found = judgements(CommitHistory("teapot", commits), [one])
    return found[0] if found else None


MADE = commit(DRIP, "fix(spout): mend the drip")
BACK = commit("c" * 40, 'Revert "fix(spout): mend the drip"', 3, f"This reverts commit {DRIP}.")


def test_an_execution_whose_commit_was_taken_back_failed() -> None:
    found = judged(execution(DRIP[:7]), MADE, BACK)
    assert found is not None
    assert (found.outcome, found.outcome_basis, found.confidence) == ("failure", "git", 0.95)
    assert found.why.startswith("commit aaaaaaa was taken back by ccccccc: Revert")
    assert found.at == START + timedelta(days=3)


def test_one_of_several_commits_taken_back_is_less_sure() -> None:
    found = judged(execution(DRIP[:7], LID[:7]), MADE, commit(LID, "feat(lid): a new lid"), BACK)
    assert found is not None
    assert (found.outcome, found.confidence) == ("failure", 0.7)


def test_a_pending_execution_whose_commit_stood_succeeded() -> None:
    later = commit(LID, "feat(lid): a new lid", 20)
    found = judged(execution(DRIP[:7], outcome="pending", outcome_basis="none"), MADE, later)
    assert found is not None
    assert (found.outcome, found.confidence) == ("success", 0.8)
    assert judged(execution(DRIP[:7]), MADE, later) is None, "it is known to have succeeded"
    younger = commit(LID, "feat(lid): a new lid", 2)
    assert judged(execution(DRIP[:7], outcome="pending"), MADE, younger) is None
    wrong_clock = commit("d" * 40, "feat(lid): a lid of cork", 20_000)
    assert judged(execution(DRIP[:7], outcome="pending"), MADE, wrong_clock, younger) is None


AGAIN = commit(
    "d" * 40, 'Reapply "fix(spout): mend the drip"', 4, f"This reverts commit {BACK.hash}."
)


@pytest.mark.parametrize(
    "judged_before",
    [
        {"outcome": "failure", "outcome_basis": "git"},
        {"outcome": "success", "outcome_basis": "told", "outcome_confidence": 0.36},
    ],
)
def test_a_commit_that_stands_again_is_neither_a_failure_nor_a_doubt_any_more(
    judged_before: dict[str, Any],
) -> None:
    found = judged(execution(DRIP[:7], **judged_before), MADE, BACK, AGAIN)
    assert found is not None
    assert found.outcome == "pending"


def test_a_commit_that_was_brought_back_has_stood_since_then() -> None:
    pending = execution(DRIP[:7], outcome="pending", outcome_basis="none")
    assert judged(pending, MADE, BACK, AGAIN, commit(LID, "feat(lid): a new lid", 15)) is None
    found = judged(pending, MADE, BACK, AGAIN, commit(LID, "feat(lid): a new lid", 18))
    assert found is not None
    assert (found.outcome, found.at) == ("success", START + timedelta(days=18))


def test_commits_of_other_repositories_say_nothing() -> None:
    assert judged(execution("1234567"), MADE, BACK) is None
    assert judged(execution(), MADE, BACK) is None
    assert datetime.fromisoformat(MADE.committed_at) == START


def test_an_imported_commit_is_left_to_the_import() -> None:
    imported = execution(DRIP, outcome="pending").model_copy(
        update={"task_id": commits.task_id(DRIP)}
    )
    assert judged(imported, MADE, BACK) is None
    assert judged(imported, MADE, commit(LID, "feat(lid): a new lid", 20)) is None
