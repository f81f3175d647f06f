"""Texts of lessons: how similar they are, parts of sentences, and a lesson as a line of an answer.

Imports little, since every server starts with it.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from mcp_learning.models.lessons import LONGEST, ShownLesson
from mcp_learning.models.quoting import quoted

ALIKE = 0.6
"""Least Jaccard index of the words of two texts that count as the same."""

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
    return _jaccard(words(one), words(other))


def _jaccard(a: frozenset[int], b: frozenset[int]) -> float:
    common = len(a & b)
    total = len(a) + len(b) - common
    return common / total if total else 1.0


class SolutionWords(NamedTuple):
    """The words of a solution.

    Attributes:
        all: Of the whole text.
        first: Of its first sentence.
        task: Of the task that it solved, such as names of files.
    """

    all: frozenset[int]
    first: frozenset[int]
    task: frozenset[int]

    @classmethod
    def of(cls, solution: str, *task: str) -> "SolutionWords":
        """Those of a solution and of the texts of its task."""
        first = words(first_sentence(solution))
        return cls(words(solution), first, frozenset().union(*map(words, task)))


def same_solution(one: SolutionWords, other: SolutionWords) -> bool:
    """Whether two solutions, or their first sentences, are mostly the same words.

    The first sentences may differ in words of the tasks if at least `TELLING` others are the same.
    """
    if _jaccard(one.all, other.all) >= ALIKE:
        return True
    common = one.first & other.first
    if len(common) < min(TELLING, ALIKE * len(one.first)):  # as nearly all pairs
        return False
    if _jaccard(one.first, other.first) >= ALIKE:
        return True
    besides = one.task | other.task
    return len(common - besides) >= max(TELLING, ALIKE * len((one.first | other.first) - besides))


@lru_cache(4_096)
def first_sentence(text: str) -> str:
    """The first sentence."""
    return _SENTENCE_END.split(text.strip(), maxsplit=1)[0]


def points(low: float, high: float) -> str:
    """A corrected interval of a difference of rates, -1..1, as text."""
    return f"corrected interval {100 * low:+.0f} to {100 * high:+.0f} points"


def line(lesson: ShownLesson) -> str:
    """A lesson as a line of text: quoted, with its origin and its evidence."""
    parts = [f"When {quoted(lesson.when, LONGEST)}"]
    parts += [f"do {quoted(lesson.do, LONGEST)}"] if lesson.do else []
    parts += [f"avoid {quoted(lesson.avoid, LONGEST)}"] if lesson.avoid else []
    return f"Lesson ({lesson.basis}): {'; '.join(parts)} [{lesson.lesson_id}]"
