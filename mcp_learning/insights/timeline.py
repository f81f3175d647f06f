"""Chooses time steps with enough executions, and makes the curve of success rates."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from mcp_learning.insights.rates import rated, weights
from mcp_learning.models.dashboard import RatePoint
from mcp_learning.models.listed import Bucket, Step
from mcp_learning.store.types import Endings

LEAST_OUTCOMES = 20
"""Least weight (sum of confidences) of the outcomes of a point of the curve, whose 90 % interval is
then at most 35 percentage points wide."""

FULL = 8  # least mean number of executions per step
FEWEST_STEPS = 8  # least number of steps that a coarser step has to leave

_LENGTHS: dict[Step, timedelta] = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=30),
}
_MOST = {"hour": 96, "day": 120, "week": 128}


def step_for(first: datetime, until: datetime, executions: int) -> Step:
    """The finest step with at most `_MOST` steps and, on average, `FULL` executions per step.

    A step with fewer executions is taken if the next coarser one leaves under `FEWEST_STEPS` steps.
    """
    for step, coarser in pairwise(_LENGTHS):
        count = (until - first) / _LENGTHS[step]
        left = (until - first) / _LENGTHS[coarser]
        if count <= _MOST[step] and (executions >= FULL * count or left < FEWEST_STEPS):
            return step
    return "month"


def rate_points(buckets: Sequence[Bucket], step: Step) -> list[RatePoint]:
    """Success rates of consecutive steps, joined until they have `LEAST_OUTCOMES`.

    Steps left over at the end are joined to the last point.
    """
    runs = list(_runs(buckets))
    if len(runs) > 1 and _weight(runs[-1]) < LEAST_OUTCOMES:
        runs[-2:] = [[*runs[-2], *runs[-1]]]
    return [_point(run, _LENGTHS[step]) for run in runs if _weight(run)]


def _runs(buckets: Sequence[Bucket]) -> Iterator[list[Bucket]]:
    run: list[Bucket] = []
    for bucket in buckets:
        run.append(bucket)
        if _weight(run) >= LEAST_OUTCOMES:
            yield run
            run = []
    if run:
        yield run


def _weight(run: Sequence[Bucket]) -> float:
    return sum(_weights(run))


def _weights(run: Sequence[Bucket]) -> tuple[float, float]:
    won, lost = zip(*(weights(_ended(bucket)) for bucket in run), strict=True)
    return sum(won), sum(lost)


def _ended(one: Bucket) -> Endings:
    return Endings(one.success, one.failure, one.success_weight, one.failure_weight)


def _point(run: Sequence[Bucket], length: timedelta) -> RatePoint:
    counts = sum(bucket.success for bucket in run), sum(bucket.failure for bucket in run)
    start, end = run[0].start, run[-1].start + length
    middle = start + (run[-1].start - start) / 2
    rate = rated(Endings(*counts, *_weights(run)))
    return RatePoint(start=start, middle=middle, end=end, **rate.model_dump())
