"""The commonest failure patterns of a period, each with what fixed it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple
from uuid import UUID

import anyio.to_thread

from mcp_learning.insights.patterns import most_typical, patterns
from mcp_learning.models.results import FailurePattern
from mcp_learning.store.protocol import Store
from mcp_learning.store.types import ErrorText, Period

SIMILAR_TASK = 0.6
"""Least cosine similarity, -1..1, of a success to count as one of a similar task. Half of the
paraphrases in the package's test set reach it, and none of its 1,560 unrelated pairs."""

_TEXTS = 500  # commonest error texts, which are grouped
_EXAMPLES = 3  # latest failures named for a pattern
_FIXES = 20  # successes that are compared to find the fix of a pattern
_NEXT_SUCCESSES = 300
_LONGEST_FIX = 600


class FailurePatterns(NamedTuple):
    """The commonest patterns, and the number of failures with other patterns."""

    shown: list[FailurePattern]
    others: int


class Candidates(NamedTuple):
    """Successes whose solutions may fix a pattern, best first."""

    task_ids: list[UUID]
    same_task: bool


async def failure_patterns(store: Store, period: Period, limit: int) -> FailurePatterns:
    """The `limit` commonest patterns of errors, with their fixes.

    The fix of a pattern is taken from the next successes of the same tasks in the same repo: the
    most typical of their solutions, since some did something unrelated. Without any, it is the
    solution of a similar task of the same type in the same repo, among the next successes after the
    latest failure.

    Raises:
        StoreError: The store can't be read.
    """
    found = await store.error_texts(period, _TEXTS, examples=_EXAMPLES, fixes=_FIXES)
    merged = await anyio.to_thread.run_sync(merge, found.commonest)
    commonest = merged[:limit]
    unsolved = [latest(errors)[0] for _, errors in commonest if not followers(errors)]
    similar = await store.similar_successes(unsolved, nearest=_NEXT_SUCCESSES, least=SIMILAR_TASK)
    fixes = [candidates(errors, similar) for _, errors in commonest]
    task_ids = list(chain.from_iterable(fix.task_ids for fix in fixes))
    found_by_id = await store.summaries(task_ids)
    solutions = {
        task_id: shown.solution_summary[:_LONGEST_FIX]
        for task_id, shown in found_by_id.items()
        if shown.solution_summary is not None
    }

    def describe_all() -> list[FailurePattern]:
        return [
            describe(name, errors, fix, solutions)
            for (name, errors), fix in zip(commonest, fixes, strict=True)
        ]

    shown = await anyio.to_thread.run_sync(describe_all)
    return FailurePatterns(shown, found.failures - sum(pattern.failures for pattern in shown))


def merge(texts: Sequence[ErrorText]) -> list[tuple[str, list[ErrorText]]]:
    """Error texts by their pattern, that with most failures first."""
    merged: dict[str, list[ErrorText]] = defaultdict(list)
    for name, text in zip(patterns([one.text for one in texts]), texts, strict=True):
        merged[name].append(text)
    return sorted(merged.items(), key=lambda item: (-_count(item[1]), item[0]))


def candidates(errors: Sequence[ErrorText], similar: Mapping[UUID, UUID]) -> Candidates:
    """Successes of the same tasks; without any, that of a task similar to the latest failure."""
    if same := followers(errors):
        return Candidates(same, same_task=True)
    other = similar.get(latest(errors)[0])
    return Candidates([] if other is None else [other], same_task=False)


def followers(errors: Sequence[ErrorText]) -> list[UUID]:
    """Successes of the same tasks, those with the shortest time after a failure first."""
    soonest = sorted(fix for error in errors for fix in error.fixes)
    return list(dict.fromkeys(task_id for _, task_id in soonest))[:_FIXES]


def latest(errors: Sequence[ErrorText]) -> list[UUID]:
    """The last failures, latest first; there is at least one."""
    examples = sorted((example for error in errors for example in error.examples), reverse=True)
    return [task_id for _, task_id in examples[:_EXAMPLES]]


def describe(
    name: str, errors: Sequence[ErrorText], fix: Candidates, solutions: Mapping[UUID, str]
) -> FailurePattern:
    """A pattern with the most typical solution of its candidates as its fix."""
    largest = max(errors, key=lambda error: (error.count, error.text))
    pattern = FailurePattern(
        pattern=name,
        error_type=largest.error_type,
        failures=_count(errors),
        fixed=sum(error.fixed for error in errors),
        last_seen=max(error.examples[0][0] for error in errors),
        task_ids=latest(errors),
    )
    given = [task_id for task_id in fix.task_ids if task_id in solutions]
    if not given:
        return pattern
    chosen = given[most_typical([solutions[task_id] for task_id in given])]
    return pattern.model_copy(
        update={
            "fix": solutions[chosen],
            "fix_task_id": chosen,
            "fix_basis": "same task" if fix.same_task else "similar task",
        }
    )


def _count(errors: Sequence[ErrorText]) -> int:
    return sum(error.count for error in errors)
