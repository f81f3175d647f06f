"""Combines lexical and vector scores into one similarity, 0..1, for ranking and for the floor.

    similarity = w · √coverage + (1 - w) · meaning
    w = 0.85 · max(evidence / (evidence + 14), identifiers)

`coverage`, `evidence` and `identifiers` are those of `word_index.LexicalScores`. `meaning` is the
cosine, rescaled so that unrelated texts have the same cosine with every model as with the bundled
one. A long log full of identifiers is matched mainly by its words, a short plain sentence by its
meaning.
The square root raises the score of a few rare words in common, so that one floor fits long and
short queries. docs/tuning.md has the measurements and their limits.
"""

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search.lexical.word_index import LexicalScores

MAX_LEXICAL_WEIGHT = 0.85
"""Greatest weight of the lexical score, 0..1."""

HALF_EVIDENCE = 14.0
"""Evidence at which the lexical score gets half of that weight."""

FLOOR = 0.41
"""Similarity below which matches are noise; docs/tuning.md says how it was measured."""

MIN_WITH_IDENTIFIERS = 0.45
"""Least similarity of a row that has every identifier of the query."""

SAME_ERROR, SAME_TEXT = 0.9, 0.99
"""Least similarity of a row that has the very error of the query, and of one with all its words."""

REFERENCE_NOISE = 0.30
"""`Embedder.floor` of the bundled model, to which cosines of other models are rescaled."""


def lexical_weight(scores: LexicalScores) -> float:
    """The weight of the lexical score against the vector score, 0..`MAX_LEXICAL_WEIGHT`."""
    saturated = scores.evidence / (scores.evidence + HALF_EVIDENCE)
    return MAX_LEXICAL_WEIGHT * max(saturated, scores.identifiers)


def meaning(cosines: NDArray[np.float32], noise: float) -> NDArray[np.float32]:
    """(n,) float32, 0..1: rescaled cosines.

    Args:
        cosines: (n,) float32, -1..1.
        noise: `Embedder.floor` of the model that made the vectors, 0..1.
    """
    if noise == REFERENCE_NOISE:
        return np.asarray(np.maximum(cosines, np.float32(0)))
    slope = np.float32((1 - REFERENCE_NOISE) / (1 - noise))
    return np.asarray(np.maximum(1 - (1 - cosines) * slope, np.float32(0)))


def similarities(
    meanings: NDArray[np.float32], coverage: NDArray[np.float32], weight: float
) -> NDArray[np.float32]:
    """(n,) float32, 0..1: the combined score of n rows.

    Args:
        meanings: (n,) from `meaning`.
        coverage: (n,) from `LexicalScores`.
        weight: From `lexical_weight`.
    """
    fused = meanings * np.float32(1 - weight)
    matched = np.flatnonzero(coverage)
    fused[matched] += np.float32(weight) * np.sqrt(coverage[matched])
    return fused


def of_quoted_error(
    overlaps: NDArray[np.float32], coverage: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(n,) float32: least similarities of n rows whose error the query quotes.

    Args:
        overlaps: (n,) float32, 0..1, from `ErrorForms.quoted_by`.
        coverage: (n,) from `LexicalScores`. It decides among occurrences of one error.
    """
    span = np.float32(SAME_ERROR - MIN_WITH_IDENTIFIERS)
    least = np.float32(MIN_WITH_IDENTIFIERS) + span * overlaps**2
    return np.asarray(least + np.float32(SAME_TEXT - SAME_ERROR) * np.sqrt(coverage))
