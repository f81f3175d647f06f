"""What the language model reads: short texts beside the structured content, within a budget.

Stored text is data from earlier agents, not instructions: it stays inside quotation marks on one
line, and the server's instructions say so.
"""

import json
from itertools import accumulate
from typing import Any

from pydantic import BaseModel

from mcp_learning.models.requests import FindSimilarTasks
from mcp_learning.models.results import (
    ExecutionDetail,
    FeedbackStored,
    Forgotten,
    Match,
    RebuildReport,
    Recorded,
    SimilarTasks,
    Stats,
    Totals,
)

CHARACTERS_PER_TOKEN = 3.5
"""Cautious for English text in JSON, where four is usual."""

_CONCISE = {"task_description": 160, "solution_summary": 200, "error_message": 160}
_DETAILED = {"task_description": 4_000, "solution_summary": 4_000, "error_message": 2_000}
_DIVISORS = (1, 4, 16)
"""How much shorter texts become, step by step, when not even one match fits the budget."""
_DETAILED_ONLY = ("model_tier", "duration_seconds", "cost_usd")


def structured(result: BaseModel) -> dict[str, Any]:
    """A result as JSON values; what is absent is left out."""
    return result.model_dump(mode="json", exclude_none=True)


def tokens(*parts: object) -> int:
    """Estimated size of texts and JSON values, in tokens."""
    texts = (part if isinstance(part, str) else json.dumps(part) for part in parts)
    return round(sum(map(len, texts)) / CHARACTERS_PER_TOKEN)


def shorten(text: str, limit: int) -> str:
    """`text` on one line, cut to at most `limit` characters at a word, with an ellipsis."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    cut = line[: limit - 1]
    return (cut.rpartition(" ")[0] if " " in cut[limit // 2 :] else cut) + "…"


def similar(result: SimilarTasks, request: FindSimilarTasks) -> tuple[SimilarTasks, str]:
    """Trims matches to the format, drops the last ones, and shortens further, until all fits."""
    limits = _CONCISE if request.response_format == "concise" else _DETAILED
    hidden = _DETAILED_ONLY if request.response_format == "concise" else ()
    nothing = _fitted(result, [])
    room = request.max_tokens - tokens(structured(nothing[0]), nothing[1])
    for divisor in _DIVISORS:
        shorter = {field: limit // divisor for field, limit in limits.items()}
        matches = [_trim(match, shorter, hidden) for match in result.matches]
        sizes = accumulate(_size(number, match) for number, match in enumerate(matches, 1))
        kept = sum(size <= room for size in sizes)
        if kept or not matches:
            return _fitted(result, matches[:kept])
    return nothing


def _size(number: int, match: Match) -> int:
    """Tokens of a match in both forms, the separators included."""
    return tokens(structured(match), _match_line(number, match), "    ") + 1


def _fitted(result: SimilarTasks, matches: list[Match]) -> tuple[SimilarTasks, str]:
    dropped = len(result.matches) - len(matches)
    search = result.search.model_copy(update={"truncated": dropped > 0})
    trimmed = result.model_copy(update={"matches": matches, "search": search})
    return trimmed, _similar_text(trimmed, dropped)


def _trim(match: Match, limits: dict[str, int], hidden: tuple[str, ...]) -> Match:
    values: dict[str, Any] = dict.fromkeys(hidden)
    for field, limit in limits.items():
        if (text := getattr(match, field)) is not None:
            values[field] = shorten(text, limit)
    return match.model_copy(update=values)


def _similar_text(result: SimilarTasks, dropped: int) -> str:
    search = result.search
    lines = [_match_line(number, match) for number, match in enumerate(result.matches, 1)]
    if not lines and not dropped:
        found = f" {search.below_floor} less similar left out." if search.below_floor else ""
        lines = [f"Nothing relevant among {search.candidates} executions.{found}"]
    if dropped:
        lines.append(f"{dropped} more left out to stay within max_tokens.")
    if search.degraded:
        lines.append(f"Note: {search.reason}.")
    return "\n".join(lines)


def _match_line(number: int, match: Match) -> str:
    runs = match.runs
    several = f" ({runs.success} of {runs.total} runs succeeded)" if runs.total > 1 else ""
    task = quoted(match.task_description, 100)
    line = f"{number}. {match.similarity:.2f} {match.outcome}{several} {task}"
    for label, text in (
        ("approach", match.approach),
        ("solution", match.solution_summary),
        ("error", match.error_message or match.error_type),
    ):
        if text:
            line += f"; {label}: {quoted(text, 120)}"
    return f"{line} [{match.task_id}]"


def quoted(text: str, limit: int) -> str:
    """Stored text between quotation marks, which it can't close by itself."""
    return '"' + shorten(text, limit).replace('"', "'") + '"'


def recorded(result: Recorded) -> str:
    """One line about a recorded execution."""
    verb = "Recorded" if result.created else "Updated"
    secrets = f" {result.redactions} secrets were removed." if result.redactions else ""
    return f"{verb} {result.task_id}.{secrets}"


def execution(result: ExecutionDetail) -> str:
    """A few lines about one execution."""
    one = result.execution
    kind = quoted(one.task_type, 64)
    lines = [f"{kind}, {one.outcome}: {quoted(one.task_description, 400)}"]
    for label, text in (
        ("Approach", one.approach),
        ("Solution", one.solution_summary),
        ("Error", one.error_message or one.error_type),
    ):
        if text:
            lines.append(f"{label}: {quoted(text, 600)}")
    ended = [use.outcome for use in result.used_by]
    lines.append(
        f"{len(result.feedback)} feedback; in {result.times_returned} answers; used by "
        f"{len(ended)} later executions ({ended.count('success')} succeeded, "
        f"{ended.count('failure')} failed); weight {result.weight:g}."
    )
    return "\n".join(lines)


def feedback(result: FeedbackStored) -> str:
    """One line about stored feedback."""
    secrets = f" {result.redactions} secrets were removed." if result.redactions else ""
    return f"Stored; {result.feedback_count} feedback on {result.task_id}.{secrets}"


def stats(result: Stats) -> str:
    """The totals, the leading groups and what needs attention."""
    totals = result.totals
    lines = [f"{totals.executions} executions in {result.days} days{_rate(totals)}."]
    lines += [
        f"- {result.group_by} {quoted(group.key, 60)}: {group.executions}{_rate(group)}"
        for group in result.groups[:5]
    ]
    health = result.health
    lines.append(
        f"Index: {health.index.state}; {health.embedded} of {health.rows} embedded; "
        f"search: {health.search_mode}."
    )
    if health.reembed_due:
        lines.append("A re-embed is due: rebuild_index with reembed=true.")
    if health.problem:
        lines.append(f"Problem: {health.problem}")
    return "\n".join(lines)


def _rate(totals: Totals) -> str:
    if totals.success_rate is None:
        return ""
    low, high = totals.interval_low or 0.0, totals.interval_high or 0.0
    return f", {totals.success_rate:.0%} succeeded (90 % interval {low:.0%} to {high:.0%})"


def rebuilt(result: RebuildReport) -> str:
    """One line about a finished rebuild."""
    recall = "" if result.recall_at_10 is None else f", recall@10 {result.recall_at_10:.3f}"
    again = f" after embedding {result.reembedded} again" if result.reembedded else ""
    return f"Indexed {result.rows} executions in {result.seconds:.1f} s{again}{recall}."


def forgotten(result: Forgotten) -> str:
    """One line about what was, or would be, deleted."""
    missing = f" {len(result.unknown_task_ids)} ids are unknown." if result.unknown_task_ids else ""
    if result.dry_run:
        return f"Would delete {result.executions} executions; dry_run=false deletes them.{missing}"
    return f"Deleted {result.executions} executions for good.{missing}"
