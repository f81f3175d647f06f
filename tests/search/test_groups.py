"""Runs of one task are one match: which tasks are best, and which of its runs stands for each."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from anyio.from_thread import BlockingPortal
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from service.examples import EXPORT, find, record
from store.rows import NOW, execution

from mcp_learning.models.identifiers import description_hash, task_key
from mcp_learning.models.requests import Filters
from mcp_learning.search import groups
from mcp_learning.search.groups import AS_SIMILAR, TaskRuns
from mcp_learning.search.row_table import RowTable
from mcp_learning.search.snapshot import Snapshot
from mcp_learning.service.learning import LearningService
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb.store import DuckDBStore, open_store
from mcp_learning.store.types import Mark

LOGIN = "Fix the login redirect loop"


class Recorded:
    """Executions in a store, and how similar each is said to be."""

    def __init__(self, portal: BlockingPortal, store: DuckDBStore, directory: Path) -> None:
        self.similarity: dict[UUID, float] = {}
        self._portal = portal
        self._store = store
        self._rows = RowTable(directory, 0)
        self._mark: Mark | None = None

    def run(self, text: str = LOGIN, similarity: float = 0.8, **values: Any) -> UUID:
        row = execution(task_description=text, **values)
        self._portal.call(self._store.upsert, row.task_id, lambda _: row)
        self.similarity[row.task_id] = similarity
        return row.task_id

    def snapshot(self, filters: Filters | None = None) -> Snapshot:
        changes = self._portal.call(self._store.changes, self._mark)
        self._rows.apply(changes)
        self._mark = changes.next
        return self._rows.snapshot(filters or Filters(), NOW)

    def similarities(self, snapshot: Snapshot) -> Callable[[NDArray[np.int64]], Any]:
        def of(rows: NDArray[np.int64]) -> NDArray[np.float32]:
            ids = [snapshot.view.task_id(int(row)) for row in rows]
            return np.array([self.similarity[task_id] for task_id in ids], np.float32)

        return of

    def best(self, limit: int, filters: Filters | None = None) -> dict[int, float]:
        snapshot = self.snapshot(filters)
        rows = snapshot.passes(np.arange(len(snapshot.view)))
        return groups.best(snapshot, rows, self.similarities(snapshot)(rows), limit)

    def group(
        self, text: str = LOGIN, question: str = "?", filters: Filters | None = None
    ) -> tuple[UUID, TaskRuns]:
        """Which run stands for a task, when `question` is asked."""
        snapshot = self.snapshot(filters)
        given_similarities = self.similarities(snapshot)
        (found,) = groups.represent(
            snapshot,
            [snapshot.rows_of_task(task_key(text))],
            given_similarities,
            description_hash(question),
            snapshot.with_error(question)[0],
        )
        return snapshot.view.task_id(found.row), found

    def shown(self, **values: Any) -> UUID:
        return self.group(**values)[0]


@pytest.fixture
def recorded(portal: BlockingPortal, tmp_path: Path) -> Iterator[Recorded]:
    store = open_store(Settings.load(data_dir=tmp_path))
    yield Recorded(portal, store, tmp_path)
    portal.call(store.close)


def test_the_limit_counts_tasks_however_many_runs_they_have(recorded: Recorded) -> None:
    for number, similarity in ((1, 0.9), (2, 0.8), (3, 0.7)):
        for _ in range(30):
            recorded.run(f"task {number}", similarity)
    for limit in (1, 2, 3, 4):
        expected = [(f"task {number}", value) for number, value in ((1, 0.9), (2, 0.8), (3, 0.7))]
        found = recorded.best(limit)
        assert list(found) == [task_key(text) for text, _ in expected[:limit]]
        assert list(found.values()) == pytest.approx([value for _, value in expected[:limit]])


def test_a_task_is_as_similar_as_its_most_similar_run(recorded: Recorded) -> None:
    for similarity in (0.2, 0.7, 0.5):
        recorded.run("one", similarity)
    recorded.run("other", 0.6)
    found = recorded.best(2)
    assert list(found) == [task_key("one"), task_key("other")]
    assert found[task_key("one")] == pytest.approx(0.7)


def test_of_equally_similar_tasks_the_latest_changed_comes_first(recorded: Recorded) -> None:
    names = [f"task number {number}" for number in range(9)]
    for name in names:
        recorded.run(name, 0.5)
    assert list(recorded.best(4)) == [task_key(name) for name in names[:4:-1]]


def test_what_the_filters_leave_out_makes_no_task_similar(recorded: Recorded) -> None:
    recorded.run("one", 0.9, outcome="failure")
    recorded.run("one", 0.3)
    recorded.run("other", 0.5)
    found = recorded.best(5, Filters(outcome="success"))
    assert list(found) == [task_key("other"), task_key("one")]
    _, group = recorded.group("one", filters=Filters(outcome="success"))
    assert (group.runs.total, group.runs.success, group.runs.failure) == (1, 1, 0)


def test_there_are_no_best_tasks_among_no_rows(recorded: Recorded) -> None:
    assert recorded.best(5) == {}


def test_runs_are_counted_by_outcome(recorded: Recorded) -> None:
    for outcome, often in (("success", 4), ("failure", 3), ("pending", 2)):
        for _ in range(often):
            recorded.run(outcome=outcome, similarity=0.1)
    recorded.run("another task")
    _, group = recorded.group()
    assert group.runs.model_dump() == {"total": 9, "success": 4, "failure": 3, "pending": 2}


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"outcome": "success"}, {"outcome": "failure", "solution_summary": "told"}),
        ({"outcome": "failure"}, {"outcome": "pending", "solution_summary": "told"}),
        ({"solution_summary": "told"}, {}),
    ],
    ids=["success before failure", "failure before pending", "told before untold"],
)
@pytest.mark.parametrize("later", [0, 1])
def test_the_most_useful_run_is_shown(
    recorded: Recorded, better: dict[str, Any], worse: dict[str, Any], later: int
) -> None:
    ids = [recorded.run(**values) for values in ((worse, better), (better, worse))[later]]
    assert recorded.shown() == ids[1 - later]


def test_of_equally_useful_runs_the_latest_is_shown(recorded: Recorded) -> None:
    runs = [recorded.run(solution_summary="told") for _ in range(3)]
    recorded.run(outcome="failure")
    assert recorded.shown() == runs[-1]


def test_a_run_with_the_very_text_of_the_question_is_shown(recorded: Recorded) -> None:
    exact = recorded.run(LOGIN.upper(), outcome="failure")
    useful = recorded.run(LOGIN, solution_summary="told")
    assert recorded.shown(question=LOGIN.upper()) == exact
    assert recorded.shown(question=LOGIN) == recorded.shown(question=f"{LOGIN} ") == useful


def test_a_run_that_is_clearly_more_similar_is_shown_however_useful_others_are(
    recorded: Recorded,
) -> None:
    asked_for = recorded.run(similarity=0.8, outcome="failure", error_message="ERR_1042")
    useful = recorded.run(similarity=0.8 - AS_SIMILAR - 0.01, solution_summary="told")
    assert recorded.shown() == asked_for
    recorded.similarity[useful] = 0.8 - AS_SIMILAR + 0.01
    assert recorded.shown() == useful


@pytest.mark.parametrize(
    "other",
    [
        "Fix the login redirect loop 2",
        "Fix the login redirect loop.",
        "Fix the logout redirect loop",
        "Fix the login redirect loop in parse_config",
        "Fix the login redirect loop of acme/shop",
        "fix the loginredirect loop",
        "",
    ],
)
def test_tasks_that_differ_in_a_number_an_identifier_or_a_name_are_different(other: str) -> None:
    assert task_key(other) != task_key(LOGIN)


@given(
    words=st.lists(st.text("abcXYZäÖß", min_size=1, max_size=6), min_size=1, max_size=6),
    blanks=st.lists(st.sampled_from([" ", "\t", "\n", "  ", "\u00a0"]), min_size=8, max_size=8),
)
def test_the_same_but_for_case_and_white_space_is_one_task(
    words: list[str], blanks: list[str]
) -> None:
    spelt = "".join(f"{blank}{word}" for blank, word in zip(blanks, words, strict=False))
    plain = " ".join(words)
    keys = {task_key(text) for text in (plain, spelt, plain.upper(), plain.lower(), f"{plain}\n")}
    assert len(keys) == 1
    assert -(2**63) <= keys.pop() < 2**63


@pytest.mark.anyio
async def test_a_run_with_the_identifier_that_was_asked_for_is_shown_though_another_succeeded(
    service: LearningService,
) -> None:
    failed = await record(
        service, EXPORT, outcome="failure", error_message="InvoiceBatchOverflow in export_rows"
    )
    solved = await record(service, EXPORT, solution_summary="write the rows in batches")
    await service.ready()

    (by_name,) = (await find(service, "InvoiceBatchOverflow")).matches
    (by_meaning,) = (await find(service, "invoices are exported too slowly")).matches

    assert (by_name.task_id, by_name.runs.total) == (failed.task_id, 2)
    assert (by_meaning.task_id, by_meaning.runs.total) == (solved.task_id, 2)


@pytest.mark.anyio
async def test_a_search_shows_tasks_apart_that_differ_in_a_number_and_the_asked_one_first(
    service: LearningService,
) -> None:
    for number in (1041, 1042, 1043):
        await record(service, f"Fix the failing import, issue {number}")
        await record(service, f"fix the  failing import,\nissue {number}", outcome="failure")
    await service.ready()

    matches = (await find(service, "Fix the failing import, issue 1042")).matches

    assert [match.runs.total for match in matches] == [2, 2, 2]
    assert "1042" in matches[0].task_description
    assert matches[0].similarity == 1
    assert all(match.similarity < 1 for match in matches[1:])


@pytest.mark.anyio
async def test_a_search_shows_the_run_that_has_the_very_same_text(
    service: LearningService,
) -> None:
    exact = await record(service, EXPORT.upper(), outcome="failure")
    useful = await record(service, EXPORT, solution_summary="write the rows in batches")
    await service.ready()

    for text, shown in ((EXPORT.upper(), exact), (EXPORT, useful), (EXPORT.lower(), useful)):
        (match,) = (await find(service, text)).matches
        assert (match.task_id, match.similarity) == (shown.task_id, 1)
