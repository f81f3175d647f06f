"""Questions put to stores of several sizes: those of a set to its own rows, and to other sets'."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration.collection import Collection, Comparison, Vectors
from benchmarks.calibration.questions import Pairs
from mcp_learning.synthetic.loading import Progress

STORES = {5: 40, 30: 10, 100: 4}
"""Rows of small stores, and how many are drawn from each set."""

LARGE = 8_000
"""Rows of a set with distractors, at most."""

TOP = 5
"""Most similar rows that are looked at."""

_OWN, _FOREIGN, _FOREIGN_OF_FEW = 300, 40, 2
_SEED = 5


@dataclass(frozen=True)
class Sample:
    """A question and the most similar rows of one store.

    Attributes:
        store: The set of the rows.
        size: Of the store.
        source: The set of the question.
        terms: (TOP, 4) what the regression weighs.
        similarities: (TOP,) 0..1.
        counts: (TOP,) bool: answers the question; of a question of another set, every row.
    """

    store: str
    size: str
    source: str
    terms: NDArray[np.float64]
    similarities: NDArray[np.float64]
    counts: NDArray[np.bool_]


def collect(
    sets: Mapping[str, Pairs], distractors: Sequence[str], vectors: Vectors, progress: Progress
) -> list[Sample]:
    """Samples of all sets. Of a set's own questions those with an answer among the top count.

    Args:
        sets: At least two, by name.
        distractors: Rows that fill a set up to `LARGE`; may be empty.
        vectors: Of all texts.
        progress: Told what is going on.
    """
    random, found = Random(_SEED), []
    for number, (name, pairs) in enumerate(sets.items()):
        progress("asking", number, len(sets))
        for size, ids, most, foreign in _stores(pairs, random, bool(distractors)):
            texts = [pairs.records[one] for one in ids]
            texts += distractors[: LARGE - len(texts)] if size == f"{LARGE}" else []
            collection, place = Collection(texts, vectors), {one: at for at, one in enumerate(ids)}
            own = [one for one in pairs.questions if one.relevant & place.keys()][:most]
            for question in own:
                true = [place[one] for one in question.relevant & place.keys()]
                compared = collection.compare(question.text)
                found.append(_sample(name, size, name, compared, true))
            for source, others in sets.items():
                if source != name:
                    asked = random.sample(others.questions, min(foreign, len(others.questions)))
                    for one in asked:
                        compared = collection.compare(one.text)
                        found.append(_sample(name, size, source, compared, range(len(texts))))
    return [one for one in found if one.counts.any()]


def _stores(pairs: Pairs, random: Random, large: bool) -> Iterator[tuple[str, list[str], int, int]]:
    """Size and record ids of each store, how many own questions to ask, and of each other set."""
    ids = list(pairs.records)
    for size, repeats in STORES.items():
        for _ in range(repeats if size < len(ids) else 0):
            asked = random.sample(pairs.questions, min(max(2, size // 3), len(pairs.questions)))
            answers = dict.fromkeys(at for one in asked for at in sorted(one.relevant))
            rest = [one for one in ids if one not in answers]
            chosen = [*answers, *random.sample(rest, min(size, len(rest)))][:size]
            yield f"{size}", chosen, size, _FOREIGN_OF_FEW
    yield "all", ids, _OWN, _FOREIGN
    if large:
        yield f"{LARGE}", ids, _OWN // 2, _FOREIGN // 2


def _sample(
    store: str, size: str, source: str, compared: Comparison, true: Sequence[int] | range
) -> Sample:
    similar = compared.similarities
    top = np.argsort(-similar, kind="stable")[:TOP]
    terms, similarities = np.zeros((TOP, 4)), np.zeros(TOP)
    counts = np.zeros(TOP, bool)
    terms[: len(top)] = terms_of(compared, top)
    similarities[: len(top)] = similar[top]
    counts[: len(top)] = np.isin(top, true)
    return Sample(store, size, source, terms, similarities, counts)


def terms_of(compared: Comparison, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """(m, 4) what `search/relevance.py` weighs, of m rows: 1, meaning, words, number of rows."""
    weight, count = compared.weight, len(compared.coverage)
    terms = np.empty((len(rows), 4))
    terms[:, 0] = 1
    terms[:, 1] = (1 - weight) * compared.meanings[rows]
    terms[:, 2] = weight * np.sqrt(compared.coverage[rows])
    terms[:, 3] = (1 - weight**3) * np.log(count)
    return terms
