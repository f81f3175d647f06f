"""What the retriever answers: rows and numbers, no texts."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mcp_learning.models.results import Runs
from mcp_learning.search.scorer import MatchedBy
from mcp_learning.search.snapshot import Snapshot

Mode = Literal["exact", "hnsw"]


@dataclass(frozen=True)
class Ranked:
    """One relevant task: its most useful execution, and all its runs that pass the filters.

    Attributes:
        task_id: Of the execution.
        sequence: Its change number when it was found.
        similarity: Of the task's most similar run, 0..1.
        matched_by: Which of words and meaning would pass the floor alone.
        runs: How many there are, by outcome.
    """

    task_id: UUID
    sequence: int
    similarity: float
    matched_by: MatchedBy
    runs: Runs


@dataclass(frozen=True)
class Found:
    """Result of a search.

    Attributes:
        ranked: Best first, at most the limit.
        mode: How candidates were found.
        candidates: Executions searched.
        below_floor: Tasks that would have filled the answer, but are not similar enough.
    """

    ranked: list[Ranked]
    mode: Mode
    candidates: int
    below_floor: int


@dataclass(frozen=True)
class Related:
    """Executions and how much they are of the same kind of work as a question.

    Attributes:
        snapshot: Where the rows are from.
        rows: (m,) int64, all rows that may be found, or the candidates that an index proposed.
        similarities: (m,) float32, 0..1, whatever the floor.
    """

    snapshot: Snapshot
    rows: NDArray[np.int64]
    similarities: NDArray[np.float32]


@dataclass(frozen=True)
class Neighbours:
    """Nearest by meaning alone, best first: (k,) embedding versions and cosine similarities."""

    versions: NDArray[np.int64]
    similarities: NDArray[np.float32]
