"""Judges executions by whether their commits were reverted later."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from mcp_learning.clients.judging.judgements import judgement
from mcp_learning.clients.transfer import commits, corrections
from mcp_learning.clients.transfer.commit_history import Commit, CommitHistory
from mcp_learning.clients.transfer.corrections import CorrectedCommits
from mcp_learning.clients.values import parse_time
from mcp_learning.models.corrections import Judgement
from mcp_learning.models.listed import Listed
from mcp_learning.models.verdicts import PENDING, REVERTED, Verdict

_STOOD = 0.8  # confidence of a success whose commits stood
_PARTLY = 0.7  # of a failure of which only some commits were reverted
_SHORTEST = 7  # digits of a hash


def judgements(history: CommitHistory, executions: Iterable[Listed]) -> list[Judgement]:
    """Judgements of the executions that made a history's commits, all of the same repository.

    An execution whose commits were reverted failed. A pending one succeeded if they have stood for
    two weeks, counted from their restoration if they were reverted. If reverted commits were
    restored, a failure by git, or a doubt about a told outcome, is withdrawn. Executions that are
    imported commits are skipped, since the import judges them.
    """
    found = corrections.find(history.commits)
    by_hash = {commit.hash: commit for commit in history.commits}
    by_prefix = {commit.hash[:_SHORTEST]: commit.hash for commit in history.commits}
    made = []
    for execution in executions:
        named = ((one.lower(), by_prefix.get(one[:_SHORTEST].lower())) for one in execution.commits)
        full = [whole for short, whole in named if whole and whole.startswith(short)]
        mine = [by_hash[one] for one in dict.fromkeys(full)]
        if any(execution.task_id == commits.task_id(one.hash) for one in mine):
            continue
        if mine and (one := _judgement(execution, mine, found, by_hash, history.until)):
            made.append(one)
    return made


def _judgement(
    execution: Listed,
    mine: Sequence[Commit],
    found: CorrectedCommits,
    by_hash: dict[str, Commit],
    until: datetime | None,
) -> Judgement | None:
    back = [one for one in mine if one.hash in found.of and found.of[one.hash].kind == "reverted"]
    if back:
        by = by_hash[found.of[back[-1].hash].by]
        pair = f"commit {back[-1].hash[:_SHORTEST]} was taken back by {by.hash[:_SHORTEST]}"
        sure = REVERTED if len(back) == len(mine) else _PARTLY
        verdict = Verdict("failure", "git", sure, f"{pair}: {by.subject}")
        return judgement(execution.task_id, "git", verdict, _time(by))
    restored = [by_hash[found.restored[one.hash]] for one in mine if one.hash in found.restored]
    since = max(map(_time, [*mine, *restored]))
    has_stood = until is not None and until - since >= corrections.FIXED_WITHIN
    if execution.outcome == "pending" and has_stood:
        why = f"commit {mine[-1].hash[:_SHORTEST]} has stood"
        verdict, since = Verdict("success", "git", _STOOD, why), since + corrections.FIXED_WITHIN
    elif _is_failure(execution) or _is_doubted(execution):
        verdict = PENDING
    else:
        return None
    return judgement(execution.task_id, "git", verdict, since)


def _is_failure(execution: Listed) -> bool:
    return (execution.outcome, execution.outcome_basis) == ("failure", "git")


def _is_doubted(execution: Listed) -> bool:
    return execution.outcome_basis == "told" and execution.outcome_confidence < 1


def _time(commit: Commit) -> datetime:
    return parse_time(commit.committed_at) or datetime(1970, 1, 1, tzinfo=UTC)
