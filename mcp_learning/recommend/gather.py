"""Which executions tell about a task, as evidence on the options that are worth comparing."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from mcp_learning.models.requests import RecommendApproach
from mcp_learning.recommend import changepoint
from mcp_learning.recommend.estimate import Background
from mcp_learning.recommend.evidence import (
    ELSEWHERE,
    SUPERSEDED,
    UNLIKE,
    Bools,
    Evidence,
    Ints,
    recency,
    superseded,
    weight_of,
)
from mcp_learning.recommend.labels import Merged, merge
from mcp_learning.recommend.posterior import Counts, Floats, tally
from mcp_learning.search.catalog import OUTCOMES, CatalogView
from mcp_learning.search.found import Related
from mcp_learning.search.scorer import Query
from mcp_learning.store.types import Vote

MOST_COMPARED = 12
"""Options that are compared, those with the most evidence on tasks like this one, unless more are
to be shown: each takes 0.1 ms."""

MOST_UNTRIED = 2
"""Options shown at most that are known from other tasks only, beside those that were tried."""

_SUCCESS, _PENDING = OUTCOMES.index("success"), OUTCOMES.index("pending")
_DAY = 86_400e6  # microseconds
_MOST_CELLS = 1 << 20  # of a table of options by types: 8 MB


@dataclass(frozen=True)
class Gathered:
    """Ended executions like the task at hand, n of them, and the options that are compared.

    Attributes:
        rows: (n,) int64, oldest first.
        evidence: The same executions.
        beyond: All others.
        names: Of the options, by number.
        known: How many options there are, with those that aren't compared.
    """

    rows: Ints
    evidence: Evidence
    beyond: Background
    names: list[str]
    known: int


def gather(
    related: Related,
    query: Query,
    request: RecommendApproach,
    votes: Mapping[UUID, Vote],
    half_life_days: float,
) -> Gathered:
    """The evidence for an answer to `request`.

    Args:
        related: Executions and how much they are like the task at hand.
        query: The question.
        request: What to compare, and for which repository and type of task.
        votes: For and against executions.
        half_life_days: Age at which evidence counts half, in days.
    """
    view = related.snapshot.view
    now = query.now.timestamp() * 1e6
    merged = merge(related.snapshot.labels(request.by), view[request.by])
    option, options = merged.number[view[request.by]], len(merged.names)
    ended = view["alive"] & (view["outcome"] != _PENDING) & (option >= 0)
    near = related.rows[(related.similarities > UNLIKE) & ended[related.rows]]
    near = near[np.lexsort((view["sequence"][near], view["timestamp"][near]))]
    similarity = np.zeros(len(view))
    similarity[related.rows] = related.similarities
    unlike = ended.copy()
    unlike[near] = False
    far = np.flatnonzero(unlike)
    weight = recency((now - view["timestamp"][far]) / _DAY, half_life_days)
    usual = _counts(view, far, option, weight, options)
    chosen = _compared(related, near, option, similarity, usual, merged, request)
    renumbered = np.full(options + 1, -1, np.int64)
    renumbered[chosen] = np.arange(len(chosen))
    kept = _kept(related, np.flatnonzero(ended), renumbered[option], len(chosen), query.noise)
    counts = _counts(view, far, option, weight * kept[far], options)
    near = near[renumbered[option[near]] >= 0]
    success = view["outcome"][near] == _SUCCESS
    evidence = Evidence(
        option=renumbered[option[near]],
        success=success,
        similarity=similarity[near],
        age_days=np.maximum(now - view["timestamp"][near], 0) / _DAY,
        factor=_factor(related, near, renumbered[option[near]], success, votes, request),
        kept=kept[near],
    )
    beyond = Background(
        Counts(counts.success[chosen], counts.failure[chosen]),
        float(counts.success.sum()),
        float(counts.total.sum()),
    )
    names = [merged.names[number] for number in chosen.tolist()]
    return Gathered(near, evidence, beyond, names, options)


def _counts(view: CatalogView, rows: Ints, option: Ints, weight: Floats, options: int) -> Counts:
    success = view["outcome"][rows] == _SUCCESS
    won = tally(option[rows], weight * success, options)
    return Counts(won, tally(option[rows], weight * ~success, options))


def _kept(related: Related, rows: Ints, option: Ints, options: int, noise: float) -> Floats:
    """(all rows,) `changepoint.everywhere` of the options that are compared, else 1."""
    view, vectors = related.snapshot.view, related.snapshot.vectors
    rows = rows[np.argsort(view["timestamp"][rows], kind="stable")]
    kept = np.ones(len(view))
    kept[rows] = changepoint.everywhere(
        option[rows],
        view["outcome"][rows] == _SUCCESS,
        lambda at: vectors[rows[at]],
        noise,
        options,
    )
    return kept


def _compared(
    related: Related,
    near: Ints,
    option: Ints,
    similarity: Floats,
    beyond: Counts,
    merged: Merged,
    request: RecommendApproach,
) -> Ints:
    """Numbers of the options to compare, ascending: tried on such tasks, and worth exploring."""
    count = len(merged.names)
    seen = np.bincount(option[near], similarity[near], count)
    tried = np.flatnonzero(seen > 0)
    tried = tried[np.argsort(-seen[tried], kind="stable")][: max(MOST_COMPARED, request.limit)]
    worth = _transferable(related, near, option, count, request)
    worth[seen > 0] = False
    untried = np.flatnonzero(worth)
    usual = (beyond.success[untried] + 1) / (beyond.total[untried] + 2)
    untried = untried[np.lexsort((untried, -beyond.total[untried], -np.round(usual, 9)))]
    room = MOST_UNTRIED if len(tried) else request.limit
    return np.sort(np.concatenate([tried, untried[:room]]))


def _transferable(
    related: Related, near: Ints, option: Ints, count: int, request: RecommendApproach
) -> Bools:
    """(count,) whether an option might fit tasks like this one, without having been tried on them.

    It was used on the type of task at hand (as asked for, else that of the similar executions), or
    on two types at least. An approach that only ever served to write documentation is no advice
    for a deadlock.
    """
    view = related.snapshot.view
    types = related.snapshot.labels("task_type")
    rows = np.flatnonzero(view["alive"] & (option >= 0))
    pairs = option[rows] * len(types) + view["task_type"][rows]
    if count * len(types) <= _MOST_CELLS:
        pairs = np.flatnonzero(np.bincount(pairs, minlength=count * len(types)))
    else:
        pairs = np.unique(pairs)
    used_option, used_type = np.divmod(pairs, len(types))
    if request.task_type is not None:
        here = [types.index(request.task_type)] if request.task_type in types else []
    else:
        here = np.unique(view["task_type"][near]).tolist()
    fits = np.bincount(used_option, minlength=count) >= 2
    fits[used_option[np.isin(used_type, here)]] = True
    return np.asarray(fits)


def _factor(
    related: Related,
    near: Ints,
    option: Ints,
    success: Bools,
    votes: Mapping[UUID, Vote],
    request: RecommendApproach,
) -> Floats:
    view = related.snapshot.view
    factor = np.ones(len(near))
    for name, wanted in (("repo", request.repo), ("task_type", request.task_type)):
        if wanted is not None:
            labels = related.snapshot.labels(name)
            code = labels.index(wanted) if wanted in labels else -1
            factor[view[name][near] != code] *= ELSEWHERE
    factor[superseded(view["task_key"][near], view["repo"][near], option, success)] *= SUPERSEDED
    if votes:
        given = (votes.get(view.task_id(row)) for row in near.tolist())
        factor *= np.array([1.0 if vote is None else weight_of(vote) for vote in given])
    return factor
