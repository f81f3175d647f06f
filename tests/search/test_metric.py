"""The metric: learned from neighbours, updated with the rows, and never worse than none."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.worlds import families
from mcp_learning.embed.embedder import Embedder
from mcp_learning.search import fusion, relevance_feedback
from mcp_learning.search.catalog import Catalog
from mcp_learning.search.exact import cosines
from mcp_learning.search.metric import (
    GROWTH,
    MIN_TASKS,
    WINDOW,
    Floats,
    Metric,
    first_of_each,
    watermark,
)
from mcp_learning.search.metric_cache import MetricCache
from mcp_learning.settings import DEFAULT_MODEL
from mcp_learning.store.types import CODED, Columns

DIMENSION = 64
KINDS, THINGS = 12, 8
NOISE = fusion.REFERENCE_NOISE


def unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def directions(count: int, seed: int) -> Floats:
    return unit(np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32))


def tasks(count: int, kinds: int = KINDS, seed: int = 0) -> tuple[Floats, np.ndarray]:
    """Vectors that hold a kind, a thing that tasks of all kinds are about, and a bit of noise."""
    rng = np.random.default_rng(seed)
    kind, thing = rng.integers(0, kinds, count), rng.integers(0, THINGS, count)
    made = directions(KINDS, 1)[kind] + 0.9 * directions(THINGS, 2)[thing]
    return unit(made + 0.3 * directions(count, seed + 3)), kind


def alike(metric: Metric, vectors: Floats, task: int) -> Floats:
    """How much all tasks are of a kind with one of them."""
    rows = np.arange(len(vectors))
    plain = fusion.meaning(cosines(vectors, vectors[task]), NOISE)
    return relevance_feedback.kind_similarities(
        plain, vectors[task], vectors, rows, metric, metric.norms(vectors)
    )


def of_kind(metric: Metric, vectors: Floats, task: int) -> Floats:
    """The same by the direction alone, without the similarity of the single task."""
    plain = fusion.meaning(cosines(vectors, vectors[task]), NOISE)
    near = relevance_feedback.neighbours(plain)
    mean = relevance_feedback.mean_direction(metric, vectors[task], vectors[near], plain[near])
    dual = metric.dual(mean)
    return metric.meaning(vectors @ dual, dual, metric.norms(vectors))


def confused(metric: Metric, vectors: Floats, kind: np.ndarray) -> float:
    """The share of pairs, one of the task's kind and one of another, in the wrong order."""
    wrong = []
    for task in range(0, len(vectors), 10):
        found = of_kind(metric, vectors, task)
        same, other = found[kind == kind[task]], found[kind != kind[task]]
        wrong.append((same[:, None] <= other[None, :]).mean())
    return float(np.mean(wrong))


def test_what_tasks_of_all_kinds_name_no_longer_makes_them_alike() -> None:
    vectors, kind = tasks(300)
    learned = Metric.learned(vectors, NOISE)
    without = confused(Metric.plain(DIMENSION, NOISE), vectors, kind)
    assert without > 0.01
    assert confused(learned, vectors, kind) < without / 5


def test_a_history_of_a_single_kind_keeps_its_likeness(tmp_path: Path) -> None:
    embedder = Embedder(DEFAULT_MODEL, cache_dir=tmp_path)
    embedder.load()
    vectors = np.asarray(embedder.embed(families.descriptions(1)[0]), np.float32)
    learned = Metric.learned(vectors, NOISE)
    plain = Metric.plain(vectors.shape[1], NOISE)
    assert of_kind(learned, vectors, 0).mean() > of_kind(plain, vectors, 0).mean()


def test_too_few_tasks_and_tasks_without_neighbours_teach_nothing() -> None:
    vectors, _ = tasks(MIN_TASKS - 1)
    assert not Metric.learned(vectors, NOISE).directions.size
    assert not Metric.learned(np.eye(DIMENSION, dtype=np.float32), NOISE).directions.size
    assert not Metric.learned(np.zeros((0, DIMENSION), np.float32), NOISE).directions.size
    assert not Metric.learned(np.repeat(vectors[:1], 100, axis=0), NOISE).directions.size


@pytest.mark.parametrize("noise", [NOISE, 0.6])
def test_the_plain_metric_is_the_meaning_of_a_search(noise: float) -> None:
    vectors, _ = tasks(50)
    plain = Metric.plain(DIMENSION, noise)
    nobody = np.zeros((0, DIMENSION), np.float32)
    mean = relevance_feedback.mean_direction(plain, vectors[0], nobody, np.zeros(0, np.float32))
    dual = plain.dual(mean)
    found = plain.meaning(vectors @ dual, dual, plain.norms(vectors))
    expected = fusion.meaning(cosines(vectors, vectors[0]), noise)
    assert np.allclose(found, expected, atol=1e-6)


def test_its_cosines_are_those_of_the_inner_product_that_it_stands_for() -> None:
    vectors, _ = tasks(200)
    metric = Metric.learned(vectors, NOISE)
    u, discount = metric.directions.astype(np.float64), metric.discount.astype(np.float64)
    matrix = np.eye(DIMENSION) - u @ np.diag(discount) @ u.T
    seen = vectors.astype(np.float64) - metric.origin
    norms = np.sqrt(np.einsum("ij,jk,ik->i", seen, matrix, seen))
    assert np.allclose(metric.norms(vectors), norms, rtol=1e-4)
    dual = metric.dual(metric.normalised(vectors)[0])
    expected = np.maximum(seen @ matrix @ seen[0] / (norms * norms[0]), 0)
    found = metric.meaning(vectors @ dual, dual, metric.norms(vectors))
    assert np.allclose(found, expected, atol=1e-4)


def test_an_execution_without_a_vector_is_like_nothing() -> None:
    vectors, _ = tasks(100)
    vectors[7] = 0
    metric = Metric.learned(vectors, NOISE)
    assert alike(metric, vectors, 0)[7] == 0
    assert np.isfinite(alike(metric, vectors, 0)).all()


@given(st.integers(0, 10**9))
def test_it_is_learned_again_when_the_history_has_grown_by_about_a_quarter(number: int) -> None:
    reached = watermark(number)
    assert reached <= number
    assert watermark(reached) == reached
    assert reached == 0 if number < MIN_TASKS else number < reached * GROWTH


def test_of_each_task_the_latest_run_is_learned_from() -> None:
    assert first_of_each(np.array([5, 3, 5, 9, 3])).tolist() == [0, 1, 3]


@dataclass
class Stored:
    """An execution as the truth has it; `version` is that of its vector, 0 while it has none."""

    sequence: int
    description: int
    version: int = 0


class History:
    """A truth of executions, and the rows that a process which follows it keeps in memory."""

    def __init__(self) -> None:
        self.truth: dict[int, Stored] = {}
        self.kept_up = Catalog()
        self.cache = MetricCache()
        self._numbers = count(1)
        self._versions = count(1)
        self._embeddings, _ = tasks(400)

    def grow(self, executions: int, description: int | None = None) -> None:
        """Records executions with their vectors, each of another task unless one is given."""
        added = [self._store(description) for _ in range(executions)]
        self._follow(*added)
        self.embed(*added)

    def record(self) -> int:
        execution = self._store(None)
        self._follow(execution)
        return execution

    def redescribe(self, execution: int) -> None:
        number = next(self._numbers)
        self.truth[execution] = Stored(number, number)
        self._follow(execution)

    def complete(self, execution: int) -> None:
        self.truth[execution].sequence = next(self._numbers)
        self._follow(execution)

    def embed(self, *executions: int) -> None:
        for execution in executions:
            self.store_vector(execution)
        self.take_in_vectors(*executions)

    def store_vector(self, execution: int) -> None:
        self.truth[execution].version = next(self._versions)

    def take_in_vectors(self, *executions: int) -> None:
        self._set_versions(self.kept_up, executions)

    def delete(self, *executions: int) -> None:
        self.kept_up.kill(self._rows(self.kept_up, executions))
        for execution in executions:
            del self.truth[execution]

    def by_cache(self) -> tuple[Metric, dict[int, float]]:
        """The metric of the process that followed, and the length of each execution's vector."""
        return self._measured(self.kept_up, self.cache)

    def by_restart(self) -> tuple[Metric, dict[int, float]]:
        """The same of a process that has just read the truth."""
        fresh = Catalog()
        executions = sorted(self.truth, key=lambda execution: self.truth[execution].sequence)
        fresh.apply(self._columns(executions))
        self._set_versions(fresh, executions)
        return self._measured(fresh, MetricCache())

    def _store(self, description: int | None) -> int:
        number = next(self._numbers)
        self.truth[number] = Stored(number, number if description is None else description)
        return number

    def _follow(self, *executions: int) -> None:
        self.kept_up.apply(self._columns(executions))

    def _columns(self, executions: Sequence[int]) -> Columns:
        rows = [self.truth[execution] for execution in executions]
        zeros = np.zeros(len(rows), np.int64)
        descriptions = np.array([row.description for row in rows], np.int64)
        sequences = np.array([row.sequence for row in rows], np.int64)
        return Columns(
            high=zeros.astype(np.uint64),
            low=np.array(executions, np.uint64),
            sequence=sequences,
            text_hash=sequences.astype(np.uint64),
            task_key=descriptions,
            timestamp=zeros,
            outcome=zeros.astype(np.int8),
            confidence=zeros.astype(np.float32),
            has_solution=zeros.astype(np.bool_),
            description_hash=descriptions.astype(np.uint64),
            labels={name: np.full(len(rows), "", object) for name in CODED},
        )

    def _rows(self, catalog: Catalog, executions: Sequence[int]) -> np.ndarray:
        return catalog.rows_of([UUID(int=execution) for execution in executions])

    def _set_versions(self, catalog: Catalog, executions: Sequence[int]) -> None:
        versions = np.array([self.truth[execution].version for execution in executions], np.int64)
        catalog.set_versions(self._rows(catalog, executions), versions)

    def _measured(self, catalog: Catalog, cache: MetricCache) -> tuple[Metric, dict[int, float]]:
        view = catalog.view()
        vectors = self._embeddings[view["task_key"] % len(self._embeddings)]
        vectors[view["version"] == 0] = 0
        rows = np.flatnonzero(view["alive"])
        metric, norms = cache.of(view, vectors, rows, NOISE)
        ids = view["low"][rows].tolist()
        return metric, dict(zip(ids, norms.tolist(), strict=True))


def assert_restart_changes_nothing(history: History) -> Metric:
    """Returns the metric, which is that of a process that has just read the truth."""
    metric, norms = history.by_cache()
    fresh, expected = history.by_restart()
    assert np.array_equal(metric.origin, fresh.origin)
    assert np.array_equal(metric.directions, fresh.directions)
    assert np.array_equal(metric.discount, fresh.discount)
    assert norms == pytest.approx(expected, rel=1e-5)
    for execution, row in history.truth.items():
        assert np.isinf(norms[execution]) == (not row.version)
    return metric


@settings(max_examples=50)
@given(st.data())
def test_the_metric_depends_on_the_stored_rows_alone(data: st.DataObject) -> None:
    history = History()
    history.grow(data.draw(st.sampled_from([32, 40, 50, 62, 77]) | st.integers(1, 100)))
    changes = ["grow", "record", "embed", "delete", "redescribe", "complete"]
    for _ in range(data.draw(st.integers(1, 6))):
        change = data.draw(st.sampled_from(changes))
        if change == "grow":
            history.grow(data.draw(st.integers(1, 50)))
        elif change == "record":
            history.record()
        elif history.truth:
            late = st.integers(1, min(3, len(history.truth))) | st.integers(1, len(history.truth))
            execution = list(history.truth)[-data.draw(late)]
            if change != "embed" or not history.truth[execution].version:
                getattr(history, change)(execution)
        assert_restart_changes_nothing(history)


def test_a_changed_description_takes_its_old_vector_out_of_the_count() -> None:
    history = History()
    history.grow(40)  # at 40 the metric is learned from all of them, below from 32
    assert_restart_changes_nothing(history)
    history.redescribe(40)
    assert_restart_changes_nothing(history)
    history.grow(1)
    assert_restart_changes_nothing(history)


def test_a_deleted_execution_is_no_longer_counted() -> None:
    history = History()
    history.grow(40)
    assert_restart_changes_nothing(history)
    history.delete(40)
    assert_restart_changes_nothing(history)


def test_a_vector_that_is_taken_in_after_a_later_one_is_learned_from() -> None:
    history = History()
    history.grow(75)
    first, second = history.record(), history.record()
    for execution in (first, second):
        history.store_vector(execution)
    history.take_in_vectors(second)  # 77 vectors, from which the metric is learned again
    history.by_cache()
    history.take_in_vectors(first)
    assert_restart_changes_nothing(history)


def test_deleted_runs_of_one_task_make_room_for_other_tasks() -> None:
    history = History()
    history.grow(100)
    history.grow(int(GROWTH * WINDOW), description=0)
    assert not assert_restart_changes_nothing(history).directions.size  # a single task
    history.delete(*(number for number in history.truth if number % 4 == 0))
    assert assert_restart_changes_nothing(history).directions.size


def test_rows_that_are_numbered_anew_keep_the_metric() -> None:
    history = History()
    history.grow(100)
    history.delete(*range(1, 60, 3))
    before = assert_restart_changes_nothing(history)
    history.kept_up, _ = history.kept_up.compacted()
    assert assert_restart_changes_nothing(history) is before


def test_a_completed_execution_of_the_same_description_teaches_nothing_new() -> None:
    history = History()
    history.grow(40)
    before = assert_restart_changes_nothing(history)
    history.complete(20)
    assert assert_restart_changes_nothing(history) is before
