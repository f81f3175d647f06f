"""Selects the evidence on a task, and the options that are worth comparing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from mcp_learning.models.folding import normalised
from mcp_learning.models.requests import Choice
from mcp_learning.recommend.belief import Belief, Counts, Floats
from mcp_learning.recommend.estimate import Background, usual
from mcp_learning.recommend.evidence import Bools, Evidence, Ints, Place
from mcp_learning.recommend.history import EndedExecutions
from mcp_learning.recommend.labels import including, parts
from mcp_learning.recommend.tallies import tally, typical
from mcp_learning.recommend.votes import weight_of
from mcp_learning.redaction import repositories
from mcp_learning.search.catalog import CatalogView
from mcp_learning.search.found import Related
from mcp_learning.search.scorer import Query
from mcp_learning.search.snapshot import Snapshot
from mcp_learning.store.types import Vote

MOST_COMPARED = 12
"""Most options that are compared, those with the most evidence on tasks like this one, unless more
are to be shown; each takes 0.1 ms."""

FEW_USED = 2
"""If fewer options were used for the kind of work, one used for other kinds is compared, too."""

LIKELY = 0.25
"""Least probability that an option was used for the type of task at hand if it is compared."""

SURE_OF_TYPE = 0.8
"""Least probability of an inferred type if rates are based on tasks of that type, too."""


@dataclass(frozen=True)
class Comparison:
    """What is compared, and for which task.

    Attributes:
        by: The label whose values are the options.
        repo: Repository of the task at hand; None: any.
        task_type: Type of the task at hand; None: any.
        limit: Number of options to be shown, at least 1.
        include: Options that are compared in any case, even without any execution.
    """

    by: Choice
    repo: str | None
    task_type: str | None
    limit: int
    include: Sequence[str] = ()


@dataclass(frozen=True)
class Gathered:
    """The n ended executions of tasks similar to the one at hand, and the m options compared.

    Attributes:
        rows: (n,) int64, oldest first.
        evidence: The same executions.
        background: All ended executions.
        names: Names of the options, by number.
        used: (m,) the probability that each was used for the type of the task at hand, 0..1.
        known: Number of all options, including those that aren't compared.
        inferred: Probabilities of the task's types; empty if it was given or can't be inferred.
    """

    rows: Ints
    evidence: Evidence
    background: Background
    names: list[str]
    used: Floats
    known: int
    inferred: Mapping[str, float]


def gather(
    related: Related,
    query: Query,
    comparison: Comparison,
    votes: Mapping[UUID, Vote],
    half_life_days: float,
    history: EndedExecutions,
) -> Gathered:
    """The evidence on the options for a task.

    Args:
        related: Executions and their similarities to the task at hand.
        query: The task at hand.
        comparison: What to compare.
        votes: For and against executions.
        half_life_days: Age at which evidence counts half, in days.
        history: Of the same rows, for the same label.
    """
    view = related.snapshot.view
    merged, included = including(history.merged, comparison.include)
    options = len(merged.names)
    similarities = np.zeros(len(history.rows) + 1)  # the last is for position -1
    similarities[history.position[related.rows]] = related.similarities
    similar = np.flatnonzero(similarities[:-1] > 0)  # oldest first
    similarity = similarities[similar]
    weight = history.weights(query.now, half_life_days)
    everywhere = history.counts(weight, options)
    tried = tally(history.option[similar], similarity, options)
    given = comparison.task_type
    inferred = history.learned.types_of(query.vector) if given is None and len(similar) else {}
    types = inferred if given is None else {given: 1.0}
    near_types = view["task_type"][history.rows[similar]]
    of_type = _of_type(related.snapshot, types, near_types, similarity)
    used, portable = _uses(history, of_type, options)
    compared = _compared(tried, used, portable, everywhere, comparison.limit, included)
    if history.discount_changed(weight, compared, related.snapshot.vectors, query.noise):
        everywhere = history.counts(weight, options)
    renumbered = np.full(options, -1)
    renumbered[compared] = np.arange(len(compared))
    chosen = renumbered[history.option[similar]] >= 0
    similar, similarity = similar[chosen], similarity[chosen]
    rows = history.rows[similar]
    evidence = Evidence(
        option=renumbered[history.option[similar]],
        success=history.success[similar],
        corrected=history.corrected[similar],
        similarity=similarity,
        same=view["task_key"][rows] == query.task_key,
        weight=weight[similar] * _by_votes(view, rows, votes),
    )
    there: dict[Place, Floats] = {}
    other = history.task != query.task_key
    if max(types.values(), default=0.0) >= SURE_OF_TYPE:
        there["task_type"] = other * of_type[view["task_type"][history.rows]]
    if comparison.repo is not None:
        wanted = codes(related.snapshot, comparison.repo)
        there["repo"] = other * np.isin(view["repo"][history.rows], wanted).astype(np.float64)
    sums = float(everywhere.success.sum()), float(everywhere.total.sum())
    spread = typical(history.option, history.corrected, weight, history.kind_effects, options)
    plain = everywhere.of(compared)
    if comparison.by == "routing":  # beliefs about parts are based on all options
        believed = usual(*sums, spread, parts(merged.names)).of(compared)
        rates = usual(*sums, plain).rate
    else:  # one call for both takes half the time
        both = Counts(*map(np.stack, zip(spread.of(compared), plain, strict=True)))
        found = usual(np.full(2, sums[0]), np.full(2, sums[1]), both)
        believed = Belief(found.logit[0], found.own[0], found.shared[0])
        rates = found.rate[1]
    background = Background(
        *sums,
        believed,
        rates,
        {name: history.counts(weight * at, options).of(compared) for name, at in there.items()},
        given is not None,
    )
    names = [merged.names[number] for number in compared.tolist()]
    return Gathered(rows, evidence, background, names, used[compared], options, inferred)


def codes(snapshot: Snapshot, repo: str) -> list[int]:
    """The codes of a repository under all its spellings."""
    labels = snapshot.labels("repo")
    same = repositories.matching(repo, labels)
    return [code for code, label in enumerate(labels) if label in same]


def _of_type(
    snapshot: Snapshot, types: Mapping[str, float], near: Ints, similarity: Floats
) -> Floats:
    """(types,) the probability of each type for the task at hand.

    Args:
        snapshot: Has the names of types.
        types: Known probabilities, by any spelling; if empty, they are the shares among similar
            executions.
        near: (n,) types of similar executions.
        similarity: (n,) their similarities, 0..1.
    """
    names = snapshot.labels("task_type")
    if types:
        known = {normalised(name): chance for name, chance in types.items()}
        return np.array([known.get(normalised(name), 0.0) for name in names])
    share = tally(near, similarity, len(names))
    return np.asarray(share / max(share.sum(), 1e-300))


def _compared(
    tried: Floats, used: Floats, portable: Bools, usual: Counts, limit: int, included: Ints
) -> Ints:
    """Numbers of the options to compare, ascending.

    These are the options used for the kind of work. If they are fewer than `FEW_USED`, another one
    is added that was tried on similar tasks or used for at least two types: an approach that was
    only used to write documentation is no advice for a deadlock. If no option was used for the
    kind, all that meet this are compared.

    Args:
        tried: (m,) summed similarity of the tasks on which each option was tried.
        used: (m,) from `_uses`.
        portable: (m,) from `_uses`.
        usual: Counts of m options on all tasks.
        limit: Number of options to be shown.
        included: Numbers of options that are compared in any case.
    """
    rate = (usual.success + 1) / (usual.total + 2)
    order = np.lexsort((np.arange(len(rate)), -np.round(rate, 9), -np.round(tried, 9)))
    likely = used >= LIKELY
    most = max(MOST_COMPARED, limit)
    best = order[likely[order]][:most]
    others = order[(~likely & ((tried > 0) | portable))[order]]
    room = most if not len(best) else 1 if len(best) < FEW_USED else 0
    chosen = {*best.tolist(), *others[:room].tolist(), *included.tolist()}
    return np.array(sorted(chosen), np.int64)


def _uses(history: EndedExecutions, of_type: Floats, count: int) -> tuple[Floats, Bools]:
    """(count,) probability that an option was used for the task's type; whether it was for two.

    Args:
        history: All ended executions.
        of_type: (types,) the probability of each type for the task at hand.
        count: Number of options.
    """
    options, types = history.uses
    return tally(options, of_type[types], count), np.bincount(options, minlength=count) >= 2


def _by_votes(view: CatalogView, similar: Ints, votes: Mapping[UUID, Vote]) -> Floats:
    """(n,) factors of n similar executions by their votes."""
    if not votes:
        return np.ones(len(similar))
    given = (votes.get(view.task_id(row)) for row in similar.tolist())
    return np.array([1.0 if vote is None else weight_of(vote) for vote in given], np.float64)
