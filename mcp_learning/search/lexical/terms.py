"""Tokenises texts: words become their stems; identifiers, paths and codes are kept and split.

`src/auth/login.py` gives the whole path, `login.py`, and `src`, `auth`, `login`, `py`.
`parse_config`, `parseConfig` and `parse-config` give the same term and the parts `parse` and
`config`. Scripts that are written without blanks give pairs of characters.

A term is a 63-bit hash, which takes half the memory of its text and keeps stored texts out of the
index file. Two different terms collide with a probability of 2^-63.

The spelling of a term in a query sets its weight, but not what it matches: `typeerror` is a plain
word and matches `TypeError`.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from functools import lru_cache
from hashlib import blake2b
from itertools import chain
from operator import itemgetter
from typing import NamedTuple

from py_rust_stemmers import SnowballStemmer

VERSION = 6
"""Part of the index file's format. Increase it whenever the terms of any text change."""

# Combining accents and vowel signs, at which \w would end words of Hindi, Thai, Hebrew and others.
_MARKS = (
    r"\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u064b-\u065f\u0670\u0900-\u0903\u093a-\u094f"
    r"\u0951-\u0963\u0981-\u0983\u09bc-\u09d7\u0a01-\u0a03\u0a3c-\u0a4d\u0a70-\u0a71\u0a81-\u0a83"
    r"\u0abc-\u0acd\u0b01-\u0b03\u0b3c-\u0b57\u0b82\u0bbe-\u0bcd\u0c00-\u0c04\u0c3c-\u0c56"
    r"\u0c81-\u0c83\u0cbc-\u0cd6\u0d00-\u0d03\u0d3b-\u0d4d\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
    r"\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd\u102b-\u103e\u17b4-\u17d3"
)
_RUN = rf"[^\W_]+(?:[{_MARKS}]+[^\W_]*)*"
_WORD = re.compile(rf"{_RUN}(?:[_.\-/\\:@#]+{_RUN})*")
_LEVELS = (re.compile(r"[/\\:@#]+"), re.compile(r"\.+"), re.compile(r"[_\-]+"))
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SCRIPTS = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
_UNSPACED = re.compile(f"[{_SCRIPTS}]+")
_FOREIGN_PARTS = re.compile(
    rf"[{_SCRIPTS}]+|\d+|[^\W\d_{_SCRIPTS}]+(?:[{_MARKS}]+[^\W\d_{_SCRIPTS}]*)*"
)
_LONGEST = 256
_HYPHENATED = re.compile(r"[A-Z]?[a-z]+(?:-[a-z]+)+")
_IDENTIFIER, _NUMERIC = 1, 2

_Term = tuple[int, int]
"""Hash, and flags that describe the spelling."""

_stem = SnowballStemmer("english").stem_word


class TokenisedQuery(NamedTuple):
    """The terms of a query.

    Attributes:
        counts: How often each term occurs.
        identifiers: Terms spelt with digits, inner capitals or joining characters. A hyphen between
            plain words doesn't count: `sign-in` and `Sign-in` are plain words.
        numeric: Terms that begin with a digit, such as line numbers, times and addresses.
    """

    counts: Counter[int]
    identifiers: frozenset[int]
    numeric: frozenset[int]

    @classmethod
    def of(cls, text: str) -> "TokenisedQuery":
        """Tokenises a text."""
        terms = list(chain.from_iterable(_tokenised(text)))
        spelt = set(terms)
        return cls(
            Counter(map(itemgetter(0), terms)),
            frozenset(term for term, flags in spelt if flags & _IDENTIFIER),
            frozenset(term for term, flags in spelt if flags & _NUMERIC),
        )


def count_terms(*texts: str | None) -> Counter[int]:
    """How often each term occurs in the texts; None counts as an empty text."""
    counts: dict[int, int] = {}  # a Counter is slower to fill
    for terms in _tokenised(*texts):
        for term, _ in terms:
            counts[term] = counts.get(term, 0) + 1
    return Counter(counts)


def count_each(rows: Iterable[Sequence[str | None]]) -> Iterator[Counter[int]]:
    """`count_terms` of the texts of each row; a text that several rows share is tokenised once."""
    known: dict[str, Counter[int]] = {}
    for texts in rows:
        counts: Counter[int] = Counter()
        for text in filter(None, texts):
            if text not in known:
                known[text] = count_terms(text)
            counts.update(known[text])
        yield counts


def phrases(text: str) -> frozenset[int]:
    """Pairs of neighbouring words, function words skipped, and single identifiers."""
    found: set[int] = set()
    before: int | None = None
    for word in _WORD.findall(_normal(text)):
        term, flags = _terms_of(word[:_LONGEST])[0]
        if term in _STOP_WORDS:
            continue
        if flags & _IDENTIFIER and not flags & _NUMERIC:
            found.add(term)
        if before is not None:
            found.add(hash((before, term)))
        before = term
    return frozenset(found)


def shared_terms(one: str, other: str) -> int:
    """How many different terms two texts share, function words left out."""
    return len((count_terms(one).keys() & count_terms(other).keys()) - _STOP_WORDS)


def is_stop_word(term: int) -> bool:
    """Whether the term is a function word of English, which occurs in most texts."""
    return term in _STOP_WORDS


def spellings(text: str, terms: Set[int]) -> dict[int, str]:
    """The spellings in a text of those of `terms` that it has.

    Terms of scripts that are written without blanks are left out, since they aren't words.
    """
    found: dict[int, str] = {}
    for word in dict.fromkeys(_words(text)):
        if terms.isdisjoint(term for term, _ in _terms_of(word)):
            continue
        for part, identifier in _expand(word, 0):
            term, _ = _term(part, identifier=identifier)
            if term in terms and not _UNSPACED.search(part):
                found.setdefault(term, part)
    return found


def _tokenised(*texts: str | None) -> Iterator[tuple[_Term, ...]]:
    """Yields the terms of each word."""
    for text in filter(None, texts):
        yield from map(_terms_of, _words(text))


def _words(text: str) -> Iterator[str]:
    for word in _WORD.findall(_normal(text)):
        if len(word) <= _LONGEST:
            yield word
        else:
            yield from _pieces(word)


def _normal(text: str) -> str:
    """Unicode normal form KC: letters are equal, whatever their composition or width."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def _pieces(word: str) -> list[str]:
    """A word, truncated if long; text without blanks is split into pieces that overlap by one."""
    if not _UNSPACED.search(word):
        return [word[:_LONGEST]]
    return [word[at : at + _LONGEST] for at in range(0, len(word) - 1, _LONGEST - 1)]


@lru_cache(maxsize=100_000)
def _terms_of(word: str) -> tuple[_Term, ...]:
    spelling: dict[int, int] = {}
    for text, identifier in _expand(word, 0):
        term, flags = _term(text, identifier=identifier)
        spelling[term] = spelling.get(term, 0) | flags
    return tuple(spelling.items())


def _expand(word: str, level: int) -> Iterator[tuple[str, bool]]:
    """The parts of a word, with the whole if there are several; whether each is an identifier."""
    if level < len(_LEVELS):
        pieces = [piece for piece in _LEVELS[level].split(word) if piece]
        if len(pieces) > 1:
            yield word, not _HYPHENATED.fullmatch(word)
        for piece in pieces:
            yield from _expand(piece, level + 1)
        return
    parts = (_PARTS if word.isascii() else _FOREIGN_PARTS).findall(word)
    if len(parts) > 1 and not _UNSPACED.search(word):
        yield word, True
    for part in parts or [word]:
        if part.isascii() and not word.isascii():
            yield from _expand(part, level)
        elif _UNSPACED.fullmatch(part) and len(part) > 1:
            yield from ((part[at : at + 2], False) for at in range(len(part) - 1))
        else:
            yield part, False


def _term(text: str, *, identifier: bool) -> _Term:
    text = text.replace("_", "").replace("-", "")
    text = _stem(text.lower()) if text.isascii() else text.casefold()
    term = int.from_bytes(blake2b(text.encode(errors="replace"), digest_size=8).digest()) >> 1
    identifier = identifier or any(map(str.isdigit, text))
    return term, text[0].isdigit() * _NUMERIC | identifier * _IDENTIFIER


# In a collection of a hundred texts or more, these turn out to be common anyway.
_STOP_WORD_LIST = (
    "a an the and or but if then than so of to in on at by for from with as into over under is are "
    "was were be been do does did has have had can could should would will may might must it its "
    "this that these those i you he she we they my your their our his her them us who what which "
    "when where why how not no all any each some such only same too very just again after before "
    "during between out up down off about against"
)
_STOP_WORDS = frozenset(term for word in _STOP_WORD_LIST.split() for term, _ in _terms_of(word))
