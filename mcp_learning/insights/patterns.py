"""Groups error texts that differ only in a few consecutive words into one pattern.

Numbers, paths and quoted values are already replaced (`models.error_messages`). The other values
are words: "no answer from the billing service", "no answer from the search page". A single text
doesn't show whether a word is a value or part of the error ("connection refused", "connection
reset"). Many texts do: a position with several different fillers holds a value.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate

from mcp_learning.models.folding import folded

MIN_FILLERS = 4
"""Least number of different fillers of a value's position: two or three may be different errors."""

MIN_FIXED = 3  # least number of words that all texts of a pattern share, without placeholders
MAX_FILLER = 5  # longest filler, in words

FILLER = "<…>"

_MAX_WORDS = 40  # compared per text
_Frame = tuple[tuple[str, ...], tuple[str, ...]]


def patterns(texts: Sequence[str]) -> list[str]:
    """For each of n different normalised texts its pattern: a shared one, or the text itself.

    The position with the most fillers is taken first; a text has one pattern. The result doesn't
    depend on the order of the texts.
    """
    frames = _frames(texts)
    found = list(texts)
    while frames:
        best = max(frames, key=lambda frame: (len(frames[frame]), sum(map(len, frame)), frame))
        members = frames[best]
        for number in members:
            found[number] = " ".join([*best[0], FILLER, *best[1]])
        others = {frame: numbers - members for frame, numbers in frames.items()}
        frames = {f: numbers for f, numbers in others.items() if len(numbers) >= MIN_FILLERS}
    return found


def _frames(texts: Sequence[str]) -> dict[_Frame, set[int]]:
    """Numbers of the texts by the words before and after a filler, where enough of them agree."""
    places: dict[tuple[int, int], list[tuple[int, int, int]]] = defaultdict(list)
    all_words = [tuple(text.split())[:_MAX_WORDS] for text in texts]
    for number, words in enumerate(all_words):
        # Hashes of the words before and after: tuples of them would take five times as long.
        prefixes = list(accumulate(words, lambda *pair: hash(pair), initial=0))
        suffixes = list(accumulate(reversed(words), lambda *pair: hash(pair), initial=0))[::-1]
        fixed = [0, *accumulate(map(_is_fixed, words))]
        for start in range(len(words)):
            for end in range(start + 1, min(start + MAX_FILLER, len(words)) + 1):
                if fixed[start] + fixed[-1] - fixed[end] >= MIN_FIXED:
                    places[prefixes[start], suffixes[end]].append((number, start, end))
    frames = {}
    for shared in places.values():
        numbers = {number for number, _, _ in shared}
        if len(numbers) >= MIN_FILLERS:
            number, start, end = shared[0]
            frames[all_words[number][:start], all_words[number][end:]] = numbers
    return frames


def _is_fixed(word: str) -> bool:
    return not word.startswith("<") and any(map(str.isalpha, word))


def most_typical(texts: Sequence[str]) -> int:
    """Index of the text that shares most words with the others; of equal ones, the first.

    By the mean Jaccard index of the sets of words (P. Jaccard, "The distribution of the flora in
    the alpine zone", New Phytologist 11 (1912), 37-50). At least one text must be given.
    """
    words = [set(folded(text).split()) for text in texts]
    similarities = [sum(_jaccard(one, other) for other in words) for one in words]
    return max(range(len(texts)), key=lambda number: (round(similarities[number], 9), -number))


def _jaccard(one: set[str], other: set[str]) -> float:
    either = len(one | other)
    return len(one & other) / either if either else 1.0
