"""Executions that have ended and name an option, from which all rates are estimated."""

from dataclasses import dataclass

import numpy as np

from mcp_learning.models.requests import Choice
from mcp_learning.recommend.belief import Floats
from mcp_learning.recommend.evidence import Bools, Ints, corrected_outcome
from mcp_learning.recommend.labels import Merged, choices, merge
from mcp_learning.search.catalog import OUTCOMES, CatalogView
from mcp_learning.search.snapshot import Snapshot

_SUCCESS, _FAILURE, _PENDING = (OUTCOMES.index(one) for one in ("success", "failure", "pending"))


@dataclass(frozen=True)
class Ended:
    """n executions, oldest first. Arrays have n elements.

    Attributes:
        rows: int64 rows, by time.
        task: int64 task keys.
        merged: The options.
        option: int64 number of the option that was taken.
        success: bool, as recorded.
        confidence: float64, confidence of the outcome, > 0 and at most 1.
        corrected: float64, `evidence.corrected_outcome`.
        information: float64, confidence².
    """

    rows: Ints
    task: Ints
    merged: Merged
    option: Ints
    success: Bools
    confidence: Floats
    corrected: Floats
    information: Floats

    @classmethod
    def of(cls, snapshot: Snapshot, by: Choice) -> "Ended":
        """All ended executions of a snapshot.

        Args:
            snapshot: All rows, without filters.
            by: The label whose values are the options.
        """
        view = snapshot.view
        labels, chosen = choices(snapshot, by)
        merged = merge(labels, chosen[view["alive"]])
        option = merged.number[chosen]
        ended = view["alive"] & (option >= 0)
        ended &= (view["outcome"] != _PENDING) & (view["confidence"] > 0)
        rows = np.flatnonzero(ended)
        rows = rows[np.lexsort((view["sequence"][rows], view["timestamp"][rows]))]
        success = view["outcome"][rows] == _SUCCESS
        confidence = view["confidence"][rows].astype(np.float64)
        return cls(
            rows=rows,
            task=view["task_key"][rows].astype(np.int64),
            merged=merged,
            option=option[rows],
            success=success,
            confidence=confidence,
            corrected=corrected_outcome(success, confidence),
            information=confidence**2,
        )

    def most_used(self, among: Bools, most: int) -> "Ended":
        """The executions in `among` that took one of the options most frequent among these.

        Args:
            among: (n,) bool.
            most: Number of options.
        """
        counts = np.bincount(self.option[among], minlength=len(self.merged.names))
        kept = np.argsort(-counts, kind="stable")[:most]
        kept = kept[counts[kept] > 0]
        number = np.full(len(counts) + 1, -1)  # the last is for index -1, a label without option
        number[kept] = np.arange(len(kept))
        at = np.flatnonzero(among & (number[self.option] >= 0))
        names = [self.merged.names[option] for option in kept.tolist()]
        return Ended(
            rows=self.rows[at],
            task=self.task[at],
            merged=Merged(number[self.merged.number], names),
            option=number[self.option[at]],
            success=self.success[at],
            confidence=self.confidence[at],
            corrected=self.corrected[at],
            information=self.information[at],
        )


def latest_failures(view: CatalogView, most: int) -> Ints:
    """Rows of at most `most` failures, the latest ones, in any order."""
    failed = view["alive"] & (view["outcome"] == _FAILURE) & (view["confidence"] > 0)
    rows = np.flatnonzero(failed)
    return rows[np.argsort(view["timestamp"][rows], kind="stable")[-most:]]
