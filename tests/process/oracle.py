"""What searches must find: the answers of a fresh service that has nothing but the truth."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from services import open_service

from mcp_learning.models.requests import FindSimilarTasks, GetExecution
from mcp_learning.models.transfer import ExportPage
from mcp_learning.server.answers import structured
from mcp_learning.settings import Settings

Found = dict[str, Any]
"""Structured content of find_similar_tasks."""

TOLERANCE = 2.5e-4
"""Similarities are rounded to four digits, and a dot product's last bits depend on the matrix."""

MIN_RECALL = 0.95
"""Share of the oracle's matches, over all questions, that an approximate search must find."""


@dataclass(frozen=True)
class Oracle:
    """What a database holds.

    Attributes:
        stored: The whole record of each execution, as get_execution tells it, by task id.
        found: What each question finds.
    """

    stored: dict[str, Found]
    found: list[Found]


def copy_truth(data_dir: Path, copy: Path) -> Path:
    """Copies the database and its write-ahead log, and nothing that is derived."""
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for file in data_dir.glob("learning.duckdb*"):
        shutil.copyfile(file, copy / file.name)
    return copy


def ask_oracle(truth: Path, questions: Sequence[dict[str, Any]]) -> Oracle:
    """`consult`, where no event loop runs yet."""
    return anyio.run(consult, truth, questions)


async def consult(truth: Path, questions: Sequence[dict[str, Any]]) -> Oracle:
    """Opens a copy of the truth with exact search and asks it everything."""
    settings = Settings.load(data_dir=truth, search_mode="exact")
    service = open_service(settings)
    stored: dict[str, Any] = {}
    page = await service.export_page(ExportPage())
    while page.rows:
        for row in page.rows:
            execution = await service.get(GetExecution(task_id=row["task_id"]))
            stored[str(row["task_id"])] = structured(execution)
        page = await service.export_page(ExportPage(after=page.last))
    found = [
        structured(await service.find(FindSimilarTasks.model_validate(question)))
        for question in questions
    ]
    await service.close()
    return Oracle(stored, found)


def assert_equal(
    questions: Sequence[dict[str, Any]], found: Sequence[Found], expected: Sequence[Found]
) -> None:
    """Exact answers are the oracle's, match for match; approximate ones have its recall."""
    wanted = hit = 0
    for question, mine, right in zip(questions, found, expected, strict=True):
        if mine["search"]["mode"] == "exact":
            problem = difference(mine["matches"], right["matches"], question["limit"])
            assert not problem, f"{question}: {problem}"
        else:
            ids, right_ids = ids_of(mine), ids_of(right)
            wanted, hit = wanted + len(right_ids), hit + len(set(ids) & set(right_ids))
            assert len(set(ids)) == len(ids), f"{question}: a task twice"
    assert hit >= MIN_RECALL * wanted, f"recall {hit} of {wanted} over {len(found)} questions"


def ids_of(found: Found) -> list[str]:
    """Task ids of an answer, best first."""
    return [match["task_id"] for match in found["matches"]]


def difference(found: list[Found], expected: list[Found], limit: int) -> str | None:
    """The first place where two answers differ by more than the order of equal similarities."""
    if len(found) != len(expected):
        return f"{len(found)} matches instead of {len(expected)}"
    by_id = {match["task_id"]: match for match in expected}
    for rank, (mine, right) in enumerate(zip(found, expected, strict=True), start=1):
        if not _close(mine, right):
            return f"rank {rank} is {_brief(mine)} instead of {_brief(right)}"
        same = by_id.get(mine["task_id"])
        if same is None and len(found) == limit and _close(mine, expected[-1]):
            continue  # it ties with others for the last place
        if same is None or not _close(mine, same) or mine["runs"] != same["runs"]:
            return f"rank {rank} is {_brief(mine)} instead of {_brief(right)}; there: {same}"
    return None


def _close(one: Found, other: Found) -> bool:
    return bool(abs(one["similarity"] - other["similarity"]) <= TOLERANCE)


def _brief(match: Found) -> str:
    return f"{match['task_id']} ({match['similarity']}, {match['task_description'][:80]!r})"
