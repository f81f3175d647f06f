"""Whatever happens to a derived file: searches are right at once, the log says so, it is rebuilt.

Derived is every file in the index directory, whatever its name.
"""

import logging
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from process.life import UNDER_WAY, Life, found_by, rebuilt
from process.oracle import Found, ask_oracle, assert_equal, copy_truth
from process.truth import Truth
from process.workload import Workload
from services import open_service

from mcp_learning.errors import IndexUnavailable
from mcp_learning.models.requests import FindSimilarTasks, RebuildIndex, RecordExecution
from mcp_learning.server.answers import structured
from mcp_learning.service.learning import LearningService
from mcp_learning.service.protocol import ignore_progress
from mcp_learning.settings import Settings

ROWS = 60
MOST_LINES = 3
"""Log lines about one damaged file; without a bound, each search might add one."""

TRIES = 1_000
"""Calls after which a rebuild that the service may have started itself is taken for lost."""


class Made:
    """A database with every derived file, what to ask it, and what that finds.

    Attributes:
        directory: The data directory; not to be changed.
        questions: Arguments of find_similar_tasks.
        expected: What the oracle finds.
        files: The derived files, relative to the data directory.
    """

    def __init__(self, directory: Path, seed: int) -> None:
        self.directory = directory / "data"
        work = Workload(random.Random(seed), Truth())
        for _ in range(ROWS):
            work.truth.settle(work.record())
        records = [state for task in work.truth.alive if (state := work.truth.state(task))]
        self.questions = work.questions(10)
        anyio.run(self._fill, [dict(record) for record in records])
        truth = copy_truth(self.directory, directory / "copy")
        self.expected: list[Found] = ask_oracle(truth, self.questions).found
        self.files = derived_files(self.directory)

    async def _fill(self, records: list[dict[str, Any]]) -> None:
        service = opened(self.directory)
        for record in records:
            fields = {k: v for k, v in record.items() if k not in ("feedback", "used")}
            await service.record(RecordExecution.model_validate(fields))
        await service.ready()
        await rebuild(service)
        await service.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("made"), seed=1)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Another database of the same size."""
    return Made(tmp_path_factory.mktemp("other"), seed=2)


def derived_files(data_dir: Path) -> list[Path]:
    files = [file for file in (data_dir / "index").rglob("*") if file.is_file()]
    return sorted(file.relative_to(data_dir) for file in files)


def opened(data_dir: Path) -> LearningService:
    settings = Settings.load(data_dir=data_dir, search_mode="hnsw")
    return open_service(settings)


async def rebuild(service: LearningService) -> int:
    """Rows of a rebuilt index."""
    for _ in range(TRIES):
        try:
            return (await service.rebuild(RebuildIndex(preset="fast"), ignore_progress)).rows
        except IndexUnavailable as error:
            if UNDER_WAY not in str(error):
                raise
            await service.health()
    raise AssertionError("another rebuild is still under way")


async def answers(service: LearningService, questions: list[dict[str, Any]]) -> list[Found]:
    requests = [FindSimilarTasks.model_validate(question) for question in questions]
    return [structured(await service.find(request)) for request in requests]


def truncated(file: Path, other: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def emptied(file: Path, other: Path) -> None:
    os.truncate(file, 0)


def zeroed(file: Path, other: Path) -> None:
    file.write_bytes(bytes(file.stat().st_size))


def scrambled(file: Path, other: Path) -> None:
    file.write_bytes(random.Random(1).randbytes(file.stat().st_size))


def scrambled_inside(file: Path, other: Path) -> None:
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4096] = random.Random(1).randbytes(len(content[middle:][:4096]))
    file.write_bytes(content)


def swapped(file: Path, other: Path) -> None:
    shutil.copyfile(other, file)


def deleted(file: Path, other: Path) -> None:
    file.unlink()


DAMAGES = (truncated, emptied, zeroed, scrambled, scrambled_inside, swapped, deleted)


def spoilt(
    made: Made, other: Made, data_dir: Path, damage: Callable[[Path, Path], None], files: list[Path]
) -> Path:
    """A copy of the database with these files damaged."""
    shutil.copytree(made.directory, data_dir)
    for file in files:
        assert file in other.files
        damage(data_dir / file, other.directory / file)
    return data_dir


@pytest.mark.anyio
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
async def test_a_damaged_derived_file_never_shows_and_is_rebuilt(
    damage: Callable[[Path, Path], None],
    made: Made,
    other: Made,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="mcp_learning")
    each = [[file] for file in made.files]
    for number, files in enumerate([*each, made.files]):
        caplog.clear()
        service = opened(spoilt(made, other, tmp_path / str(number), damage, files))
        assert_equal(made.questions, await answers(service, made.questions), made.expected)
        lines = [record.getMessage() for record in caplog.records]
        assert len(lines) <= MOST_LINES * len(files), lines
        assert lines or damage is deleted, f"not a word about {files}"
        if number == len(each):
            assert await rebuild(service) == ROWS
            assert (await service.health()).index.state == "ready"
            found = await answers(service, made.questions)
            assert "hnsw" in {one["search"]["mode"] for one in found}
            assert_equal(made.questions, found, made.expected)
        await service.close()
    assert derived_files(tmp_path / str(number)) == made.files


def test_a_server_starts_and_serves_with_all_derived_files_damaged(
    made: Made, other: Made, tmp_path: Path
) -> None:
    data_dir = spoilt(made, other, tmp_path / "data", truncated, made.files)
    with Life(data_dir, "hnsw") as life:
        life.greet()
        assert_equal(made.questions, found_by(life, made.questions), made.expected)
        assert rebuilt(life)["rows"] == ROWS
        assert_equal(made.questions, found_by(life, made.questions), made.expected)
        status, log = life.leave()
    assert status == 0
    assert "Traceback" not in log
    lines = log.splitlines()
    assert 1 <= len(lines) <= MOST_LINES * len(made.files), log
