"""Texts for the language model: short ones besides the structured content, within a budget.

Stored text is data from earlier agents, not instructions: it stays inside quotation marks on one
line, and the server's instructions say so.
"""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

from mcp_learning.models.maintenance import RebuildReport
from mcp_learning.models.quoting import CHARACTERS_PER_TOKEN, quoted, shorten
from mcp_learning.models.requests import ForgetExecutions
from mcp_learning.models.results import FeedbackStored, Forgotten, Recorded
from mcp_learning.models.wording import counted

M = TypeVar("M", bound=BaseModel)

UNEXPECTED = (
    "{} failed in the server, whose log on stderr has the details; if memory is short, free some, "
    "then call again"
)
"""The message for an unexpected error, whose own text only goes to the log."""

_MANY = 1e9
"""What is at least so much has three digits, and an exponent."""


def printable(name: str) -> str:
    """An unknown name from a client, safe for an error message and a log line."""
    return "".join(c if c.isprintable() else "\ufffd" for c in name[:60])


def structured(result: BaseModel) -> dict[str, Any]:
    """A result as JSON values; absent ones are left out."""
    return result.model_dump(mode="json", exclude_none=True)


def tokens(*parts: object) -> int:
    """Estimated size of texts and JSON values, in tokens."""
    texts = (part if isinstance(part, str) else json.dumps(part) for part in parts)
    return round(sum(map(len, texts)) / CHARACTERS_PER_TOKEN)


def _removed(secrets: int) -> str:
    if not secrets:
        return ""
    return f" {counted(secrets, 'secret')} {'was' if secrets == 1 else 'were'} removed."


def shortened(result: M, limits: Mapping[str, int]) -> M:
    """A copy with texts of at most as many characters as `limits` has by field."""
    texts = {name: getattr(result, name) for name in limits}
    short = {name: shorten(text, limits[name]) for name, text in texts.items() if text}
    return result.model_copy(update=short)


def recorded(result: Recorded) -> str:
    """One line about a recorded execution."""
    verb = "Recorded" if result.created else "Updated"
    return f"{verb} {result.task_id}.{_removed(result.redactions)}"


def feedback(result: FeedbackStored) -> str:
    """One line about stored feedback."""
    secrets = _removed(result.redactions)
    return f"Stored; {result.feedback_count} feedback on {result.task_id}.{secrets}"


def span(seconds: float) -> str:
    """A duration as text: 3.2 s, 25 min, 1.8 h, 4 days."""
    if seconds < 100:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 6_000:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return f"{seconds / 3_600:.1f} h"
    days = seconds / 86_400
    return f"{days:.0f} days" if days < _MANY else f"{days:.3g} days"


def usd(amount: float) -> str:
    """An amount of US dollars to read: 1,250.00, 0.0042, 3e+09."""
    if 0 < amount < 0.1:
        return f"{amount:.2g}"
    return f"{amount:,.2f}" if amount < _MANY else f"{amount:.3g}"


def rebuilt(result: RebuildReport) -> str:
    """One line about a finished rebuild."""
    recall = "" if result.recall_at_10 is None else f", recall@10 {result.recall_at_10:.3f}"
    again = f" after embedding {result.reembedded} again" if result.reembedded else ""
    return f"Indexed {counted(result.rows, 'vector')} in {result.seconds:.1f} s{again}{recall}."


def forgotten(result: Forgotten) -> str:
    """One line about what was, or would be, deleted."""
    missing = f" Unknown ids: {len(result.unknown_task_ids)}." if result.unknown_task_ids else ""
    if not result.executions:
        return f"No execution matches; nothing to delete.{missing}"
    what = counted(result.executions, "execution")
    if result.dry_run:
        return f"Would delete {what}; dry_run=false deletes them.{missing}"
    return f"Deleted {what} for good.{missing}"


def whether_to_forget(counted_only: Forgotten, request: ForgetExecutions) -> str:
    """The question to a person before a deletion; "" when nothing would be deleted."""
    if not counted_only.executions:
        return ""
    filters = {
        "repo": request.repo,
        "type": request.task_type,
        "older than": request.older_than_days and counted(request.older_than_days, "day"),
    }
    given = [f"{name} {quoted(str(v), 80)}" for name, v in filters.items() if v is not None]
    which = f" ({', '.join(given)})" if given else f": {', '.join(map(str, request.task_ids[:5]))}"
    more = len(request.task_ids) - 5
    others = f" and {more} more" if more > 0 else ""
    what = counted(counted_only.executions, "execution")
    return f"Delete {what} for good{which}{others}?"
