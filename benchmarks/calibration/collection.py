"""A test collection: rows in memory, compared with questions by the product's own functions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcp_learning.embed.embedder import EmbeddedQuery, Embedder
from mcp_learning.embed.recipe import embedding_text, passages
from mcp_learning.search import fusion
from mcp_learning.search.lexical.query_terms import DEFAULT_PARAMETERS, Bm25Parameters
from mcp_learning.search.lexical.terms import TokenisedQuery, count_terms
from mcp_learning.search.lexical.word_index import WordIndex
from mcp_learning.synthetic.loading import EMBED_CHUNK, Progress

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Vectors:
    """What a model makes of texts.

    Attributes:
        records: (passages, dimension) float32 of each text that is stored.
        questions: Of each text that is asked.
        noise: `Embedder.floor` of the model.
    """

    records: Mapping[str, Matrix]
    questions: Mapping[str, EmbeddedQuery]
    noise: float


def embed(
    embedder: Embedder, records: Iterable[str], questions: Iterable[str], progress: Progress
) -> Vectors:
    """Embeds texts, long records in passages, as the product does.

    Raises:
        EmbedderUnavailable: The model can't be loaded.
    """
    stored, asked = {}, {}
    for text in _told("embedding records", records, progress):
        parts = [text, *passages(text)[1:]]
        stored[text] = embedder.embed([embedding_text(part) for part in parts])
    for text in _told("embedding questions", questions, progress):
        asked[text] = embedder.embed_query(embedding_text(text))
    return Vectors(stored, asked, embedder.floor)


def _told(what: str, texts: Iterable[str], progress: Progress) -> Iterator[str]:
    """The different texts, with progress."""
    wanted = list(dict.fromkeys(texts))
    for at, text in enumerate(wanted):
        if at % EMBED_CHUNK == 0:
            progress(what, at, len(wanted))
        yield text


@dataclass(frozen=True)
class Comparison:
    """A question compared with n rows; the terms are those of `fusion`.

    Attributes:
        weight: Of words against meaning.
        meanings: (n,) float32, 0..1.
        coverage: (n,) float32, 0..1.
        similarities: (n,) float32, 0..1: what searches rank by.
    """

    weight: float
    meanings: Matrix
    coverage: Matrix
    similarities: Matrix


class Collection:
    """n rows that questions are compared with.

    Args:
        texts: Of the rows, at least one.
        vectors: Have all of them, and all questions.
    """

    def __init__(self, texts: Sequence[str], vectors: Vectors) -> None:
        self._known = vectors
        self._words = WordIndex()
        self._words.add([count_terms(text) for text in texts])
        stored = [vectors.records[text] for text in texts]
        self._vectors = np.concatenate(stored)
        self._starts = np.cumsum([0, *(len(some) for some in stored[:-1])])

    def compare(self, question: str, bm25: Bm25Parameters = DEFAULT_PARAMETERS) -> Comparison:
        """Compares a question with all rows."""
        asked, noise = self._known.questions[question], self._known.noise
        words = self._words.score(TokenisedQuery.of(question), bm25)
        weight = fusion.lexical_weight(words, asked.unknown)
        cosines = np.maximum.reduceat(self._vectors @ asked.vector, self._starts)
        background = fusion.meaning(np.array([asked.background], np.float32), noise)[0]
        meanings = fusion.above_background(fusion.meaning(cosines, noise), float(background))
        found = fusion.similarities(meanings, words.coverage, weight)
        named = words.with_identifiers
        found[named] = np.maximum(found[named], np.float32(fusion.MIN_WITH_IDENTIFIERS))
        return Comparison(weight, meanings, words.coverage, found)
