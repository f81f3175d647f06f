"""The text of similar tasks for the language model, within a budget."""

import re
from itertools import accumulate
from typing import Any

from mcp_learning.lessons import wording
from mcp_learning.models.quoting import quoted, shorten
from mcp_learning.models.requests import Filters, FindSimilarTasks
from mcp_learning.models.results import Match, SearchInfo, SimilarTasks
from mcp_learning.models.wording import counted
from mcp_learning.server.answers import span, structured, tokens, usd

_CONCISE = {
    "task_description": 160,
    "passage": 320,
    "solution_summary": 200,
    "error_message": 160,
    "fix": 200,
}
_LIKELY_SOLUTION = 800
"""Characters of the solution, in a concise answer, of a match that is likely or supersedes another;
other matches have 200, into which the essential part rarely fits."""
_DETAILED = {
    "task_description": 4_000,
    "passage": 1_000,
    "solution_summary": 4_000,
    "error_message": 2_000,
    "fix": 4_000,
}
_WORD, _SENTENCE_END = re.compile(r"\w{3,}"), re.compile(r"(?<=[.!?]) ")
_DIVISORS = (1, 4, 16)
"""Divisors of text lengths, tried in turn if not even one match fits the budget."""
_LINE = {"concise": (100, 120), "detailed": (600, 1_200)}
"""Characters of the description, and of each further text, in a line."""
_DETAILED_ONLY = ("model_tier", "duration_seconds", "cost_usd")


def similar(result: SimilarTasks, request: FindSimilarTasks) -> tuple[SimilarTasks, str]:
    """Trims matches to the format, then drops the last ones or shortens texts until all fits."""
    limits = _CONCISE if request.response_format == "concise" else _DETAILED
    hidden = _DETAILED_ONLY if request.response_format == "concise" else ()
    asked = set(_WORD.findall(request.task_description.lower()))
    nothing = _fitted(result, [], [], request)
    room = request.max_tokens - tokens(structured(nothing[0]), nothing[1])
    for divisor in _DIVISORS:
        shorter = {field: limit // divisor for field, limit in limits.items()}
        longer = shorter | {"solution_summary": max(_LIKELY_SOLUTION, limits["solution_summary"])}
        latest = {match.superseded_by for match in result.matches}
        matches = []
        for match in result.matches:
            is_long = match.confidence == "likely" or match.task_id in latest
            fitting = longer if is_long and divisor == 1 else shorter
            matches.append(_trim(match, fitting, hidden, asked))
        lines = [_line(number, match, request) for number, match in enumerate(matches, 1)]
        sizes = accumulate(map(_size, matches, lines))
        kept = sum(size <= room for size in sizes)
        if kept or not matches:
            return _fitted(result, matches[:kept], lines[:kept], request)
    return nothing


def _size(match: Match, line: str) -> int:
    """Tokens of a match in both forms, the separators included."""
    return tokens(structured(match), line, "    ") + 1


def _fitted(
    result: SimilarTasks, matches: list[Match], lines: list[str], request: FindSimilarTasks
) -> tuple[SimilarTasks, str]:
    dropped = len(result.matches) - len(matches)
    search = result.search.model_copy(update={"truncated": dropped > 0})
    trimmed = result.model_copy(update={"matches": matches, "search": search})
    return trimmed, _text(trimmed, lines, dropped, request)


def _trim(match: Match, limits: dict[str, int], hidden: tuple[str, ...], asked: set[str]) -> Match:
    values: dict[str, Any] = dict.fromkeys(hidden)
    if match.passage is not None:
        limits = {**limits, "task_description": limits["task_description"] // 2}
    # Most solutions begin with the essential part, so another one has to match much better.
    for field, better in (("passage", 1.0), ("solution_summary", 2.0)):
        if (text := getattr(match, field)) is not None:
            values[field] = _from_what_matched(text, asked, limits[field], better)
    for field, limit in limits.items():
        if (text := values.get(field, getattr(match, field))) is not None:
            values[field] = shorten(text, limit)
    return match.model_copy(update=values)


def _from_what_matched(text: str, asked: set[str], limit: int, better: float) -> str:
    """The text from the sentence on whose part shares most words with the question.

    The text is unchanged unless that part shares more than `better` times as many words as its
    beginning does. At least `limit` characters remain.
    """
    if len(text) <= limit:
        return text
    starts = [0, *(end.end() for end in _SENTENCE_END.finditer(text))]
    starts = [start for start in starts if not start or start <= len(text) - limit]

    def shared(start: int) -> int:
        return len(asked & set(_WORD.findall(text[start : start + limit].lower())))

    best = max(starts, key=shared)
    return f"… {text[best:]}" if shared(best) > better * shared(0) else text


def _text(result: SimilarTasks, lines: list[str], dropped: int, request: FindSimilarTasks) -> str:
    search = result.search
    if not lines and not dropped:
        lines = [_nothing(search, request)]
    lines = [*map(wording.line, result.lessons), *lines]
    if dropped:
        lines.append(f"{dropped} more left out to stay within max_tokens.")
    if search.degraded:
        lines.append(f"Note: {search.reason}.")
    return "\n".join(lines)


def _nothing(search: SearchInfo, request: FindSimilarTasks) -> str:
    """The text if nothing is relevant, with ways to widen the search."""
    filters = request.filters
    given = [
        name
        for name, field in Filters.model_fields.items()
        if getattr(filters, name) != field.default
    ]
    if not search.candidates and not given:
        return "Nothing is recorded yet."
    wider = [f"leave out {' or '.join(given)}"] if given else []
    if search.below_floor and request.min_similarity != 0:
        wider.append("give min_similarity=0 to see the nearest ones")
    among = f"Nothing relevant among {counted(search.candidates, 'execution')}"
    filtered = " that pass the filters" if given else ""
    return f"{among}{filtered}; to widen: {', or '.join(wider or ['try other words'])}."


def _line(number: int, match: Match, request: FindSimilarTasks) -> str:
    runs, (task_length, length) = match.runs, _LINE[request.response_format]
    several = f" ({runs.success} of {runs.total} runs succeeded)" if runs.total > 1 else ""
    task = quoted(match.task_description, task_length)
    doubt = " possibly relevant," if match.confidence == "possible" else ""
    where = f", repo {quoted(match.repo, 60)}" if match.repo else ""
    told = [
        f"{number}. {match.similarity:.2f}{doubt} {match.outcome}{several} {task}, "
        f"{match.recorded_at:%Y-%m-%d}, type {quoted(match.task_type, 64)}{where}"
    ]
    for label, text in (
        ("what matched", match.passage),
        ("approach", match.approach),
        ("model tier", match.model_tier),
        ("solution", match.solution_summary),
        ("error", match.error_message or match.error_type),
        ("fix", match.fix),
    ):
        if text:
            told.append(f"{label}: {quoted(text, length)}")
    if match.author:
        told.append(f"by {quoted(match.author, 63)}")
    if match.superseded_by is not None:
        told.append(f"superseded by {match.superseded_by}")
    if match.duration_seconds is not None:
        told.append(f"took {span(match.duration_seconds)}")
    if match.cost_usd is not None:
        told.append(f"cost {usd(match.cost_usd)} USD")
    return f"{'; '.join(told)} [{match.task_id}]"
