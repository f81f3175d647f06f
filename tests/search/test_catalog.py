"""The rows in memory against a plain dict of the living executions."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from store.rows import NOW, OUTCOMES, execution, filters, passes

from mcp_learning.models.identifiers import description_hash, task_key
from mcp_learning.models.requests import Filters
from mcp_learning.models.results import Execution
from mcp_learning.redaction.repositories import matching
from mcp_learning.search.catalog import Catalog
from mcp_learning.store.types import CODED, Columns

IDS = [UUID(int=high << 64 | low) for high in range(3) for low in range(4)]
"""Halves are shared, so that both have to be looked at."""

few = st.sampled_from([None, "a", "b", "it's"])
values = st.fixed_dictionaries(
    {
        "task_description": st.sampled_from(["mend it", "MEND  it", "rename it", "test it"]),
        "solution_summary": st.sampled_from([None, "done", "done again"]),
        "outcome": st.sampled_from(OUTCOMES),
        "task_type": st.sampled_from(["a", "b"]),
        "repo": few,
        "approach": few,
        "model_tier": few,
        "recorded_at": st.integers(0, 9 * 24).map(lambda hours: NOW - timedelta(hours=hours)),
    }
)
changes = st.dictionaries(st.sampled_from(IDS), values, max_size=6)
steps = st.lists(
    st.tuples(st.just("apply"), changes)
    | st.tuples(st.just("forget"), st.lists(st.sampled_from(IDS), max_size=3))
    | st.tuples(st.just("embed"), st.lists(st.sampled_from(IDS), max_size=4, unique=True))
    | st.tuples(st.just("compact"), st.none()),
    max_size=12,
)


def stamp(row: Execution) -> int:
    return description_hash(repr((row.task_id, row.task_description, row.solution_summary)))


def microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def columns_of(changed: dict[int, Execution]) -> Columns:
    """What the database says of executions, by their change numbers."""
    rows = list(changed.values())
    labels = {
        name: np.array([getattr(row, name, None) or "" for row in rows], object) for name in CODED
    }
    return Columns(
        high=np.array([row.task_id.int >> 64 for row in rows], np.uint64),
        low=np.array([row.task_id.int & 2**64 - 1 for row in rows], np.uint64),
        sequence=np.array(list(changed), np.int64),
        text_hash=np.array([stamp(row) for row in rows], np.uint64),
        task_key=np.array([task_key(row.task_description) for row in rows], np.int64),
        timestamp=np.array([microseconds(row.recorded_at) for row in rows], np.int64),
        outcome=np.array([OUTCOMES.index(row.outcome) for row in rows], np.int8),
        confidence=np.array([row.outcome_confidence for row in rows], np.float32),
        has_solution=np.array([row.solution_summary is not None for row in rows], np.bool_),
        description_hash=np.array(
            [description_hash(row.task_description) for row in rows], np.uint64
        ),
        labels=labels,
    )


@dataclass
class Oracle:
    """The living executions, the change number and the version of each, and all rows ever."""

    catalog: Catalog = field(default_factory=Catalog)
    living: dict[UUID, Execution] = field(default_factory=dict)
    row: dict[UUID, int] = field(default_factory=dict)
    sequence: dict[UUID, int] = field(default_factory=dict)
    version: dict[UUID, int] = field(default_factory=dict)
    used: int = 0
    changes: int = 0
    versions: int = 0

    def apply(self, changed: dict[UUID, dict[str, Any]]) -> None:
        rows = {task_id: execution(task_id=task_id, **given) for task_id, given in changed.items()}
        start = self.changes + 1
        found, replaced = self.catalog.apply(columns_of(dict(enumerate(rows.values(), start))))
        appended: dict[int, int] = {}
        for task_id, row in rows.items():
            old = self.living.get(task_id)
            if old is None or stamp(old) != stamp(row):
                appended[self.used] = self.row.get(task_id, -1)
                self.row[task_id] = self.used
                self.used += 1
                if old is None or old.task_description != row.task_description:
                    self.version[task_id] = 0
            self.living[task_id] = row
            self.changes += 1
            self.sequence[task_id] = self.changes
        assert dict(zip(found.tolist(), replaced.tolist(), strict=True)) == appended

    def forget(self, task_ids: list[UUID]) -> None:
        rows = self.catalog.rows_of(task_ids)
        assert rows.tolist() == [self.row.get(task_id, -1) for task_id in task_ids]
        self.catalog.kill(rows[rows >= 0])
        for task_id in task_ids:
            for known in (self.living, self.row, self.sequence, self.version):
                known.pop(task_id, None)

    def embed(self, task_ids: list[UUID]) -> None:
        chosen = [task_id for task_id in task_ids if task_id in self.living]
        numbers = np.arange(self.versions + 1, self.versions + 1 + len(chosen))
        self.catalog.set_versions(self.catalog.rows_of(chosen), numbers)
        self.version |= dict(zip(chosen, numbers.tolist(), strict=True))
        self.versions += len(chosen)

    def compact(self) -> None:
        self.catalog, kept = self.catalog.compacted()
        ordered = sorted(self.row, key=self.row.__getitem__)
        assert kept.tolist() == [self.row[task_id] for task_id in ordered]
        self.row = {task_id: number for number, task_id in enumerate(ordered)}
        self.used = len(self.row)

    def check(self, wanted: Filters) -> None:
        view = self.catalog.view()
        assert (len(view), len(self.catalog)) == (self.used, self.used)
        assert self.catalog.alive == len(self.living)
        assert self.catalog.sequence == self.changes
        alive = np.flatnonzero(view["alive"]).tolist()
        assert alive == sorted(self.row.values())
        for task_id, row in self.row.items():
            told = self.living[task_id]
            assert view.task_id(row) == task_id
            assert view["sequence"][row] == self.sequence[task_id]
            assert view["version"][row] == self.version[task_id]
            assert OUTCOMES[view["outcome"][row]] == told.outcome
            assert view["has_solution"][row] == (told.solution_summary is not None)
            assert view["description_hash"][row] == description_hash(told.task_description)
            same = [
                other
                for other, one in self.living.items()
                if task_key(one.task_description) == task_key(told.task_description)
            ]
            runs = self.catalog.rows_of_task(task_key(told.task_description))
            assert runs.tolist() == sorted(set(runs.tolist()))
            assert {row for row in runs.tolist() if view["alive"][row]} == {
                self.row[other] for other in same
            }
        assert self.catalog.rows_of(IDS).tolist() == [self.row.get(one, -1) for one in IDS]
        mask = self.catalog.mask(wanted, NOW)
        passing = range(self.used) if mask is None else np.flatnonzero(mask).tolist()
        expected = (self.row[one] for one, told in self.living.items() if passes(told, wanted))
        assert list(passing) == sorted(expected)


@pytest.mark.parametrize("max_scans", [0, 64])
@given(steps=steps, wanted=filters)
@settings(deadline=None, max_examples=80)
def test_the_rows_are_those_of_a_plain_dict_whatever_came_changed_or_went(
    max_scans: int, steps: list[tuple[str, Any]], wanted: Filters
) -> None:
    oracle = Oracle(Catalog(max_unsorted=3, max_scans=max_scans))
    for step, given_values in steps:
        if step == "compact":
            oracle.compact()
        else:
            getattr(oracle, step)(given_values)
        oracle.check(wanted)


def test_an_empty_catalog_has_no_rows() -> None:
    catalog = Catalog()
    rows, replaced = catalog.apply(columns_of({}))
    assert rows.tolist() == replaced.tolist() == []
    assert catalog.rows_of([]).tolist() == []
    assert catalog.rows_of(IDS[:2]).tolist() == [-1, -1]
    assert catalog.rows_of_task(5).tolist() == []
    assert catalog.mask(Filters(), NOW) is None
    mask = catalog.mask(Filters(repo="a"), NOW)
    assert mask is not None
    assert mask.tolist() == []
    other, kept = catalog.compacted()
    assert (len(other), kept.tolist()) == (0, [])


def test_a_view_keeps_its_length_while_rows_are_appended() -> None:
    catalog = Catalog()
    first = execution(task_id=IDS[0])
    catalog.apply(columns_of({1: first}))
    view = catalog.view()
    for number in range(2, 3_000):
        last = execution(task_description=f"task {number}")
        if number % 100 == 0:
            catalog.apply(columns_of({number: last}))
    assert len(view) == 1
    assert view.task_id(0) == first.task_id
    assert len(catalog) == 30


def test_thousands_of_rows_are_found_by_their_task_before_and_after_they_are_sorted() -> None:
    catalog = Catalog()
    for start in range(0, 9_000, 1_500):
        rows = {
            number: execution(task_description=f"task {number % 700}")
            for number in range(start + 1, start + 1_501)
        }
        catalog.apply(columns_of(rows))
        for task in (0, 699):
            found = catalog.rows_of_task(task_key(f"task {task}"))
            expected = [row for row in range(start + 1_500) if (row + 1) % 700 == task]
            assert found.tolist() == expected


def test_an_unknown_label_passes_nothing_and_an_absent_one_is_no_label() -> None:
    catalog = Catalog()
    catalog.apply(columns_of({1: execution(repo=None), 2: execution(repo="acme/shop")}))

    def passing(**wanted: Any) -> list[int]:
        mask = catalog.mask(Filters(**wanted), NOW)
        return np.flatnonzero(np.ones(2, bool) if mask is None else mask).tolist()

    assert passing(repo="acme/shop") == [1]
    assert passing(repo="ACME/shop") == passing(repo="git@github.com:acme/shop.git") == [1]
    assert passing(repo="other/shop") == []
    assert passing(repo="unknown") == []
    assert passing() == [0, 1]


@given(
    now=st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    days=st.integers(1, 36_500),
)
@example(now=datetime(2004, 7, 8, 16, 40, 33, 530377, UTC), days=3)
def test_the_age_is_counted_to_the_microsecond(now: datetime, days: int) -> None:
    catalog, edge = Catalog(), now - timedelta(days=days)
    moments = [edge + timedelta(microseconds=off) for off in (-1, 0, 1)]
    rows = [execution(recorded_at=moment) for moment in moments]
    catalog.apply(columns_of(dict(enumerate(rows, 1))))
    mask = catalog.mask(Filters(since_days=days), now)
    assert mask is not None
    assert mask.tolist() == [False, True, True]


def test_what_is_dead_stays_dead_and_is_counted_once() -> None:
    catalog = Catalog()
    catalog.apply(columns_of({n: execution(task_id=IDS[n]) for n in (1, 2, 3)}))
    for rows in ([0, 0], [0], [], [0, 1]):
        catalog.kill(np.array(rows, np.int64))
    assert catalog.alive == 1
    assert catalog.rows_of(IDS[1:4]).tolist() == [-1, -1, 2]
    catalog.apply(columns_of({4: execution(task_id=IDS[1])}))
    assert catalog.rows_of([IDS[1]]).tolist() == [3]


def test_spellings_of_one_repository_are_known_also_when_they_come_one_after_the_other() -> None:
    catalog = Catalog()
    spellings = ["acme/shop", None, "https://github.com/acme/shop.git", "acme/till", "shop"]
    for number, repo in enumerate(spellings, 1):
        catalog.apply(columns_of({number: execution(repo=repo)}))
        labels = catalog.labels("repo")
        for code, label in enumerate(labels):
            same = [labels[other] for other in catalog.same_repository(code)]
            assert same == (matching(label, labels) if label else [])
