"""Lessons about approaches that end significantly better or worse on a kind of task.

The false discovery rate is controlled at 1 in 15 (on generated data half as many are false), and
intervals are corrected for the selection (`rates.compare_with_fdr`). Differences within single
repositories are a family of hypotheses of their own, tested where none was found over all.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from mcp_learning.insights.rates import compare_with_fdr
from mcp_learning.lessons.wording import points
from mcp_learning.models.lessons import MOST_EVIDENCE, Kind
from mcp_learning.models.quoting import shorten
from mcp_learning.models.results import Change
from mcp_learning.models.wording import percent
from mcp_learning.redaction.repositories import merged
from mcp_learning.store.lesson_protocol import Experience
from mcp_learning.store.types import Outcomes

LEAST = 5
"""Least number of executions of an approach, and of the others, for a comparison."""

WORTH = 0.05
"""Smallest difference of success rates, 0..1, that makes a lesson."""

EVERYWHERE, WITHIN = 0.06, 0.01
"""False discovery rates of lessons about approaches, 0..1: over all repositories, and within single
ones, where few are left to find. Fisher's exact test is conservative and uses about half."""

LONGEST_NAME = 80
"""Characters of a label that a lesson quotes."""


class LessonFinding(NamedTuple):
    """A lesson that was found in recorded executions, in the fields of a `models.lessons.Lesson`.

    Attributes:
        weight: How many executions it was found in.
    """

    kind: Kind
    key: str
    when: str
    evidence: tuple[UUID, ...]
    weight: int
    do: str | None = None
    avoid: str | None = None
    repo: str | None = None
    task_type: str | None = None
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None


class _Compared(NamedTuple):
    task_type: str
    repo: str | None
    approach: str
    own: Outcomes
    others: Outcomes
    runs: Sequence[Experience]


def with_merged_repositories(experience: Iterable[Experience]) -> list[Experience]:
    """The same executions, with one spelling for each repository."""
    runs = list(experience)
    shown = merged(Counter(one.repo for one in runs if one.repo))
    return [one._replace(repo=shown.get(one.repo, one.repo)) for one in runs]


def approaches(experience: Sequence[Experience]) -> list[LessonFinding]:
    """Approaches that are significantly better or worse than the others of their kind of task.

    A difference over all repositories counts only if it also exists within repositories: otherwise
    an approach that was used where tasks are easy would seem to be good (Simpson's paradox). Each
    repository has to have one spelling.
    """
    everywhere = _sure(_comparisons(experience, by_repo=False), EVERYWHERE)
    everywhere = [pair for pair in everywhere if _holds_within_repositories(*pair, experience)]
    known = {(one.task_type, one.approach, change.direction) for one, change in everywhere}
    within = [
        (one, change)
        for one, change in _sure(_comparisons(experience, by_repo=True), WITHIN)
        if (one.task_type, one.approach, change.direction) not in known
    ]
    found = [_finding(one, change) for one, change in [*everywhere, *within]]
    return _without_mirrors(found)


def _sure(comparisons: Iterable[_Compared], level: float) -> list[tuple[_Compared, Change]]:
    family = list(comparisons)
    changes = compare_with_fdr([(one.own, one.others) for one in family], level)
    return [
        (one, change)
        for one, change in zip(family, changes, strict=True)
        if change.direction != "unclear" and abs(change.change) >= WORTH
    ]


def _comparisons(experience: Sequence[Experience], *, by_repo: bool) -> Iterator[_Compared]:
    kinds: dict[tuple[str, str], list[Experience]] = defaultdict(list)
    repos = {one.repo for one in experience}
    for one in experience:
        if one.approach and (one.repo or not by_repo):
            kinds[one.task_type, one.repo if by_repo else ""].append(one)
    if by_repo and len(repos) < 2:
        return  # the comparison over all repositories is the same
    for (task_type, repo), runs in sorted(kinds.items()):
        by_approach: dict[str, list[Experience]] = defaultdict(list)
        for one in runs:
            by_approach[one.approach].append(one)
        total = outcomes_of(runs)
        for approach, own in sorted(by_approach.items()):
            counts = outcomes_of(own)
            others = without(counts, total)
            if min(sum(counts), sum(others)) >= LEAST:
                yield _Compared(task_type, repo or None, approach, counts, others, own)


def _holds_within_repositories(
    one: _Compared, change: Change, experience: Sequence[Experience]
) -> bool:
    """Whether the difference keeps its sign, and half its size, within repositories.

    By the stratified risk difference of N. Mantel and W. Haenszel: strata weigh n·m / (n + m).
    """
    own: Mapping[str, list[Experience]] = defaultdict(list)
    others: Mapping[str, list[Experience]] = defaultdict(list)
    for run in experience:
        if run.task_type == one.task_type and run.approach:
            (own if run.approach == one.approach else others)[run.repo].append(run)
    total = weight = 0.0
    for repo in own.keys() & others.keys():
        n, m = len(own[repo]), len(others[repo])
        share = n * m / (n + m)
        total += share * (_rate(outcomes_of(own[repo])) - _rate(outcomes_of(others[repo])))
        weight += share
    return weight > 0 and total / weight * change.change >= change.change**2 / 2


def _finding(one: _Compared, change: Change) -> LessonFinding:
    better = change.direction == "better"
    name = f'the approach "{shorten(one.approach, LONGEST_NAME)}"'
    comparison = (
        f"{name}: {percent(_rate(one.own))} of {sum(one.own):,} succeeded, "
        f"{percent(_rate(one.others))} of {sum(one.others):,} with others "
        f"({points(change.change_low, change.change_high)})"
    )
    latest = [run.task_id for run in one.runs[-MOST_EVIDENCE:]]
    where = f" in {shorten(one.repo, LONGEST_NAME)}" if one.repo else ""
    sign = 1 if better else -1
    low, high = sorted((sign * change.change_low, sign * change.change_high))
    return LessonFinding(
        kind="approach",
        key=f"approach:{one.repo or ''}:{one.task_type}:{one.approach}:{change.direction}",
        when=f"the task is a {shorten(one.task_type, LONGEST_NAME)}{where}",
        do=comparison if better else None,
        avoid=None if better else comparison,
        repo=one.repo,
        task_type=one.task_type,
        evidence=tuple(latest),
        weight=sum(one.own) + sum(one.others),
        gain=abs(change.change),
        gain_low=low,
        gain_high=high,
    )


def _without_mirrors(found: Sequence[LessonFinding]) -> list[LessonFinding]:
    """Where a kind of task has two approaches only, one lesson that recommends and warns."""
    kept = []
    for one in found:
        mirror = next((other for other in found if _mirrors(one, other)), None)
        if mirror is None:
            kept.append(one)
        elif one.do and mirror.avoid:
            kept.append(one._replace(avoid=mirror.avoid.rpartition(": ")[0]))
    return kept


def _mirrors(one: LessonFinding, other: LessonFinding) -> bool:
    """Whether two lessons come from the same comparison of two approaches."""
    same = all(
        getattr(one, name) == getattr(other, name)
        for name in ("repo", "task_type", "weight", "gain")
    )
    return same and bool(one.do) != bool(other.do)


def outcomes_of(runs: Sequence[Experience]) -> Outcomes:
    """Numbers of successes and failures; all that aren't successes count as failures."""
    won = sum(one.success is True for one in runs)
    return Outcomes(won, len(runs) - won)


def without(some: Outcomes, total: Outcomes) -> Outcomes:
    """The outcomes that are in the total, and not among some."""
    return Outcomes(total.success - some.success, total.failure - some.failure)


def _rate(outcomes: Outcomes) -> float:
    return outcomes.success / sum(outcomes)
