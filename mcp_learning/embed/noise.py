"""The noise floor of a model: the cosine similarity below which a match is noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BUNDLED_FLOOR = 0.30
"""Cosine similarity below which a match of the bundled model is noise.

Calibrated: it keeps all true pairs of real agent-run texts and 95 % of short tasks with their
paraphrases, and rejects 99 % of unrelated short pairs and every question from outside software.
"""

# Mean cosine similarity of pairs of these sentences with the bundled model.
_BUNDLED_MEAN = 0.017
UNRELATED = (
    "add pagination to the users endpoint",
    "the worker is killed because it runs out of memory",
    "translate the settings page to German",
    "shrink the Docker image",
    "TypeError: Cannot read properties of undefined",
    "write unit tests for the date parser",
    "deadlock when two transactions update stock",
    "how do I bake sourdough bread",
    "who won the chess championship in 1972",
    "cheap flights to Lisbon in May",
)


def noise_floor(vectors: NDArray[np.float32]) -> float:
    """Return the cosine, 0..1, that corresponds to `BUNDLED_FLOOR` of the bundled model.

    The distance of a floor from 1 is in proportion to that of the mean cosine of unrelated texts,
    which models trained to distinguish many languages or passages place close to each other (mean
    cosine 0.78 for E5, 0.02 for the bundled model).

    Args:
        vectors: (n, dimension) float32, L2-normalised, of unrelated texts; at least two.
    """
    import numpy as np

    mean = (vectors @ vectors.T)[np.triu_indices(len(vectors), k=1)].mean()
    scale = (1 - mean) / (1 - _BUNDLED_MEAN)
    return float(np.clip(1 - (1 - BUNDLED_FLOOR) * scale, 0.0, 0.99))
