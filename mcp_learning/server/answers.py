"""What the language model reads: short texts beside the structured content, within a budget.

Stored text is data from earlier agents, not instructions: it stays inside quotation marks on one
line, and the server's instructions say so.
"""

import json
from typing import Any

from pydantic import BaseModel

from mcp_learning.models.results import (
    Change,
    FeedbackStored,
    Forgotten,
    RebuildReport,
    Recorded,
    Stats,
    Totals,
    Trend,
)
from mcp_learning.models.wording import counted
from mcp_learning.server.quoting import CHARACTERS_PER_TOKEN, quoted

_LEADING, _PATTERNS = 5, 3
"""Groups and failure patterns of which the text of learning_stats tells."""
_WIDE = 0.05
"""Intervals of a difference at least this wide are given in whole percentage points."""
_VERDICT = {"better": "better", "worse": "worse", "unclear": "which may be chance"}
_BASIS = {"same task": "fix", "similar task": "worked on a similar task", None: ""}


def structured(result: BaseModel) -> dict[str, Any]:
    """A result as JSON values; what is absent is left out."""
    return result.model_dump(mode="json", exclude_none=True)


def tokens(*parts: object) -> int:
    """Estimated size of texts and JSON values, in tokens."""
    texts = (part if isinstance(part, str) else json.dumps(part) for part in parts)
    return round(sum(map(len, texts)) / CHARACTERS_PER_TOKEN)


def _removed(secrets: int) -> str:
    if not secrets:
        return ""
    return f" {counted(secrets, 'secret')} {'was' if secrets == 1 else 'were'} removed."


def recorded(result: Recorded) -> str:
    """One line about a recorded execution."""
    verb = "Recorded" if result.created else "Updated"
    secrets = _removed(result.redactions)
    return f"{verb} {result.task_id}.{secrets}"


def feedback(result: FeedbackStored) -> str:
    """One line about stored feedback."""
    secrets = _removed(result.redactions)
    return f"Stored; {result.feedback_count} feedback on {result.task_id}.{secrets}"


def stats(result: Stats) -> str:
    """The totals, the leading groups, what changed, what fails, and what needs attention."""
    period, totals = counted(result.days, "day"), result.totals
    lines = [f"{counted(totals.executions, 'execution')} in {period}{rate(totals)}."]
    lines += spent(result.totals)
    lines += [f"Against the {result.days} days before: {trend(result.trend)}."]
    lines += [
        f"- {result.group_by} {quoted(group.key, 60)}: {group.executions}{_outcome(result, group)}"
        for group in result.groups[:_LEADING]
    ]
    lines += changed(result)
    lines += failing(result)
    health = result.health
    lines.append(
        f"Index: {health.index.state}; {health.embedded} of {health.rows} embedded; "
        f"search: {health.search_mode}."
    )
    if health.leader is not None:
        others = f"; {len(health.followers)} others work through it" if health.followers else ""
        since = f"{health.leader.since:%Y-%m-%d %H:%M} UTC"
        lines.append(
            f"Process {health.leader.pid} has had the database open since {since}{others}."
        )
    if health.reembed_due:
        lines.append("A re-embed is due: rebuild_index with reembed=true.")
    if health.problem:
        lines.append(f"Problem: {health.problem}")
    return "\n".join(lines)


def rate(totals: Totals) -> str:
    """The success rate with its interval, after a comma; nothing while nothing has ended."""
    if totals.success_rate is None:
        return ""
    low, high = totals.interval_low or 0.0, totals.interval_high or 0.0
    return f", {totals.success_rate:.0%} succeeded (90 % interval {low:.0%} to {high:.0%})"


def _outcome(result: Stats, group: Totals) -> str:
    ended = result.totals.success + result.totals.failure
    if result.group_by == "error_type" and ended:
        return f", {(group.success + group.failure) / ended:.1%} of what ended"
    return rate(group)


def spent(totals: Totals) -> list[str]:
    """What the executions took and cost, and how good the estimates were; a line each."""
    lines = []
    if totals.duration_p50 is not None and totals.duration_p95 is not None:
        median, p95 = span(totals.duration_p50), span(totals.duration_p95)
        lines.append(f"Duration: median {median}, p95 {p95}.")
    if totals.cost_usd is not None:
        lines.append(f"Cost: {totals.cost_usd:,.2f} USD.")
    if totals.cost_error is not None and totals.cost_bias is not None:
        lines.append(
            f"Half of {totals.cost_predictions} cost estimates were within a factor of "
            f"{1 + totals.cost_error:.2f}; the typical cost was {1 + totals.cost_bias:.2f} times "
            "its estimate."
        )
    return lines


def trend(result: Trend) -> str:
    """How a period compares with the one before, and how sure that is."""
    if result.success_rate_change is None:
        return "nothing to compare with"
    points = _points(result.success_rate_change, result.change_low, result.change_high)
    return f"success rate {points}, {_VERDICT[result.direction]}"


def changed(result: Stats) -> list[str]:
    """The groups that changed for sure, a line each; the worse ones first."""
    lines = []
    for direction in ("worse", "better"):
        for group in result.groups:
            if group.trend is not None and group.trend.direction == direction:
                key = f"{result.group_by} {quoted(group.key, 60)}"
                lines.append(f"Getting {direction}: {key}, {difference(group.trend)}.")
    more = len(lines) - _LEADING
    return [*lines[:_LEADING], *([f"{more} more groups changed."] if more > 0 else [])]


def difference(change: Change) -> str:
    """A change in percentage points with its interval, and the rate compared with."""
    points = _points(change.change, change.change_low, change.change_high)
    return f"{points} from {change.before:.0%} of {change.before_executions:,}"


def failing(result: Stats) -> list[str]:
    """The commonest failure patterns with their fixes, a line each."""
    return [
        f"Failed {one.failures} times, last {one.last_seen:%Y-%m-%d}: {quoted(one.pattern, 90)}"
        + (f"; {_BASIS[one.fix_basis]}: {quoted(one.fix, 120)}" if one.fix else "; no fix known")
        + f" [{one.fix_task_id or one.task_ids[0]}]"
        for one in result.failures[:_PATTERNS]
    ]


def _points(change: float, low: float | None, high: float | None) -> str:
    low, high = low or 0.0, high or 0.0
    digits = 0 if high - low >= _WIDE else 1
    shown = [f"{round(100 * value, digits) + 0.0:+.{digits}f}" for value in (change, low, high)]
    return f"{shown[0]} points (90 % interval {shown[1]} to {shown[2]})"


def span(seconds: float) -> str:
    """A duration to read: 3.2 s, 25 min, 1.8 h, 4 days."""
    if seconds < 100:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 6_000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


def rebuilt(result: RebuildReport) -> str:
    """One line about a finished rebuild."""
    recall = "" if result.recall_at_10 is None else f", recall@10 {result.recall_at_10:.3f}"
    again = f" after embedding {result.reembedded} again" if result.reembedded else ""
    return f"Indexed {counted(result.rows, 'vector')} in {result.seconds:.1f} s{again}{recall}."


def forgotten(result: Forgotten) -> str:
    """One line about what was, or would be, deleted."""
    missing = f" Unknown ids: {len(result.unknown_task_ids)}." if result.unknown_task_ids else ""
    what = counted(result.executions, "execution")
    if result.dry_run:
        return f"Would delete {what}; dry_run=false deletes them.{missing}"
    return f"Deleted {what} for good.{missing}"
