"""The basis and confidence of an outcome, and how verdicts of several sources are combined.

The basis says whether an outcome was told by an agent or a person, or inferred: from a user's
words, tests, git or continuous integration; or none, if nothing decides it. The confidence, 0..1,
is its weight as evidence. A pending execution has basis none and confidence 0.

The latest verdict of each source of observations is stored under `verdicts` in the metadata:
`session` (what the agent's session shows), `later` (what the user said in a later session), `git`
(what became of its commits), `ci` (results of tests that ran later). An outcome that was told
stays, and a verdict against it lowers its confidence. Otherwise the latest verdict that came after
the session decides, or without one that of the session.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple, get_args

from mcp_learning.models.requests import Outcome, OutcomeBasis

OBSERVERS = frozenset({"claude-code", "codex", "copilot", "gemini", "git"})
"""Values of `metadata.source`: clients whose sessions are read, and git."""

Source = Literal["session", "later", "git", "ci"]

REVERTED = 0.95  # confidence that a commit which a later one reverts had failed

TOLD_RIGHT = 0.9
"""Assumed probability that an outcome told by an agent is right: agents report successes too
often. Used only where another source contradicts it."""

LONGEST_REASON = 200

_FIELD = "verdicts"


class Verdict(NamedTuple):
    """One source's verdict on an execution's outcome, and its reason in a few words.

    Attributes:
        confidence: Weight as evidence, 0..1.
        at: When it became known, ISO 8601 in UTC; empty for the source `session`.
    """

    outcome: Outcome
    basis: OutcomeBasis
    confidence: float
    why: str
    at: str = ""


PENDING = Verdict("pending", "none", 0.0, "")


def observer(values: Mapping[str, Any]) -> str:
    """The client that observed an execution, or git; empty if it was told."""
    metadata = values.get("metadata") or {}
    if _is_commit(metadata):
        return "git"
    source = metadata.get("source")
    return source if isinstance(source, str) and source in OBSERVERS else ""


def _is_commit(metadata: Mapping[str, Any]) -> bool:
    return "commit" in metadata and "committed_at" in metadata


def with_verdict(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of an execution, with basis and confidence of its outcome filled in if absent.

    The default basis of a decided outcome is told; for an imported commit it is git, and for a
    session in which nobody told the outcome it is none.
    """
    basis, confidence = values.get("outcome_basis"), values.get("outcome_confidence")
    if values.get("outcome", "pending") == "pending":
        basis, confidence = "none", 0.0
    elif basis is None and confidence is None:
        basis, confidence = _legacy_verdict(values)
    basis = basis or "told"
    if confidence is None:
        confidence = 0.0 if basis == "none" else 1.0
    return {**values, "outcome_basis": basis, "outcome_confidence": confidence}


def noted(metadata: Mapping[str, Any] | None) -> dict[Source, Verdict]:
    """The verdicts in the metadata; malformed ones are left out."""
    kept = (metadata or {}).get(_FIELD)
    found: dict[Source, Verdict] = {}
    for source in get_args(Source):
        one = kept.get(source) if isinstance(kept, dict) else None
        try:
            verdict = Verdict(**one) if isinstance(one, dict) else PENDING
            is_valid = verdict.basis in get_args(OutcomeBasis) and 0 <= verdict.confidence <= 1
            datetime.fromisoformat(verdict.at or "2000-01-01")
        except (TypeError, ValueError):
            continue
        if verdict.outcome in ("success", "failure") and is_valid:
            found[source] = verdict
    return found


def with_noted(
    metadata: Mapping[str, Any] | None, verdicts: Mapping[Source, Verdict]
) -> dict[str, Any] | None:
    """The metadata with these verdicts and no others; pending ones are left out."""
    rest = {name: value for name, value in (metadata or {}).items() if name != _FIELD}
    kept = {
        source: {name: value for name, value in one._asdict().items() if value != ""}
        for source, one in verdicts.items()
        if one.outcome != "pending"
    }
    if not kept:
        return rest or (None if metadata is None else {})
    return {**rest, _FIELD: kept}


def concluded(values: Mapping[str, Any], told: float | None) -> dict[str, Any]:
    """Fields of an execution with the outcome that follows from the verdicts of all sources.

    Args:
        values: The fields.
        told: The confidence with which the outcome was told, 0..1; None if it wasn't told.
    """
    verdicts = noted(values.get("metadata"))
    if told is not None:
        against = [v.confidence for v in verdicts.values() if v.outcome != values["outcome"]]
        return {**values, "outcome_confidence": doubted(told, max(against, default=0.0))}
    if not verdicts:
        return with_verdict(values)
    last = _last(verdicts)
    return {
        **values,
        "outcome": last.outcome,
        "outcome_basis": last.basis,
        "outcome_confidence": last.confidence,
    }


def doubted(told: float, against: float) -> float:
    """Confidence of a told outcome that a verdict contradicts with confidence `against`, both 0..1.

    By Bayes' rule with independent errors, the odds that the outcome is right are those of
    `TOLD_RIGHT` times those that the verdict is wrong. `told` is multiplied by the resulting
    probability over `TOLD_RIGHT`; a verdict of confidence 0.5 or less changes nothing.
    """
    if against <= 0.5:
        return told
    odds = TOLD_RIGHT / (1 - TOLD_RIGHT) * (1 - against) / against
    return round(told * min(1.0, odds / (1 + odds) / TOLD_RIGHT), 3)


def reason(values: Mapping[str, Any]) -> str:
    """The reason of the outcome and its confidence; empty if it was told and not contradicted."""
    verdicts = noted(values.get("metadata"))
    if values.get("outcome_basis") == "told":
        against = [v for v in verdicts.values() if v.outcome != values["outcome"]]
        doubts = "; ".join(f"{v.basis} says {v.outcome}: {v.why}" for v in against)
        return f"told {values['outcome']}, but {doubts}" if doubts else ""
    return f"{values['outcome_basis']}: {_last(verdicts).why}" if verdicts else ""


def observed(verdicts: Any) -> bool | None:
    """Whether an execution succeeded by its `verdicts` alone; None: unknown."""
    found = noted({_FIELD: verdicts})
    return _last(found).outcome == "success" if found else None


def _last(verdicts: Mapping[Source, Verdict]) -> Verdict:
    later = [one for source, one in verdicts.items() if source != "session"]
    return max(later, key=lambda one: one.at) if later else verdicts["session"]


def _legacy_verdict(values: Mapping[str, Any]) -> tuple[OutcomeBasis, float]:
    """Basis and confidence of an execution stored without them; SQL: `store.duckdb.verdicts`."""
    metadata = values.get("metadata") or {}
    if _is_commit(metadata):
        return ("git", REVERTED) if values["outcome"] == "failure" else ("none", 0.0)
    if observer(values):
        names = metadata.get("told")
        known = "outcome" in names if isinstance(names, list) else None
        if known is None:
            known = values.get("error_type") != "crash"
        return ("told", 1.0) if known else ("none", 0.0)
    return "told", 1.0
