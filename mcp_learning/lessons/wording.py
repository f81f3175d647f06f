"""Texts of lessons: how similar they are, parts of sentences, and a lesson as a line of an answer.

Imports little, since every server starts with it.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from mcp_learning.models.lessons import LONGEST, ShownLesson
from mcp_learning.models.quoting import quoted

ALIKE = 0.6
"""Jaccard index of the words of two texts from which they count as the same."""

TELLING = 4
"""Least number of words, besides those of their tasks, that equal solutions have in common."""

_STOP = (
    "a an and are as at be been before but by can do does for from has have if in into is it its "
    "not of off on or so than that the their then there this to up use was were when which will "
    "with you your"
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


@lru_cache(4_096)
def words(text: str) -> frozenset[int]:
    """Hashes of the stems of a text's words, without stop words."""
    return _tokenise()(text) - _stop()


@lru_cache(1)
def _tokenise() -> Callable[[str], frozenset[int]]:
    # Imported late: with its stemmer it takes longer than a server's first answer may.
    from mcp_learning.search.lexical.terms import TokenisedQuery

    return lambda text: frozenset(TokenisedQuery.of(text).counts)


@lru_cache(1)
def _stop() -> frozenset[int]:
    return _tokenise()(_STOP)


def jaccard(one: str, other: str) -> float:
    """The Jaccard index of the words of two texts, 0..1."""
    a, b = words(one), words(other)
    return len(a & b) / len(a | b) if a | b else 1.0


def same_solution(one: str, other: str, besides: frozenset[int] = frozenset()) -> bool:
    """Whether two solutions, or their first sentences, are mostly the same words.

    Args:
        one: A solution.
        other: Another one.
        besides: Words of their tasks, such as names of files: the first sentences may differ in
            them if at least `TELLING` other words are the same.
    """
    if jaccard(one, other) >= ALIKE or jaccard(first_sentence(one), first_sentence(other)) >= ALIKE:
        return True
    a, b = (words(first_sentence(text)) - besides for text in (one, other))
    return len(a & b) >= max(TELLING, ALIKE * len(a | b))


@lru_cache(4_096)
def first_sentence(text: str) -> str:
    """The first sentence."""
    return _SENTENCE_END.split(text.strip(), maxsplit=1)[0]


def percent(rate: float) -> str:
    """A rate, 0..1, as text."""
    return f"{100 * rate:.0f} %"


def points(low: float, high: float) -> str:
    """A corrected interval of a difference of rates, -1..1, as text."""
    return f"corrected interval {100 * low:+.0f} to {100 * high:+.0f} points"


def line(lesson: ShownLesson) -> str:
    """A lesson as a line of text: quoted, with its origin and its evidence."""
    parts = [f"When {quoted(lesson.when, LONGEST)}"]
    parts += [f"do {quoted(lesson.do, LONGEST)}"] if lesson.do else []
    parts += [f"avoid {quoted(lesson.avoid, LONGEST)}"] if lesson.avoid else []
    return f"Lesson ({lesson.basis}): {'; '.join(parts)} [{lesson.lesson_id}]"
