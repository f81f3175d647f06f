"""Finds pitfalls of a task: kinds of failures on similar tasks, each with its fix."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from mcp_learning.models.error_messages import normal_form
from mcp_learning.models.identifiers import task_key
from mcp_learning.models.results import Pitfall
from mcp_learning.recommend.belief import Floats
from mcp_learning.recommend.evidence import Ints, closeness
from mcp_learning.recommend.history import EndedExecutions, weights_of
from mcp_learning.recommend.tallies import heaviest, tally
from mcp_learning.search.catalog import OUTCOMES
from mcp_learning.search.found import Related
from mcp_learning.search.scorer import Query
from mcp_learning.store.types import Shown

MOST = 3
"""Pitfalls in an answer, those with the most weight."""

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

_SUCCESS, _PENDING = OUTCOMES.index("success"), OUTCOMES.index("pending")

_Weighed = tuple[Shown, float]


def relevant(
    related: Related,
    query: Query,
    history: EndedExecutions,
    evidence: Mapping[int, float],
    half_life_days: float,
) -> Mapping[int, float]:
    """Rows of failures that indicate how a task may fail, and of successes that may be fixes.

    Each has a weight > 0; the greatest is first, of equal ones the latest. There are at most
    `MOST_READ` of either. They need not name an option.

    Args:
        related: Executions related to the task.
        query: The task.
        history: Of the same rows.
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
    failures = _failures(related, query, history, rows[lost], weights[lost], half_life_days)
    fixes = heaviest(np.where(success & view["has_solution"][rows], weights, 0.0), MOST_READ)
    rows, weights = map(np.append, failures, (rows[fixes], weights[fixes]))
    order = np.lexsort((-view["timestamp"][rows], -weights))
    return dict(zip(rows[order].tolist(), weights[order].tolist(), strict=True))


def _failures(
    related: Related,
    query: Query,
    history: EndedExecutions,
    similar: Ints,
    weights: Floats,
    half_life_days: float,
) -> tuple[Ints, Floats]:
    """Rows of at most `MOST_READ` failures, and their weights > 0.

    Long texts about the same failure have few words in common, so that their similarity is low.
    Therefore the latest ones are also compared by meaning, unless the query has a background. If
    the history allows a prediction of the type of error, types are weighted by their probabilities.

    Args:
        related: Executions related to the task.
        query: The task.
        history: Of the same rows.
        similar: Rows of failures on similar tasks.
        weights: The weights of these.
        half_life_days: Age at which a failure counts half, in days.
    """
    view = related.snapshot.view
    compared = np.zeros(len(view), bool)
    compared[history.failures] = compared[similar] = True
    rows = np.flatnonzero(compared)
    known, weights = weights, np.zeros(len(rows))
    weights[np.searchsorted(rows, similar)] = known
    if query.vector is not None and not query.has_background:
        aged = weights_of(view, rows, query.now, half_life_days)
        weights = np.maximum(weights, closeness(related.scorer.meanings(rows)) * aged)
    types = view["error_type"][rows]
    chances = history.learned.failures_of(query.vector)
    likely = np.array([chances.get(one, np.nan) for one in related.snapshot.labels("error_type")])
    chosen = heaviest(_as_likely(weights, types, likely), MOST_READ)
    found = _as_likely(weights[chosen], types[chosen], likely)
    return rows[chosen], found


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
    failed = [pair for pair in similar if pair[0].outcome == "failure"]
    chosen = [pair for pair in failed if pair[0].error_message]
    chosen = chosen or [pair for pair in failed if pair[0].error_type]
    forms = [normal_form(one.error_message or "") for one, _ in chosen]
    types: dict[str, list[str | None]] = {}
    for form, (one, _) in zip(forms, chosen, strict=True):
        types.setdefault(form, []).append(one.error_type)
    recurring = {form for form, own in types.items() if form and len(own) > 1 == len(set(own))}
    kinds: dict[tuple[str, str | None], list[_Weighed]] = {}
    for form, pair in zip(forms, chosen, strict=True):
        error_type = pair[0].error_type
        kind = (form, None) if form in recurring or not error_type else ("", error_type)
        kinds.setdefault(kind, []).append(pair)
    weightiest = sorted(kinds.values(), key=lambda kind: -sum(weight for _, weight in kind))
    solved = [one for one in similar if one[0].outcome == "success" and one[0].solution_summary]
    return [_pitfall([one for one, _ in kind], solved) for kind in weightiest[:MOST]]


def _pitfall(failures: Sequence[Shown], solved: Sequence[_Weighed]) -> Pitfall:
    first = failures[0]
    return Pitfall(
        error_type=first.error_type,
        what_happened=_telling(first.error_message) or f"failed: {first.error_type}",
        option=first.approach or first.model_tier,
        fix=_fix(failures, solved),
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


def _fix(failures: Sequence[Shown], solved: Sequence[_Weighed]) -> str | None:
    """The solution of a later success of the same task, or else of a similar one.

    Without any, the solution recorded with a failure, which says what to do next time.

    Args:
        failures: Of one kind, greatest weight first.
        solved: Successes with a solution and their weights, greatest first.
    """
    tasks = {_task(one.task_description): one.recorded_at for one in reversed(failures)}
    for one, _ in solved:
        failed_at = tasks.get(_task(one.task_description))
        if failed_at is not None and one.recorded_at > failed_at:
            return one.solution_summary
    earliest = min(one.recorded_at for one in failures)
    for one, weight in solved:
        if weight >= CLOSE_ENOUGH and one.recorded_at > earliest:
            return one.solution_summary
    return next((one.solution_summary for one in failures if one.solution_summary), None)
