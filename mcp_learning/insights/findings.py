"""The key findings of the dashboard's page, each as a sentence with its evidence."""

from collections.abc import Iterator, Sequence
from itertools import islice

from mcp_learning.models.dashboard import ApproachComparison, KeyFinding, Rate, RecallUse
from mcp_learning.models.results import FailurePattern
from mcp_learning.models.wording import counted, percent

MOST = 3  # findings at the top of the page

_QUOTED, _FIX = 90, 160  # longest quotations, in characters


def findings(
    approaches: Sequence[ApproachComparison], failures: Sequence[FailurePattern], loop: RecallUse
) -> list[KeyFinding]:
    """At most `MOST` findings, in order of their usefulness.

    Only differences that are significant after correction for all comparisons become sentences: the
    best approach, the worst one, the commonest failure, the use of recalls, further approaches.
    """
    better = _surest(approaches, "better")
    worse = _surest(approaches, "worse")
    ordered = [
        *map(_contrast, better[:1]),
        *map(_contrast, worse[:1]),
        *map(_failure, failures[:1]),
        *_use(loop),
        *map(_contrast, better[1:]),
        *map(_contrast, worse[1:]),
        *_nothing_sure(approaches),
    ]
    return list(islice(ordered, MOST))


def _surest(approaches: Sequence[ApproachComparison], direction: str) -> list[ApproachComparison]:
    """Approaches that differ in this direction, by the bound of the interval nearest to zero."""
    some = [one for one in approaches if one.against_others.direction == direction]
    key = "change_low" if direction == "better" else "change_high"
    return sorted(some, key=lambda one: -abs(getattr(one.against_others, key)))


def _contrast(one: ApproachComparison) -> KeyFinding:
    change = one.against_others
    ended = one.success + one.failure
    more = "more" if change.direction == "better" else "less"
    return KeyFinding(
        text=f"In {one.task_type}, \u201c{_cut(one.approach, _QUOTED)}\u201d succeeded in "
        f"{percent(one.success_rate)} of {ended:,} executions, {_points(change.change)} {more} "
        f"often than the other approaches.",
        task_type=one.task_type,
        approach=one.approach,
    )


def _failure(one: FailurePattern) -> KeyFinding:
    times = counted(one.failures, "time")
    text = f"The commonest failure, {times}: \u201c{_cut(one.pattern, _QUOTED)}\u201d."
    if one.fix is not None:
        text += f" What ended it: {_cut(one.fix, _FIX)}"
    return KeyFinding(text=text, task_id=one.fix_task_id or one.task_ids[0])


def _use(loop: RecallUse) -> Iterator[KeyFinding]:
    change = loop.difference
    if change is None or change.direction == "unclear":
        return
    more = "more" if change.direction == "better" else "less"
    yield KeyFinding(
        text=f"Executions that used earlier ones succeeded {_points(change.change)} {more} often "
        f"({_rate(loop.with_use)} against {_rate(loop.without_use)})."
    )


def _nothing_sure(approaches: Sequence[ApproachComparison]) -> Iterator[KeyFinding]:
    if approaches and all(one.against_others.direction == "unclear" for one in approaches):
        yield KeyFinding(
            text=f"Of {len(approaches):,} approaches that were compared within their task types, "
            "none is surely better or worse than the others yet."
        )


def _rate(rate: Rate) -> str:
    return f"{percent(rate.success_rate or 0)} of {rate.success + rate.failure:,}"


def _points(change: float) -> str:
    return counted(abs(round(100 * change)), "percentage point")


def _cut(text: str, longest: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}\u2026"
