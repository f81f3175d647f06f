"""Text → terms: words by their stems; identifiers, paths and codes whole and in their parts.

`src/auth/login.py` gives the path, `login.py`, and `src`, `auth`, `login`, `py`; `parse_config`,
`parseConfig` and `parse-config` share one term and the parts `parse` and `config`. Scripts written
without blanks give pairs of characters. A term is a 63-bit number: half the memory of its text, and
an index file in which no text can be read. Two terms share a number by chance once in 2^63 pairs.

How a question spells a term says what it is worth, and nothing about what it finds: `typeerror` is
a plain word, and finds `TypeError`.
"""

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from py_rust_stemmers import SnowballStemmer

VERSION = 4
"""Part of an index file's format: raise it when any text gives other terms."""

_WORD = re.compile(r"[^\W_]+(?:[_.\-/\\:@#]+[^\W_]+)*")
_LEVELS = (re.compile(r"[/\\:@#]+"), re.compile(r"\.+"), re.compile(r"[_\-]+"))
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SCRIPTS = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
_UNSPACED = re.compile(f"[{_SCRIPTS}]+")
_FOREIGN_PARTS = re.compile(rf"[{_SCRIPTS}]+|\d+|[^\W\d_{_SCRIPTS}]+")
_LONGEST = 256
_HYPHENATED = re.compile(r"[A-Z]?[a-z]+(?:-[a-z]+)+")
_IDENTIFIER, _NUMERIC = 1, 2

_Term = tuple[int, int]
"""Number, and how the text at hand spells it."""

_stem = SnowballStemmer("english").stem_word


class Question(NamedTuple):
    """The terms of a text that is searched for.

    Attributes:
        counts: How often each term occurs.
        identifiers: Those that are spelt as no plain word is: with digits, inner capitals or
            joints. A hyphen between plain words is none: `sign-in`, or `Sign-in`, is plain.
        numeric: Those that begin with a digit, as line numbers, times and addresses do.
    """

    counts: Counter[int]
    identifiers: frozenset[int]
    numeric: frozenset[int]

    @classmethod
    def of(cls, text: str) -> "Question":
        """The terms of the text, and how it spells them."""
        counts: Counter[int] = Counter()
        spelt: dict[int, int] = {}
        for often, terms in _read(text):
            for number, flags in terms:
                counts[number] += often
                spelt[number] = spelt.get(number, 0) | flags
        return cls(
            counts,
            frozenset(number for number, flags in spelt.items() if flags & _IDENTIFIER),
            frozenset(number for number, flags in spelt.items() if flags & _NUMERIC),
        )


def count_terms(*texts: str | None) -> Counter[int]:
    """How often each term occurs in the texts; texts that are None are passed over."""
    counts: Counter[int] = Counter()
    for often, terms in _read(*texts):
        for number, _ in terms:
            counts[number] += often
    return counts


def is_common(term: int) -> bool:
    """Whether the term is a word that half of all English texts have."""
    return term in _COMMON


def _read(*texts: str | None) -> Iterator[tuple[int, tuple[_Term, ...]]]:
    """How often each different word occurs, and its terms."""
    words = Counter(word for text in texts if text for word in _WORD.findall(text))
    for word, often in words.items():
        for piece in _pieces(word):
            yield often, _terms_of(piece)


def _pieces(word: str) -> list[str]:
    """The word, cut if it is long; a text without blanks in pieces that overlap by a character."""
    if len(word) <= _LONGEST or not _UNSPACED.search(word):
        return [word[:_LONGEST]]
    return [word[at : at + _LONGEST] for at in range(0, len(word) - 1, _LONGEST - 1)]


@lru_cache(maxsize=100_000)
def _terms_of(word: str) -> tuple[_Term, ...]:
    flags: dict[int, int] = {}
    for number, spelt in _expand(word, 0):
        flags[number] = flags.get(number, 0) | spelt
    return tuple(flags.items())


def _expand(word: str, level: int) -> Iterator[_Term]:
    """The term of the whole word, where it has parts, and those of its parts."""
    if level < len(_LEVELS):
        pieces = [piece for piece in _LEVELS[level].split(word) if piece]
        if len(pieces) > 1:
            yield _term(_joined(word), identifier=not _HYPHENATED.fullmatch(word))
        for piece in pieces:
            yield from _expand(piece, level + 1)
        return
    parts = (_PARTS if word.isascii() else _FOREIGN_PARTS).findall(word)
    if len(parts) > 1 and not _UNSPACED.search(word):
        yield _term(_joined(word), identifier=True)
    for part in parts or [word]:
        if part.isascii() and not word.isascii():
            yield from _expand(part, level)
        elif _UNSPACED.fullmatch(part) and len(part) > 1:
            yield from (_term(part[at : at + 2]) for at in range(len(part) - 1))
        else:
            yield _term(part)


def _joined(word: str) -> str:
    return word.replace("_", "").replace("-", "")


def _term(text: str, *, identifier: bool = False) -> _Term:
    text = _stem(text.lower()) if text.isascii() else text.casefold()
    number = int.from_bytes(blake2b(text.encode(errors="replace"), digest_size=8).digest()) >> 1
    identifier = identifier or any(map(str.isdigit, text))
    return number, text[0].isdigit() * _NUMERIC | identifier * _IDENTIFIER


# The grammar's own words; any collection of a hundred texts finds them to be common by itself.
_COMMON_WORDS = (
    "a an the and or but if then than so of to in on at by for from with as into over under is are "
    "was were be been do does did has have had can could should would will may might must it its "
    "this that these those i you he she we they my your their our his her them us who what which "
    "when where why how not no all any each some such only same too very just again after before "
    "during between out up down off about against"
)
_COMMON = frozenset(term for word in _COMMON_WORDS.split() for term, _ in _terms_of(word))
