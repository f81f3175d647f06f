"""An execution as input of a replay."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class PastRun:
    """One execution with what recommendations use of it; times are naive UTC.

    Attributes:
        task_key: The same for all runs of a task.
        repo: Empty if unknown.
        label: The option that was taken; empty if unknown.
        success: Whether it succeeded; None: it hasn't ended.
        texts: The texts of the word index: description, solution, error type and message.
        vector: (dimension,) float32, L2-normalised; None: not embedded.
        votes: When each vote on it was known, and whether it was in favour.
        propensity: Probability, 0..1, with which its option was drawn (`metadata.propensity`);
            None: it wasn't drawn.
        confidence: Of its outcome, 0..1.
        observed: For a told outcome, the outcome by verdicts of other sources; None without any,
            or if the outcome wasn't told.
        files: Paths that it changed.
        recovered: Commands that failed in it, each with the one that then worked.
    """

    recorded_at: datetime
    updated_at: datetime
    task_key: int
    repo: str
    task_type: str
    label: str
    success: bool | None
    texts: tuple[str | None, ...]
    vector: "NDArray[np.float32] | None"
    votes: tuple[tuple[datetime, bool], ...] = ()
    propensity: float | None = None
    confidence: float = 1.0
    observed: bool | None = None
    files: tuple[str, ...] = ()
    recovered: tuple[tuple[str, str], ...] = ()
