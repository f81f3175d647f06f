"""Which of the tasks that a search found are worth telling an agent that hasn't asked.

A search answers a question; here nobody has asked one. A prompt in the middle of a conversation
leaves out what it is about, and is similar to much by chance. So what suffices for an answer does
not suffice here.
"""

import re
from collections.abc import Sequence

from mcp_learning.models.error_messages import normal_form
from mcp_learning.models.results import Match
from mcp_learning.redaction.repositories import matching
from mcp_learning.search.everyday import is_everyday

LESS_CERTAIN = 2  # possible matches of a brief that has no likely one
ELSEWHERE = 0.55  # similarity from which a later prompt is told of a task of another repository

SAME_ERROR = 0.6
"""Share of the shorter error's words that two errors have in common if they are the same."""

_CLIENT_COMMAND = re.compile(r"/[A-Za-z][\w:.-]*(?:\s|\Z)")  # not a path, which goes on with /
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_WORD = re.compile(r"[^\W_]{3,}")
_PLACEHOLDER = re.compile(r"<\w+>")
_ERROR = re.compile(
    r"Traceback \(most recent call last\)|\b\w*(?:Error|Exception)\b|\bpanicked at\b|"
    r"\b(?:error|fatal)(?:\[\w+\])?:|\bexit(?:ed with)? (?:code|status) [1-9]"
)


def has_substance(prompt: str) -> bool:
    """Whether a prompt says what is to be done: no client's command, and no everyday order."""
    if _CLIENT_COMMAND.match(prompt) or is_everyday(prompt):
        return False
    return _LETTERS.search(prompt) is not None


def for_brief(matches: Sequence[Match], repos: Sequence[str]) -> list[Match]:
    """The likely ones; without any, a few possible ones of the repository at hand."""
    likely = [match for match in matches if match.confidence == "likely"]
    return likely or [match for match in matches if _is_of(repos, match)][:LESS_CERTAIN]


def for_later_prompt(matches: Sequence[Match], repos: Sequence[str], prompt: str) -> list[Match]:
    """The likely ones of the same repository, and those with the error that the prompt quotes."""
    quotes = _ERROR.search(prompt) is not None
    return [
        match
        for match in matches
        if (match.confidence == "likely" and _is_near(repos, match))
        or (quotes and _is_of(repos, match) and has_error(match, prompt))
    ]


def for_error(matches: Sequence[Match], error: str) -> list[Match]:
    """The likely ones that had the same error, and say what helped."""
    return [
        match
        for match in matches
        if match.confidence == "likely"
        and (match.solution_summary or match.fix)
        and has_error(match, error)
    ]


def has_error(match: Match, error: str) -> bool:
    """Whether a task failed by an error, or was asked to mend it."""
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
