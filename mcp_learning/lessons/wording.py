"""Texts of lessons: how alike two are, and what fits into one."""

import re
from collections.abc import Callable
from functools import lru_cache

ALIKE = 0.6
"""Jaccard index of the words of two texts from which they say the same."""

TELLING = 4
"""Words that two solutions share beside those of their tasks, if they say the same."""

_STOP = (
    "a an and are as at be been before but by can do does for from has have if in into is it its "
    "not of off on or so than that the their then there this to up use was were when which will "
    "with you your"
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


@lru_cache(4_096)
def words(text: str) -> frozenset[int]:
    """Stems of the words of a text, without those that any text has."""
    return _tokenise()(text) - _stop()


@lru_cache(1)
def _tokenise() -> Callable[[str], frozenset[int]]:
    # With its stemmer it takes longer to import than a server takes to answer first.
    from mcp_learning.search.lexical.terms import TokenisedQuery

    return lambda text: frozenset(TokenisedQuery.of(text).counts)


@lru_cache(1)
def _stop() -> frozenset[int]:
    return _tokenise()(_STOP)


def likeness(one: str, other: str) -> float:
    """The Jaccard index of the words of two texts, 0..1."""
    a, b = words(one), words(other)
    return len(a & b) / len(a | b) if a | b else 1.0


def says_the_same(one: str, other: str, besides: frozenset[int] = frozenset()) -> bool:
    """Whether two solutions are alike, or begin with alike sentences.

    Args:
        one: A solution.
        other: Another one.
        besides: Words of their tasks, such as names of files: sentences may differ in them, if
            `TELLING` other words are the same.
    """
    if likeness(one, other) >= ALIKE or likeness(first(one), first(other)) >= ALIKE:
        return True
    a, b = (words(first(text)) - besides for text in (one, other))
    return len(a & b) >= max(TELLING, ALIKE * len(a | b))


@lru_cache(4_096)
def first(text: str) -> str:
    """The first sentence."""
    return _SENTENCE_END.split(text.strip(), maxsplit=1)[0]


def percent(rate: float) -> str:
    """A rate, 0..1, to read."""
    return f"{100 * rate:.0f} %"


def points(low: float, high: float) -> str:
    """A corrected interval of a difference of rates to read."""
    return f"corrected interval {100 * low:+.0f} to {100 * high:+.0f} points"
