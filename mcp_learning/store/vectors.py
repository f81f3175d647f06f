"""Values that the verbs of a store about vectors take and return."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Generation = Literal["current", "next"]
"""A set of vectors: the one that searches use, or the one that a re-embed is filling."""

TakeVectors = Callable[
    ["NDArray[np.int64]", "NDArray[np.int64]", "NDArray[np.float32]", "NDArray[np.int64]"], None
]
"""Gets vectors on the reading thread, in batches, in any order: (n,) change numbers of the
executions, (n,) versions of the vectors, (n, dimension) float32, and (n,) numbers of passages, of
which 0 stands for the first vector of an execution."""


@dataclass(frozen=True)
class VectorState:
    """The vectors that a store holds, how many executions lack one, and their `model`, if any."""

    model: str | None
    dimension: int
    count: int
    unembedded: int
