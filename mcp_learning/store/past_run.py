"""An execution as a replay of history takes it."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class PastRun:
    """One execution as recommendations use it, for replaying history; times are naive UTC.

    Attributes:
        task_key: The same for all runs of a task.
        label: The option that was taken; empty, as `repo`: none is named.
        success: None: it hasn't ended.
        texts: That are searched by their words: description, solution, error type and message.
        vector: (dimension,) float32, L2-normalised; None: not embedded.
        votes: When each vote on it was known, and whether it was in favour.
        propensity: How likely its option was to be drawn, 0..1, as `metadata.propensity` says;
            None: it wasn't drawn.
        confidence: How sure its outcome is, 0..1.
        observed: Of an outcome that was told: whether it succeeded by what facts say; None: they
            say nothing, or it wasn't told.
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
