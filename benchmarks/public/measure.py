"""What a way to search finds on a set, what it answers to unrelated questions, and how fast."""

import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean, median
from typing import NamedTuple

from benchmarks.public import baselines
from benchmarks.public.sets import PublicSet
from mcp_learning.embed.embedder import Embedder
from mcp_learning.models.identifiers import uuid7
from mcp_learning.models.requests import FindSimilarTasks
from mcp_learning.models.transfer import LARGEST_BATCH, ImportBatch, PastExecution, PastValues
from mcp_learning.server import answers, matches
from mcp_learning.service.indexer import Indexer
from mcp_learning.service.learning import LearningService
from mcp_learning.settings import Settings
from mcp_learning.store import open_store
from mcp_learning.synthetic.loading import Progress

LIMIT = 10


class Answer(NamedTuple):
    """What a search gave.

    Attributes:
        rows: Positions of records, best first, at most LIMIT.
        tokens: Size of what a language model would read.
    """

    rows: Sequence[int]
    tokens: int


Ask = Callable[[str], Awaitable[Answer]]


@dataclass(frozen=True)
class Figures:
    """Of one way to search, on one set.

    Attributes:
        name: Of the way.
        recall_at_5: Mean share of a question's records that are among the first 5, 0..1.
        recall_at_10: The same for 10.
        mrr: Mean of 1 / rank of the first right record; 0 where there is none.
        empty: Share of unrelated questions that are answered with nothing, 0..1; None without any.
        tokens: Mean size of an answer to the set's questions.
        milliseconds: Median time of a search, the question's embedding included.
    """

    name: str
    recall_at_5: float
    recall_at_10: float
    mrr: float
    empty: float | None
    tokens: float
    milliseconds: float


async def measure(
    data: PublicSet, settings: Settings, embedder: Embedder, progress: Progress
) -> list[Figures]:
    """The product, with its defaults and its ranking alone, then the baselines.

    Args:
        data: What is searched and asked.
        settings: Of everything but the directory.
        embedder: Makes the vectors of all.
        progress: Told how many ways are done.

    Raises:
        LearningError: A database can't be written, or the model can't be loaded.
    """
    found: list[Figures] = []
    async with _filled(data, settings, embedder) as (service, place):

        def product(ask_for: FindSimilarTasks) -> Ask:
            async def ask(text: str) -> Answer:
                request = ask_for.model_copy(update={"task_description": text})
                shown, told = matches.similar(await service.find(request), request)
                rows = [place[match.task_id] for match in shown.matches]
                return Answer(rows, answers.tokens(answers.structured(shown), told))

            return ask

        defaults = FindSimilarTasks(task_description="-", limit=LIMIT)
        ranking = defaults.model_copy(update={"min_similarity": 0.0, "max_tokens": 50_000})
        for name, request in (("mcp-learning", defaults), ("mcp-learning, ranking alone", ranking)):
            progress(data.name, len(found), 6)
            found.append(await _figures(name, data, product(request)))
    for name, search in baselines.installed(data.records, embedder, LIMIT):
        progress(data.name, len(found), 6)
        if search is not None:
            found.append(await _figures(name, data, _texts(data, search)))
    return found


def _texts(data: PublicSet, search: baselines.Search) -> Ask:
    """A baseline answers with the whole texts that it finds."""

    async def ask(text: str) -> Answer:
        rows = search(text)
        return Answer(rows, answers.tokens(*(data.records[row] for row in rows)))

    return ask


async def _figures(name: str, data: PublicSet, ask: Ask) -> Figures:
    five, ten, reciprocal, tokens, seconds = [], [], [], [], []
    await ask(data.questions[0][0])  # what is loaded at the first search isn't counted
    for text, right in data.questions:
        started = time.perf_counter()
        answer = await ask(text)
        seconds.append(time.perf_counter() - started)
        five.append(len(right.intersection(answer.rows[:5])) / len(right))
        ten.append(len(right.intersection(answer.rows)) / len(right))
        ranks = [rank for rank, row in enumerate(answer.rows, 1) if row in right]
        reciprocal.append(1 / ranks[0] if ranks else 0.0)
        tokens.append(answer.tokens)
    empty = [not (await ask(text)).rows for text in data.unrelated]
    return Figures(
        name,
        fmean(five),
        fmean(ten),
        fmean(reciprocal),
        fmean(empty) if empty else None,
        fmean(tokens),
        1_000 * median(seconds),
    )


@asynccontextmanager
async def _filled(
    data: PublicSet, settings: Settings, embedder: Embedder
) -> AsyncIterator[tuple[LearningService, dict[object, int]]]:
    """A service on a temporary database with the records, and the position of each task_id."""
    with tempfile.TemporaryDirectory(prefix="mcp-learning-public-") as directory:
        ours = settings.model_copy(update={"data_dir": Path(directory)})
        store = open_store(ours)
        service = LearningService(ours, store, Indexer(ours, store, embedder))
        try:
            await store.open()
            place: dict[object, int] = {}
            for start in range(0, len(data.records), LARGEST_BATCH):
                batch = [_past(text) for text in data.records[start : start + LARGEST_BATCH]]
                place |= {one.task_id: start + at for at, one in enumerate(batch)}
                await service.import_batch(ImportBatch(records=batch))
            await service.ready()
            yield service, place
        finally:
            await service.close()


def _past(text: str) -> PastExecution:
    told = PastValues(task_type="public", task_description=text, outcome="success")
    return PastExecution(task_id=uuid7(), execution=told, recorded_at=datetime.now(UTC))
