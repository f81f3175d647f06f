"""From what words and vectors say to one similarity, 0..1, that ranks and that the floor is for.

    similarity = w · √coverage + (1 - w) · meaning
    w = 0.85 · max(evidence / (evidence + 14), identifiers)

`coverage`, `evidence` and `identifiers` are the word index's (`words.Scores`); `meaning` is the
cosine, rescaled so that the noise of any model is that of the bundled one. A long log full of
identifiers is judged by its words, a short plain sentence by its meaning, an identifier alone by
itself. The square root gives a few rare words in common the weight that they have as evidence, so
that one floor can serve long and short questions. docs/tuning.md has the figures and their limits.
"""

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search.lexical.word_index import Scores

WORDS_AT_MOST = 0.85
"""Weight of the words of a question that has nothing but evidence, 0..1."""

HALF_EVIDENCE = 14.0
"""Evidence at which words get half of that: as many words of the greatest rarity."""

FLOOR = 0.41
"""Similarity below which a match is noise: docs/tuning.md has how it was measured."""

NAMED = 0.45
"""Least similarity of a match that has every identifier of the question."""

REFERENCE_NOISE = 0.30
"""The bundled model's `Embedder.floor`, which `meaning` of any other model is rescaled to."""


def weight_of_words(scores: Scores) -> float:
    """How much the words of a question count against its meaning, 0..`WORDS_AT_MOST`."""
    saturated = scores.evidence / (scores.evidence + HALF_EVIDENCE)
    return WORDS_AT_MOST * max(saturated, scores.identifiers)


def meaning(cosines: NDArray[np.float32], noise: float) -> NDArray[np.float32]:
    """(n,) float32, 0..1, from cosines.

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
    """(n,) float32, 0..1.

    Args:
        meanings: (n,) from `meaning`.
        coverage: (n,) from the word index.
        weight: Of the words, from `weight_of_words`.
    """
    fused = meanings * np.float32(1 - weight)
    matched = np.flatnonzero(coverage)
    fused[matched] += np.float32(weight) * np.sqrt(coverage[matched])
    return fused
