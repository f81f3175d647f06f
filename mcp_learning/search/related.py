"""How similar executions are to a query's kind of work."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search import relevance_feedback
from mcp_learning.search.arrays import top_k
from mcp_learning.search.exact import cosines
from mcp_learning.search.found import Related
from mcp_learning.search.lexical.terms import TokenisedQuery
from mcp_learning.search.pca_bounds import PcaBoundsView
from mcp_learning.search.relevance import POSSIBLE
from mcp_learning.search.relevance_feedback import MIN_SIMILARITY, NEIGHBOURS
from mcp_learning.search.scorer import ROUNDING, Query, Scorer
from mcp_learning.search.snapshot import Snapshot

Candidates = Callable[[Scorer], NDArray[np.int64]]
"""Proposes rows that may be related, ascending."""


def related(snapshot: Snapshot, query: Query, candidates: Candidates | None = None) -> Related:
    """Executions that are similar to a query or to its kind of work (`relevance_feedback`).

    A query with a background, such as one in a language that the model doesn't know, is similar to
    many rows. If none of them is relevant to it, the result is empty.

    Args:
        snapshot: The rows.
        query: What they are compared with.
        candidates: Proposes the rows to compare; None: all that pass the filters.
    """
    words = snapshot.words.score(TokenisedQuery.of(query.text))
    # The weights of evidence were calibrated on similarities without these three. A least weight of
    # words of 0.3 would raise the regret on generated worlds from 0.25 to 0.6.
    plain = replace(query, background=0.0, unknown=0.0, least_weight=0.0)
    scorer = Scorer(snapshot, plain, words)
    if candidates is None and query.vector is not None and snapshot.bounds is not None:
        found = _by_bounds(scorer, query.vector, query.noise, snapshot.bounds)
    else:
        chosen = None if candidates is None else candidates(scorer)
        found = _by_comparing(scorer, plain, chosen)
    if query.has_background and len(found.rows):
        nearest = found.rows[top_k(found.similarities, NEIGHBOURS)]
        (best,) = Scorer(snapshot, query, words).relevances([nearest])
        if best < POSSIBLE:
            return replace(found, rows=found.rows[:0], similarities=found.similarities[:0])
    return found


def _by_comparing(scorer: Scorer, query: Query, rows: NDArray[np.int64] | None) -> Related:
    """Compares the rows; None: all that pass the filters."""
    snapshot = scorer.snapshot
    if rows is None and snapshot.passing is not None:
        rows = np.flatnonzero(snapshot.passing)
    found = scorer.similarities(rows)
    if query.vector is not None:
        metric, norms = snapshot.metric(rows, query.noise)
        found = relevance_feedback.kind_similarities(
            found, query.vector, snapshot.vectors, rows, metric, norms
        )
    similar = np.flatnonzero(found > MIN_SIMILARITY)
    which = similar if rows is None else rows[similar]
    return Related(snapshot, which, found[similar], scorer)


def _by_bounds(
    scorer: Scorer, vector: NDArray[np.float32], noise: float, projected: PcaBoundsView
) -> Related:
    """As `_by_comparing` for all rows that pass, but skips those that upper bounds rule out.

    The bounds are applied twice: for similarity to the query, and to its kind of work.
    """
    snapshot = scorer.snapshot
    bounds = scorer.bounds()
    assert bounds is not None
    rows = snapshot.passes(np.flatnonzero(bounds > MIN_SIMILARITY - ROUNDING))
    found = np.zeros(len(snapshot.view), np.float32)
    found[rows] = scorer.similarities(rows)
    metric, norms = snapshot.metric(None, noise)
    dual = relevance_feedback.dual_of_kind(metric, vector, snapshot.vectors, found)
    bounds = metric.meaning(projected.bounds(dual), dual, norms)
    rows = snapshot.passes(np.flatnonzero(bounds > MIN_SIMILARITY - ROUNDING))
    kind = metric.meaning(cosines(snapshot.vectors, dual, rows), dual, norms[rows])
    found[rows] = np.minimum(np.maximum(found[rows], kind), np.float32(1))
    rows = np.flatnonzero(found > MIN_SIMILARITY)
    return Related(snapshot, rows, found[rows], scorer)
