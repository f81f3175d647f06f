"""Combines lexical and vector scores into one similarity, 0..1, by which matches are ranked.

    similarity = w · √coverage + (1 - w) · meaning
    w = max(0.85 · max(evidence / (evidence + 14), identifiers), 0.3 + 0.7 · unknown)

`coverage`, `evidence` and `identifiers` are those of `word_index.LexicalScores`; `unknown` is the
share of the query that the model can't read. `meaning` is the cosine, rescaled so that unrelated
texts have the same cosine with every model and in every language as with the bundled model in
English. A long log full of identifiers is matched mainly by its words, a short plain sentence by
its meaning.
The square root raises the score of a few rare words in common, so that long and short queries have
like scores. `relevance` decides whether a match is shown. docs/tuning.md has the measurements and
their limits.
"""

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search.lexical.word_index import LexicalScores

MAX_LEXICAL_WEIGHT = 0.85
"""Greatest weight of the lexical score, 0..1."""

LEAST_LEXICAL_WEIGHT = 0.3
"""Least weight of the lexical score, of a query that the model can read."""

HALF_EVIDENCE = 14.0
"""Evidence at which the lexical score gets half of its greatest weight."""

BACKGROUND, BACKGROUND_SHARE = 0.225, 0.75
"""A query whose meaning with sentences without content (`Embedder.embed_query`) exceeds
`BACKGROUND / BACKGROUND_SHARE` is in a language that the model hardly reads, or has no content
itself. All its meanings are then rescaled, such that `BACKGROUND_SHARE` of that one becomes
`BACKGROUND`."""

MIN_WITH_IDENTIFIERS = 0.45
"""Least similarity of a row that has every identifier of the query."""

SAME_ERROR, SAME_TEXT = 0.9, 0.99
"""Least similarity of a row with exactly the query's error, and if it has all its words, too."""

REFERENCE_NOISE = 0.30
"""`Embedder.floor` of the bundled model, to which cosines of other models are rescaled."""


def lexical_weight(
    scores: LexicalScores, unknown: float = 0.0, least: float = LEAST_LEXICAL_WEIGHT
) -> float:
    """The weight of the lexical score against the vector score, `least`..1.

    Args:
        scores: Lexical scores of the query.
        unknown: Share of the query's word pieces that the model doesn't know, 0..1.
        least: See `LEAST_LEXICAL_WEIGHT`.
    """
    saturated = scores.evidence / (scores.evidence + HALF_EVIDENCE)
    by_words = MAX_LEXICAL_WEIGHT * max(saturated, scores.identifiers)
    return max(by_words, least + (1 - least) * unknown)


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


def above_background(meanings: NDArray[np.float32], background: float) -> NDArray[np.float32]:
    """(n,) float32, 0..1: meanings, lowered if the query has a background (see `BACKGROUND`).

    Args:
        meanings: (n,) from `meaning`.
        background: Greatest meaning of the query and a sentence without content, 0..1.
    """
    excess = BACKGROUND_SHARE * background
    if excess <= BACKGROUND:
        return meanings
    slope = np.float32((1 - BACKGROUND) / (1 - excess))
    return np.asarray(np.maximum(1 - (1 - meanings) * slope, np.float32(0)))


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
        coverage: (n,) from `LexicalScores`; it ranks the occurrences of one error.
    """
    span = np.float32(SAME_ERROR - MIN_WITH_IDENTIFIERS)
    least = np.float32(MIN_WITH_IDENTIFIERS) + span * overlaps**2
    return np.asarray(least + np.float32(SAME_TEXT - SAME_ERROR) * np.sqrt(coverage))
