"""Finds pitfalls of a task: kinds of failures on similar tasks, each with its fix."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from mcp_learning.models.error_messages import normal_form
from mcp_learning.models.identifiers import task_key
from mcp_learning.models.results import Pitfall
from mcp_learning.recommend.belief import Floats
from mcp_learning.recommend.estimate import Regularities
from mcp_learning.recommend.evidence import Ints, closeness
from mcp_learning.recommend.history import weights_of
from mcp_learning.recommend.tallies import heaviest, tally
from mcp_learning.search import fusion
from mcp_learning.search.catalog import OUTCOMES, CatalogView
from mcp_learning.search.found import Related
from mcp_learning.search.scorer import Query
from mcp_learning.store.types import Shown

MOST = 3
"""Pitfalls in an answer, those with the most weight."""

LATEST = 1_000
"""Failures that are compared with the task by meaning."""

MOST_READ = 100
"""Failures, and successes, whose texts are looked at."""

CLOSE_ENOUGH = 0.5
"""Least weight of a later success on another task that counts as a fix."""


LONGEST = 300
"""Characters of what happened, from the telling sentence on."""

_SENTENCE = re.compile(r"(?<=[.!?:])\s+|\n+")
_TELLING = re.compile(
    r"error|fail|exception|traceback|cannot|can't|couldn't|unable|not found|missing|invalid|wrong"
    r"|timed? ?out|exceed|denied|refused|conflict|instead of|never |without ",
    re.IGNORECASE,
)

_task = lru_cache(maxsize=4_096)(task_key)

_SUCCESS, _FAILURE, _PENDING = (OUTCOMES.index(one) for one in ("success", "failure", "pending"))

_Weighed = tuple[Shown, float]


def relevant(
    related: Related,
    query: Query,
    learned: Regularities,
    evidence: Mapping[int, float],
    half_life_days: float,
) -> Mapping[int, float]:
    """Rows of failures that indicate how a task may fail, and of successes that may be fixes.

    Each has a weight > 0; there are at most `MOST_READ` of either. They need not name an option.

    Args:
        related: Executions related to the task.
        query: The task.
        learned: What was learned from the same rows.
        evidence: Rows of executions on similar tasks with the most weight, and their weights > 0.
        half_life_days: Age at which an execution counts half, in days.
    """
    view = related.snapshot.view
    close = closeness(related.similarities)
    known = (close > 0) & (view["outcome"][related.rows] != _PENDING)
    known &= view["confidence"][related.rows] > 0
    rows = related.rows[known]
    weights = close[known] * weights_of(view, rows, query.now, half_life_days)
    weights[np.searchsorted(rows, np.fromiter(evidence, np.int64))] = [*evidence.values()]
    success = view["outcome"][rows] == _SUCCESS
    lost = heaviest(np.where(success, 0.0, weights), MOST_READ)
    failures = _failures(related, query, learned, rows[lost], weights[lost], half_life_days)
    fixes = heaviest(np.where(success & view["has_solution"][rows], weights, 0.0), MOST_READ)
    return failures | dict(zip(rows[fixes].tolist(), weights[fixes].tolist(), strict=True))


def _failures(
    related: Related,
    query: Query,
    learned: Regularities,
    similar: Ints,
    weights: Floats,
    half_life_days: float,
) -> dict[int, float]:
    """Rows of at most `MOST_READ` failures, with weights > 0.

    Long texts about the same failure have few words in common, so that their similarity is low.
    Therefore the latest ones are also compared by meaning, unless the query has a background. If
    the history allows a prediction of the type of error, types are weighted by their probabilities.

    Args:
        related: Executions related to the task.
        query: The task.
        learned: What was learned from the same rows.
        similar: Rows of failures on similar tasks.
        weights: The weights of these.
        half_life_days: Age at which a failure counts half, in days.
    """
    view = related.snapshot.view
    rows = _with_latest_failures(view, similar)
    known, weights = weights, np.zeros(len(rows))
    weights[np.searchsorted(rows, similar)] = known
    if query.vector is not None and not query.has_background:
        meanings = fusion.meaning(related.snapshot.cosines(query.vector, rows), query.noise)
        aged = weights_of(view, rows, query.now, half_life_days)
        weights = np.maximum(weights, closeness(meanings) * aged)
    types = view["error_type"][rows]
    chances = learned.failures_of(query.vector)
    likely = np.array([chances.get(one, np.nan) for one in related.snapshot.labels("error_type")])
    chosen = heaviest(_as_likely(weights, types, likely), MOST_READ)
    found = _as_likely(weights[chosen], types[chosen], likely)
    return dict(zip(rows[chosen].tolist(), found.tolist(), strict=True))


def _with_latest_failures(view: CatalogView, some: Ints) -> Ints:
    """Some rows and those of the `LATEST` failures, ascending."""
    failed = view["alive"] & (view["outcome"] == _FAILURE) & (view["confidence"] > 0)
    rows = np.flatnonzero(failed)
    if len(rows) > LATEST:
        failed[rows[np.argpartition(view["timestamp"][rows], -LATEST)[:-LATEST]]] = False
    failed[some] = True
    return np.flatnonzero(failed)


def _as_likely(weights: Floats, types: Ints, likely: Floats) -> Floats:
    """(n,) weights of failures, scaled so that types have weight in proportion to `likely`.

    Args:
        weights: (n,) >= 0.
        types: (n,) types of the errors, 0..k - 1.
        likely: (k,) probabilities of the types; NaN: unknown, not scaled.
    """
    of_type = tally(types, weights, len(likely))
    share = likely * of_type[~np.isnan(likely)].sum() / np.maximum(of_type, 1e-300)
    return weights * np.where(np.isnan(share), 1.0, share)[types]


def find(similar: Sequence[_Weighed]) -> list[Pitfall]:
    """Kinds of failures among similar executions, greatest weight first.

    A kind is a normal form of errors that recurs, or else a type of error: messages in prose never
    have equal forms, and a form that occurs with several types is the heading of such a message.
    Failures without a message are left out if others have one.

    Args:
        similar: Ended executions and their weights > 0, greatest first.
    """
    failed = [(one, weight) for one, weight in similar if one.outcome == "failure"]
    failed = [(one, weight) for one, weight in failed if one.error_message or one.error_type]
    chosen = [(one, weight) for one, weight in failed if one.error_message] or failed
    forms = [normal_form(one.error_message or "") for one, _ in chosen]
    times = Counter(forms)
    typed = {(form, one.error_type) for form, (one, _) in zip(forms, chosen, strict=True)}
    types = Counter(form for form, _ in typed)
    kinds: dict[str, list[_Weighed]] = {}
    for form, (one, weight) in zip(forms, chosen, strict=True):
        recurs = bool(form) and times[form] > 1 and types[form] == 1
        kind = f"form {form}" if recurs or not one.error_type else f"type {one.error_type}"
        kinds.setdefault(kind, []).append((one, weight))
    weightiest = sorted(kinds.values(), key=lambda kind: -sum(weight for _, weight in kind))
    return [_pitfall([one for one, _ in kind], similar) for kind in weightiest[:MOST]]


def _pitfall(failures: Sequence[Shown], similar: Sequence[_Weighed]) -> Pitfall:
    first = failures[0]
    return Pitfall(
        error_type=first.error_type,
        what_happened=_telling(first.error_message) or f"failed: {first.error_type}",
        option=first.approach or first.model_tier,
        fix=_fix(failures, similar),
        task_id=first.task_id,
        failures=len(failures),
    )


def _telling(message: str | None) -> str:
    """The message; a long one from the sentence on that says what went wrong."""
    text = (message or "").strip()
    if len(text) > LONGEST:
        sentences = _SENTENCE.split(text)
        at = next((n for n, one in enumerate(sentences) if _TELLING.search(one)), 0)
        text = " ".join(sentences[at:])
    return text[:LONGEST].rstrip()


def _fix(failures: Sequence[Shown], similar: Sequence[_Weighed]) -> str | None:
    """The solution of a later success of the same task, or else of a similar one.

    Without any, the solution recorded with a failure, which says what to do next time.
    """
    solved = [(one, weight) for one, weight in similar if one.outcome == "success"]
    tasks = {_task(one.task_description): one.recorded_at for one in reversed(failures)}
    for one, _ in solved:
        failed_at = tasks.get(_task(one.task_description))
        if failed_at is not None and one.solution_summary and one.recorded_at > failed_at:
            return one.solution_summary
    earliest = min(one.recorded_at for one in failures)
    for one, weight in solved:
        if one.solution_summary and weight >= CLOSE_ENOUGH and one.recorded_at > earliest:
            return one.solution_summary
    return next((one.solution_summary for one in failures if one.solution_summary), None)
