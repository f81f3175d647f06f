"""Error texts that differ only in a few words in one place become one pattern.

The database has already replaced numbers, paths and quoted values (`store.failures`). What is left
are values that look like words: "no answer from the billing service", "no answer from the search
page". A text alone doesn't tell a value from a fact ("connection refused", "connection reset"), but
many texts do: where one place takes several different fillers, it holds a value.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate

MIN_FILLERS = 4
"""Different fillers that make a place a value: two or three may well be different errors."""

MIN_FIXED = 3
"""Words that all texts of a pattern share at least, placeholders not counted."""

MAX_FILLER = 5
"""Longest filler, in words."""

FILLER = "<…>"

_LONGEST = 40  # words of a text that are looked at
_Frame = tuple[tuple[str, ...], tuple[str, ...]]


def patterns(texts: Sequence[str]) -> list[str]:
    """For each of n different normalised texts its pattern: a common one, or the text itself.

    The place with the most fillers is settled first; a text has one pattern. The order of the
    texts doesn't matter.
    """
    waiting = _frames(texts)
    found = list(texts)
    while waiting:
        best = max(waiting, key=lambda frame: (len(waiting[frame]), sum(map(len, frame)), frame))
        settled = waiting[best]
        for number in settled:
            found[number] = " ".join([*best[0], FILLER, *best[1]])
        left = {frame: numbers - settled for frame, numbers in waiting.items()}
        waiting = {frame: numbers for frame, numbers in left.items() if len(numbers) >= MIN_FILLERS}
    return found


def _frames(texts: Sequence[str]) -> dict[_Frame, set[int]]:
    """The texts by what is around a filler, where enough of them share it."""
    places: dict[tuple[int, int], list[tuple[int, int, int]]] = defaultdict(list)
    all_words = [tuple(text.split())[:_LONGEST] for text in texts]
    for number, words in enumerate(all_words):
        # By hashes of what is before and after: making the words' tuples takes five times as long.
        heads = list(accumulate(words, lambda *pair: hash(pair), initial=0))
        tails = list(accumulate(reversed(words), lambda *pair: hash(pair), initial=0))[::-1]
        before = [0, *accumulate(map(_fixed, words))]
        for start in range(len(words)):
            for end in range(start + 1, min(start + MAX_FILLER, len(words)) + 1):
                if before[start] + before[-1] - before[end] >= MIN_FIXED:
                    places[heads[start], tails[end]].append((number, start, end))
    frames = {}
    for shared in places.values():
        numbers = {number for number, _, _ in shared}
        if len(numbers) >= MIN_FILLERS:
            number, start, end = shared[0]
            frames[all_words[number][:start], all_words[number][end:]] = numbers
    return frames


def _fixed(word: str) -> bool:
    return not word.startswith("<") and any(map(str.isalpha, word))


def most_typical(texts: Sequence[str]) -> int:
    """Position of the text that shares most words with the others; of equal ones, the first.

    By the mean Jaccard index of the sets of words (P. Jaccard, "The distribution of the flora in
    the alpine zone", New Phytologist 11 (1912), 37-50). At least one text must be given.
    """
    words = [set(text.casefold().split()) for text in texts]
    alike = [sum(_jaccard(one, other) for other in words) for one in words]
    return max(range(len(texts)), key=lambda number: (round(alike[number], 9), -number))


def _jaccard(one: set[str], other: set[str]) -> float:
    either = len(one | other)
    return len(one & other) / either if either else 1.0
