"""Selects the matches of a search that an agent is shown without having asked.

A prompt within a conversation doesn't say what it is about, and is similar to many tasks by chance.
So the criteria are stricter than for an answer to a query.
"""

import re
from collections.abc import Sequence

from mcp_learning.models.error_messages import normal_form
from mcp_learning.models.results import Match
from mcp_learning.redaction.repositories import matching
from mcp_learning.search.everyday import is_everyday

MOST_POSSIBLE = 2  # possible matches of a brief that has no likely one
ELSEWHERE = 0.55  # least similarity of a match of another repository, at a later prompt

SAME_ERROR = 0.6
"""Two errors are the same if they share at least this share of the shorter one's words."""

_CLIENT_COMMAND = re.compile(r"/[A-Za-z][\w:.-]*(?:\s|\Z)")  # not a path, which has another /
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_WORD = re.compile(r"[^\W_]{3,}")
_PLACEHOLDER = re.compile(r"<\w+>")
_ERROR = re.compile(
    r"Traceback \(most recent call last\)|\b\w*(?:Error|Exception)\b|\bpanicked at\b|"
    r"\b(?:error|fatal)(?:\[\w+\])?:|\bexit(?:ed with)? (?:code|status) [1-9]"
)


def has_substance(prompt: str) -> bool:
    """Whether a prompt describes a task, and isn't a client's command or everyday instruction."""
    if _CLIENT_COMMAND.match(prompt) or is_everyday(prompt):
        return False
    return _LETTERS.search(prompt) is not None


def for_brief(matches: Sequence[Match], repos: Sequence[str]) -> list[Match]:
    """The likely matches; without any, a few possible ones of the current repository."""
    likely = [match for match in matches if match.confidence == "likely"]
    return likely or [match for match in matches if _is_of(repos, match)][:MOST_POSSIBLE]


def for_later_prompt(matches: Sequence[Match], repos: Sequence[str], prompt: str) -> list[Match]:
    """Likely matches of the same repository, and matches with the error that the prompt quotes."""
    quotes = _ERROR.search(prompt) is not None
    return [
        match
        for match in matches
        if (match.confidence == "likely" and _is_near(repos, match))
        or (quotes and _is_of(repos, match) and has_error(match, prompt))
    ]


def for_error(matches: Sequence[Match], error: str) -> list[Match]:
    """Likely matches that had the same error and say what helped."""
    return [
        match
        for match in matches
        if match.confidence == "likely"
        and (match.solution_summary or match.fix)
        and has_error(match, error)
    ]


def has_error(match: Match, error: str) -> bool:
    """Whether a task failed with an error, or was to fix it."""
    wanted = _words(error)
    return any(
        len(wanted & words) >= max(2, SAME_ERROR * min(len(wanted), len(words)))
        for text in (match.error_message, match.passage, match.task_description)
        if text and (words := _words(text))
    )


def _words(error: str) -> set[str]:
    return set(_WORD.findall(_PLACEHOLDER.sub(" ", normal_form(error)).casefold()))


def _is_near(repos: Sequence[str], match: Match) -> bool:
    unknown = not repos or match.repo is None
    return unknown or match.similarity >= ELSEWHERE or _is_of(repos, match)


def _is_of(repos: Sequence[str], match: Match) -> bool:
    return match.repo is not None and any(matching(repo, [match.repo]) for repo in repos)
