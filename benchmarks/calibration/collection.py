"""A test collection: records in a temporary database, searched by the product's own code."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration.questions import Pairs
from mcp_learning.embed.embedder import Embedder
from mcp_learning.embed.recipe import passages
from mcp_learning.models.identifiers import task_key, uuid7
from mcp_learning.models.requests import Filters
from mcp_learning.models.results import Execution
from mcp_learning.redaction.secrets import redact
from mcp_learning.search.fusion import HALF_EVIDENCE, meaning
from mcp_learning.search.lexical.query_terms import DEFAULT_PARAMETERS, Bm25Parameters
from mcp_learning.search.lexical.terms import TokenisedQuery
from mcp_learning.search.retriever import Retriever
from mcp_learning.search.scorer import Query, Scorer
from mcp_learning.search.snapshot import Snapshot
from mcp_learning.settings import Settings
from mcp_learning.synthetic.generator import Run
from mcp_learning.synthetic.loading import insert, opened

T = TypeVar("T")

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Texts:
    """n texts without secrets, and their (n, dimension) float32, L2-normalised vectors."""

    texts: Sequence[str]
    vectors: Matrix

    def __len__(self) -> int:
        return len(self.texts)

    def some(self, wanted: Sequence[str]) -> "Texts":
        """A selection of the texts, in any order and with repetitions."""
        place = {text: at for at, text in enumerate(self.texts)}
        return Texts(wanted, self.vectors[[place[text] for text in wanted]])


@dataclass(frozen=True)
class Case:
    """Records and the questions that are asked about them, both without secrets.

    Attributes:
        records: n texts.
        questions: m texts.
        relevant: (m, n) bool: which record answers which question.
    """

    records: list[str]
    questions: list[str]
    relevant: NDArray[np.bool_]


def make_case(pairs: Pairs, distractors: Sequence[str] = ()) -> Case:
    """The questions and records of `pairs`, with distractors among the records."""
    place = {name: at for at, name in enumerate(pairs.records)}
    texts = [redact(text)[0] for text in (*pairs.records.values(), *distractors)]
    relevant = np.zeros((len(pairs.questions), len(texts)), bool)
    for row, question in enumerate(pairs.questions):
        relevant[row, [place[name] for name in question.relevant]] = True
    return Case(texts, [redact(question.text)[0] for question in pairs.questions], relevant)


@dataclass(frozen=True)
class Parameters:
    """Constants of the ranking; the defaults are those that searches use.

    Attributes:
        bm25: Of the words' score.
        half_evidence: See `fusion.HALF_EVIDENCE`, > 0.
    """

    bm25: Bm25Parameters = DEFAULT_PARAMETERS
    half_evidence: float = HALF_EVIDENCE


DEFAULT = Parameters()


@dataclass(frozen=True)
class Collection:
    """n records in an open database; usable only inside the `work` of `ask`.

    Attributes:
        retriever: Of the database, with all of it in memory.
        task_ids: Of the n records, in their order.
        noise: `Embedder.floor` of the model.
    """

    retriever: Retriever
    task_ids: Sequence[UUID]
    noise: float

    def similarities(self, questions: Texts, parameters: Parameters = DEFAULT) -> Matrix:
        """(questions, n) float32, 0..1: what searches rank by, and compare with the floor."""
        snapshot, rows = self._snapshot()
        found = np.empty((len(questions), len(self.task_ids)), np.float32)
        for row, (text, vector) in enumerate(zip(questions.texts, questions.vectors, strict=True)):
            words = snapshot.words.score(TokenisedQuery.of(text), parameters.bm25)
            # evidence / (evidence + half) is the same for both scaled alike.
            scale = HALF_EVIDENCE / parameters.half_evidence
            words = words._replace(evidence=scale * words.evidence)
            found[row] = Scorer(snapshot, self.query(text, vector), words).similarities(None)[rows]
        return found

    def meanings(self, questions: Texts) -> Matrix:
        """(questions, n) float32, 0..1: by vectors alone."""
        snapshot, rows = self._snapshot()
        found = [snapshot.cosines(vector)[rows] for vector in questions.vectors]
        return meaning(np.stack(found), self.noise)

    def coverages(self, questions: Texts, bm25: Bm25Parameters = DEFAULT_PARAMETERS) -> Matrix:
        """(questions, n) float32, 0..1: by words alone."""
        snapshot, rows = self._snapshot()
        scores = (snapshot.words.score(TokenisedQuery.of(text), bm25) for text in questions.texts)
        return np.stack([snapshot.coverage(one.coverage)[rows] for one in scores])

    def query(self, text: str, vector: NDArray[np.float32]) -> Query:
        """The query of a tool call, but without a floor and limit: it finds all records."""
        return Query(
            text=text,
            task_key=task_key(text),
            vector=vector,
            filters=Filters(),
            limit=len(self.task_ids),
            now=datetime.now(UTC),
            floor=0.0,
            noise=self.noise,
        )

    def _snapshot(self) -> tuple[Snapshot, NDArray[np.int64]]:
        """The rows in memory, and (n,) the row number of each record."""
        snapshot = self.retriever.rows.snapshot(Filters(), datetime.now(UTC))
        row_of = {snapshot.view.task_id(row): row for row in range(len(snapshot.view))}
        return snapshot, np.array([row_of[task_id] for task_id in self.task_ids])


async def ask(
    settings: Settings,
    embedder: Embedder,
    directory: Path,
    records: Texts,
    work: Callable[[Collection], T],
) -> T:
    """Records n texts in a new database, then runs `work` on it in a worker thread.

    Args:
        settings: Of everything but the directory.
        embedder: Made the vectors.
        directory: Where the database is made.
        records: At least one. Long ones are embedded by the product, with all their passages.
        work: Is given the collection; what it returns is returned.

    Raises:
        StoreError: The database can't be written.
    """
    temporary = settings.model_copy(update={"data_dir": directory, "search_mode": "exact"})
    runs = [Run(row, _execution(text)) for row, text in enumerate(records.texts)]
    async with opened(temporary, embedder) as (store, indexer):
        await indexer.load()
        for is_long, vectors in ((False, records.vectors), (True, None)):
            some = [run for run in runs if (len(passages(records.texts[run.task])) > 1) == is_long]
            if some:
                await insert(store, some, vectors, embedder.fingerprint)
    async with opened(temporary, embedder) as (_, indexer):
        await indexer.load()
        await indexer.settle()
        task_ids = [run.execution.task_id for run in runs]
        collection = Collection(indexer.retriever, task_ids, embedder.floor)
        return await anyio.to_thread.run_sync(work, collection)


def _execution(text: str) -> Execution:
    now = datetime.now(UTC)
    return Execution(
        task_id=uuid7(),
        recorded_at=now,
        updated_at=now,
        task_type="calibration",
        task_description=text,
        outcome="success",
    )
