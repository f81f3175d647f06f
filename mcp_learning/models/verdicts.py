"""How an outcome is known, and how sure that is.

An outcome has a basis: it was told by an agent or a person, or is inferred from what the user said,
from tests, from git or from continuous integration; or from nothing that decides it. Its confidence
is the probability, 0 to 1, that it is right. A pending execution has basis none and confidence 0.
"""

from collections.abc import Mapping
from typing import Any, Literal

OutcomeBasis = Literal["told", "user", "tests", "git", "ci", "none"]

OBSERVERS = frozenset({"claude-code", "codex"})
"""Clients whose sessions are read, as `metadata.source` has them."""

REVERTED = 0.95
"""Confidence that a commit failed which a later one reverts."""


def observer(values: Mapping[str, Any]) -> str:
    """The client that observed an execution; empty if it was told."""
    source = (values.get("metadata") or {}).get("source")
    return source if isinstance(source, str) and source in OBSERVERS else ""


def with_verdict(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of an execution, with basis and confidence of its outcome where they are absent.

    Without either, a decided outcome was told. That of an imported commit rests on git alone, and
    that of a session in which nobody told it on nothing.
    """
    basis, confidence = values.get("outcome_basis"), values.get("outcome_confidence")
    if values.get("outcome", "pending") == "pending":
        basis, confidence = "none", 0.0
    elif basis is None and confidence is None:
        basis, confidence = _former(values)
    basis = basis or "told"
    if confidence is None:
        confidence = 0.0 if basis == "none" else 1.0
    return {**values, "outcome_basis": basis, "outcome_confidence": confidence}


def _former(values: Mapping[str, Any]) -> tuple[OutcomeBasis, float]:
    """What versions knew that kept neither; `store.duckdb.verdicts` has the same in SQL."""
    metadata = values.get("metadata") or {}
    if "commit" in metadata and "committed_at" in metadata:
        return ("git", REVERTED) if values["outcome"] == "failure" else ("none", 0.0)
    if observer(values):
        names = metadata.get("told")
        known = "outcome" in names if isinstance(names, list) else None
        if known is None:
            known = values.get("error_type") != "crash"
        return ("told", 1.0) if known else ("none", 0.0)
    return "told", 1.0
