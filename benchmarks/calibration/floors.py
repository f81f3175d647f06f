"""Measures which similarity floor fits an embedding model, and which fusion ranks best.

The product's own search answers two kinds of questions on a temporary database: those with known
answers, and those that nothing there answers. A good floor keeps the matches of the former and
leaves the latter empty.
"""

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import numpy as np

from benchmarks import off_topic
from benchmarks.calibration import rankings
from benchmarks.calibration.collection import Case, Collection, Matrix, Texts, ask, make_case
from benchmarks.calibration.questions import Pairs, paraphrases
from benchmarks.calibration.rankings import FOUND, Row, quality, ranks
from mcp_learning.embed.embedder import Embedder
from mcp_learning.search.scorer import ROUNDING
from mcp_learning.settings import Settings
from mcp_learning.synthetic.generator import make_tasks
from mcp_learning.synthetic.loading import Progress, embed_tasks

FLOOR = 0.41
"""Least similarity of a match before relevance decided."""

GRID = tuple(round(0.30 + 0.01 * step, 2) for step in range(21))
"""Floors to try: 0.30, 0.31, …, 0.50."""

WANTED_EMPTY = 0.95
"""Share of questions without an answer, 0..1, that a good floor leaves empty."""

WANTED_KEPT = 0.97
"""Share of the true matches that are found, 0..1, that a good floor keeps."""

GENERATED = 1_000
"""Generated tasks: distractors of the paraphrases, and a database of another domain."""

PROSE = 300
"""Questions from outside software."""

UNRELATED = 500
"""Random pairs of a question and a record that doesn't answer it."""

_SEED = 7


@dataclass(frozen=True)
class FloorFigures:
    """The effect of one floor; all shares are 0..1.

    Attributes:
        floor: Least similarity of a match.
        unrelated: Share of random unrelated pairs below it.
        prose: Share of questions from outside software that get an empty answer.
        foreign: Share of questions that get an empty answer where there are only generated tasks.
        kept: Share of true matches among the ten most similar that stay.
        mrr: Mean reciprocal rank of the best true match, 0 where it doesn't stay.
        recall: Share of true matches that are among the ten most similar, and stay.
    """

    floor: float
    unrelated: float
    prose: float
    foreign: float
    kept: float
    mrr: float
    recall: float


@dataclass(frozen=True)
class Calibration:
    """The result of a calibration.

    Attributes:
        model: The embedding model.
        questions: How many there were.
        records: In the database that they were put to.
        default: The floor that is used if none is configured.
        in_use: The floor that searches use now.
        own: Whether the questions are the user's. Generated tasks are of the same domain as the
            packaged ones: some answer them, so that `foreign` says nothing about a floor.
        floors: Of `GRID`, and the one in use; ascending.
        compared: Ways to rank, on these questions; empty unless asked for.
        short: The same on the paraphrases, if these are others.
    """

    model: str
    questions: int
    records: int
    default: float
    in_use: float
    own: bool
    floors: list[FloorFigures]
    compared: list[Row]
    short: list[Row]

    @property
    def least(self) -> FloorFigures | None:
        """The lowest floor that leaves enough unanswerable questions empty; None if none does."""
        return next((one for one in self.floors if self.rejected(one) >= WANTED_EMPTY), None)

    @property
    def greatest(self) -> FloorFigures | None:
        """The highest floor that keeps enough true matches; None if none does."""
        kept = [one for one in self.floors if one.kept >= WANTED_KEPT]
        return kept[-1] if kept else None

    def rejected(self, one: FloorFigures) -> float:
        """Smallest share, 0..1, of unanswerable questions left empty, over their kinds."""
        return min(one.unrelated, one.prose, one.foreign if self.own else 1.0)

    def as_json(self) -> dict[str, Any]:
        """Everything as JSON values."""
        ends = {"least": self.least, "greatest": self.greatest}
        return {**asdict(self), **{name: end and end.floor for name, end in ends.items()}}


@dataclass(frozen=True)
class _Texts:
    """All texts that are recorded or asked."""

    case: Case
    short: Case | None
    generated: list[str]
    prose: list[str]
    own: bool

    def all(self) -> list[str]:
        cases = [one for one in (self.case, self.short) if one]
        texts = [text for one in cases for text in (*one.records, *one.questions)]
        return list(dict.fromkeys([*texts, *self.generated, *self.prose]))


def measure(
    settings: Settings,
    pairs: Pairs | None,
    *,
    compare: bool,
    progress: Progress,
    generated: int = GENERATED,
) -> Calibration:
    """Measures floors, and ways to combine words and vectors, with the configured model.

    Args:
        settings: Say which model, and which floor is in use; its database isn't touched.
        pairs: None: the packaged paraphrases, among generated tasks.
        compare: Also measure `fusions`: with `pairs`, on the paraphrases besides.
        progress: Told what is going on.
        generated: Generated tasks, >= 1.

    Raises:
        LearningError: The model can't be loaded, or a temporary database can't be written.
    """
    others = [task.description for task in make_tasks(generated, seed=_SEED)]
    crowded = make_case(paraphrases(), others)
    texts = _Texts(
        case=make_case(pairs) if pairs else crowded,
        short=crowded if pairs and compare else None,
        generated=others,
        prose=off_topic.questions(PROSE, seed=_SEED),
        own=pairs is not None,
    )
    # Files may still be held on Windows: leave them to the system.
    with TemporaryDirectory(prefix="mcp-learning-", ignore_cleanup_errors=True) as scratch:
        work = partial(_measure, settings, texts, Path(scratch).absolute(), compare, progress)
        return anyio.run(work)


async def _measure(
    settings: Settings, texts: _Texts, scratch: Path, compare: bool, progress: Progress
) -> Calibration:
    embedder = Embedder(
        settings.embedding_model,
        cache_dir=settings.model_dir,
        threads=settings.embedding_threads or None,
    )
    known = Texts(texts.all(), await embed_tasks(embedder, texts.all(), progress))
    asked, plain = known.some(texts.case.questions), known.some(texts.prose)

    def put(collection: Collection) -> tuple[Matrix, Matrix, list[Row]]:
        found, unanswered = collection.similarities(asked), collection.similarities(plain)
        rows = rankings.rows(collection, asked, texts.case.relevant) if compare else []
        return found, unanswered, rows

    searching = partial(ask, settings, embedder)
    progress("asking questions with answers", 0, 3)
    found, unanswered, compared = await searching(
        scratch / "own", known.some(texts.case.records), put
    )
    progress("asking questions without answers", 1, 3)
    foreign = await searching(
        scratch / "foreign", known.some(texts.generated), lambda c: c.similarities(asked)
    )
    short: list[Row] = []
    if (case := texts.short) is not None:
        progress("asking short questions", 2, 3)
        questions = known.some(case.questions)
        short = await searching(
            scratch / "short",
            known.some(case.records),
            lambda c: rankings.rows(c, questions, case.relevant),
        )
    in_use = FLOOR if settings.min_similarity is None else settings.min_similarity
    return Calibration(
        model=embedder.model,
        questions=len(asked),
        records=len(texts.case.records),
        default=FLOOR,
        in_use=in_use,
        own=texts.own,
        floors=at_floors(found, texts.case.relevant, unanswered, foreign, {*GRID, in_use}),
        compared=compared,
        short=short,
    )


def at_floors(
    found: Matrix,
    relevant: rankings.Truth,
    unanswered: Matrix,
    foreign: Matrix,
    floors: set[float],
) -> list[FloorFigures]:
    """The effect of each floor, ascending.

    Args:
        found: (questions, records) similarities, 0..1.
        relevant: (questions, records) bool: which records answer which question, at least one.
        unanswered: (questions, records): of questions from outside software.
        foreign: (questions, records): of the questions with records of another domain.
        floors: Which, 0..1.
    """
    unrelated = found[~relevant]
    chosen = np.random.default_rng(_SEED).permutation(len(unrelated))[:UNRELATED]
    true = found[relevant & (ranks(found) <= FOUND)]
    outcomes = []
    for floor in sorted(floors):
        least = floor - ROUNDING
        kept = quality(found, relevant, least)
        outcomes.append(
            FloorFigures(
                floor=floor,
                unrelated=_share(unrelated[chosen] < least),
                prose=_share(unanswered.max(axis=1) < least),
                foreign=_share(foreign.max(axis=1) < least),
                kept=_share(true >= least),
                mrr=kept.mrr,
                recall=kept.recall,
            )
        )
    return outcomes


def _share(which: rankings.Truth) -> float:
    """Share of true values, 0..1; 1 for an empty array."""
    return round(float(np.mean(which)), 4) if len(which) else 1.0
