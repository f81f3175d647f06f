"""Results of the retriever: rows and numbers, without texts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mcp_learning.models.results import Runs
from mcp_learning.search.relevance import Confidence
from mcp_learning.search.scorer import MatchedBy, Scorer
from mcp_learning.search.snapshot import Snapshot
from mcp_learning.store.types import Shown

Mode = Literal["exact", "hnsw"]


@dataclass(frozen=True)
class Ranked:
    """A task that was found, with its most useful execution and its runs that pass the filters.

    Attributes:
        task_id: The execution's id.
        sequence: The execution's change number at the time of the search.
        similarity: Similarity of the task's most similar run, 0..1.
        confidence: How sure it is that the task answers the query.
        matched_by: See `Scorer.matched_by`.
        runs: Numbers of runs by outcome.
        passage: Number of the execution's passage that is most similar in meaning; None: unknown.
        fix: Change number of the success that followed, if the execution failed.
        fix_task_id: The id of that success.
        superseded_by: The later execution that supersedes this one.
        row: The execution's row.
    """

    task_id: UUID
    sequence: int
    similarity: float
    confidence: Confidence
    matched_by: MatchedBy
    runs: Runs
    passage: int | None = None
    fix: int | None = None
    fix_task_id: UUID | None = None
    superseded_by: UUID | None = None
    row: int = -1

    @property
    def texts(self) -> dict[int, UUID]:
        """The executions whose texts are shown, by their change numbers."""
        shown = {self.sequence: self.task_id}
        if self.fix is not None and self.fix_task_id is not None:
            shown[self.fix] = self.fix_task_id
        return shown


@dataclass(frozen=True)
class Found:
    """Result of a search.

    Attributes:
        ranked: Matches, best first, at most the limit.
        mode: How candidates were found.
        candidates: Executions searched.
        below_floor: Executions left out as irrelevant; 0 if the result has as many tasks as the
            limit, which left out the rest.
        scorer: Scores further rows for the query.
    """

    ranked: list[Ranked]
    mode: Mode
    candidates: int
    below_floor: int
    scorer: Scorer

    def missing(self, texts: Mapping[int, Shown]) -> dict[int, UUID]:
        """The shown executions that `texts` lacks, by their change numbers."""
        shown = {number: task for one in self.ranked for number, task in one.texts.items()}
        return {number: task for number, task in shown.items() if number not in texts}

    def unchanged(self, texts: Mapping[int, Shown]) -> dict[int, Shown]:
        """Those of the texts that aren't newer than the rows that were searched."""
        known = self.scorer.snapshot.view.sequence
        return {number: one for number, one in texts.items() if number <= known}


@dataclass(frozen=True)
class Related:
    """Executions and their similarity to a query or its kind of work, whichever is greater.

    Attributes:
        snapshot: The snapshot that the rows are of.
        rows: (m,) int64, ascending: rows that pass the filters and are similar.
        similarities: (m,) float32, above `relevance_feedback.MIN_SIMILARITY`, at most 1.
        scorer: Scores further rows for the query, without its background.
    """

    snapshot: Snapshot
    rows: NDArray[np.int64]
    similarities: NDArray[np.float32]
    scorer: Scorer


@dataclass(frozen=True)
class Neighbours:
    """Nearest rows, best first: (k,) int64 embedding versions and (k,) float32 cosines."""

    versions: NDArray[np.int64]
    similarities: NDArray[np.float32]
