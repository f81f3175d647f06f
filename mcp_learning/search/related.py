"""How similar executions are to a query's kind of work."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search import relevance_feedback
from mcp_learning.search.arrays import top_k
from mcp_learning.search.found import Related
from mcp_learning.search.lexical.terms import TokenisedQuery
from mcp_learning.search.relevance import POSSIBLE
from mcp_learning.search.scorer import Query, Scorer
from mcp_learning.search.snapshot import Snapshot

_NEAREST = 20

Candidates = Callable[[Scorer], NDArray[np.int64]]
"""Proposes rows that may be related, ascending."""


def related(snapshot: Snapshot, query: Query, candidates: Candidates | None = None) -> Related:
    """Executions with their similarity to the query's kind of work (`relevance_feedback`).

    A query that has a background, as one in a language that the model doesn't know, is similar to
    much. If nothing answers it, it is taken as similar to nothing.

    Args:
        snapshot: The rows.
        query: What they are compared with.
        candidates: Which rows are compared; None: all that may be found.
    """
    words = snapshot.words.score(TokenisedQuery.of(query.text))
    # How much an execution weighs as evidence was calibrated on similarities without these. That
    # words count at least 0.3 makes the regret on generated worlds 0.6 instead of 0.25.
    plain = replace(query, background=0.0, unknown=0.0, least_weight=0.0)
    scorer = Scorer(snapshot, plain, words)
    chosen = None  # all rows: then nothing has to be gathered
    if candidates is not None:
        chosen = candidates(scorer)
    elif snapshot.passing is not None:
        chosen = np.flatnonzero(snapshot.passing)
    found = scorer.similarities(chosen)
    if query.vector is not None:
        metric, norms = snapshot.metric(chosen, query.noise)
        found = relevance_feedback.kind_similarities(
            found, query.vector, snapshot.vectors, chosen, metric, norms
        )
    rows = np.arange(len(found)) if chosen is None else chosen
    if query.has_background and len(rows):
        nearest = rows[top_k(found, _NEAREST)]
        (best,) = Scorer(snapshot, query, words).relevances([nearest])
        if best < POSSIBLE:
            found = np.zeros_like(found)
    return Related(snapshot, rows, found)
