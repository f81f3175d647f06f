"""Calibration of recommendations on the latest outcomes, by the same replay as `evaluate`.

The leader only sends the executions, a page at a time; the predictions are made on a thread of this
process.
"""

from typing import Any

import anyio
import anyio.to_thread

from mcp_learning.insights.rates import wilson_interval
from mcp_learning.models.dashboard import HistoryEntry
from mcp_learning.models.fields import Model
from mcp_learning.models.requests import Dimension
from mcp_learning.service.protocol import Learning

MOST_HISTORY, PREDICTED = 3_000, 500  # latest executions that are read, and that are predicted


class Point(Model):
    """A bin of similar predictions: their mean, and the observed success rate."""

    predicted: float
    observed: float
    interval_low: float
    interval_high: float
    count: int


class Calibrated(Model):
    """An evaluation; `report` is what `evaluate --json` prints."""

    looked_at: int
    points: list[Point]
    report: dict[str, Any]


class Calibration:
    """Runs one evaluation at a time, and caches the last result until the database changes."""

    def __init__(self, half_life_days: float) -> None:
        self._half_life_days = half_life_days
        self._one = anyio.Lock()
        self._kept: tuple[tuple[str, Dimension], Calibrated] | None = None

    async def of(self, service: Learning, by: Dimension) -> Calibrated:
        """The calibration of predictions by this dimension; raises as `Learning.history`."""
        async with self._one:
            state = ((await service.pulse()).state, by)
            if self._kept is None or self._kept[0] != state:
                from mcp_learning.service.history import latest  # not at the top: imports numpy

                noise, entries = await latest(service, by, MOST_HISTORY)
                result = await anyio.to_thread.run_sync(
                    _evaluated, entries, by, noise, self._half_life_days
                )
                self._kept = (state, result)
            return self._kept[1]


def _evaluated(
    entries: list[HistoryEntry], by: Dimension, noise: float, half_life_days: float
) -> Calibrated:
    # Imported only if an evaluation is requested.
    from mcp_learning.recommend.evaluation import evaluate
    from mcp_learning.recommend.replay import replay
    from mcp_learning.recommend.scores import curve
    from mcp_learning.service.history import unpacked

    past = [unpacked(entry) for entry in entries]
    replayed = replay(past, by, noise, half_life_days, PREDICTED, lambda *_: None)
    points = []
    if len(replayed.happened):
        for one in curve(replayed.predicted, replayed.happened):
            low, high = wilson_interval(round(one.observed * one.count), one.count)
            points.append(Point(**vars(one), interval_low=low, interval_high=high))
    report = evaluate(replayed).as_json()
    return Calibrated(looked_at=len(past), points=points, report=report)
