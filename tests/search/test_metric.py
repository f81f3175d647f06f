"""The metric: learned from neighbours, kept up with the rows, and never worse than none."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_learning.bench import families
from mcp_learning.embed.embedder import Embedder
from mcp_learning.search import fusion, relevance_feedback
from mcp_learning.search.catalog import View
from mcp_learning.search.exact import cosines
from mcp_learning.search.metric import GROWTH, LEAST_TASKS, Floats, Metric, latest, watermark
from mcp_learning.search.metric_cache import MetricCache
from mcp_learning.settings import DEFAULT_MODEL

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
    return relevance_feedback.alike(
        plain, vectors[task], vectors, rows, metric, metric.lengths(vectors)
    )


def of_kind(metric: Metric, vectors: Floats, task: int) -> Floats:
    """The same by the direction alone, without the similarity of the single task."""
    plain = fusion.meaning(cosines(vectors, vectors[task]), NOISE)
    near = relevance_feedback.nearest(plain)
    towards = relevance_feedback.direction(metric, vectors[task], vectors[near], plain[near])
    return metric.meaning(vectors @ towards, towards, metric.lengths(vectors))


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
    vectors, _ = tasks(LEAST_TASKS - 1)
    assert not Metric.learned(vectors, NOISE).directions.size
    assert not Metric.learned(np.eye(DIMENSION, dtype=np.float32), NOISE).directions.size
    assert not Metric.learned(np.zeros((0, DIMENSION), np.float32), NOISE).directions.size
    assert not Metric.learned(np.repeat(vectors[:1], 100, axis=0), NOISE).directions.size


@pytest.mark.parametrize("noise", [NOISE, 0.6])
def test_the_plain_metric_is_the_meaning_of_a_search(noise: float) -> None:
    vectors, _ = tasks(50)
    plain = Metric.plain(DIMENSION, noise)
    nobody = np.zeros((0, DIMENSION), np.float32)
    towards = relevance_feedback.direction(plain, vectors[0], nobody, np.zeros(0, np.float32))
    found = plain.meaning(vectors @ towards, towards, plain.lengths(vectors))
    expected = fusion.meaning(cosines(vectors, vectors[0]), noise)
    assert np.allclose(found, expected, atol=1e-6)


def test_its_cosines_are_those_of_the_inner_product_that_it_stands_for() -> None:
    vectors, _ = tasks(200)
    metric = Metric.learned(vectors, NOISE)
    u, discount = metric.directions.astype(np.float64), metric.discount.astype(np.float64)
    matrix = np.eye(DIMENSION) - u @ np.diag(discount) @ u.T
    seen = vectors.astype(np.float64) - metric.centre
    lengths = np.sqrt(np.einsum("ij,jk,ik->i", seen, matrix, seen))
    assert np.allclose(metric.lengths(vectors), lengths, rtol=1e-4)
    towards = metric.towards(metric.units(vectors)[0])
    expected = np.maximum(seen @ matrix @ seen[0] / (lengths * lengths[0]), 0)
    found = metric.meaning(vectors @ towards, towards, metric.lengths(vectors))
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
    assert reached == 0 if number < LEAST_TASKS else number < reached * GROWTH


def test_of_each_task_the_latest_run_is_learned_from() -> None:
    assert latest(np.array([5, 3, 5, 9, 3])).tolist() == [0, 1, 3]


class History:
    """Rows as a catalog has them, each with a vector or not yet."""

    def __init__(self) -> None:
        self.vectors, _ = tasks(400)
        self.view = View(
            {
                "version": np.zeros(0, np.int64),
                "description_hash": np.zeros(0, np.uint64),
                "alive": np.zeros(0, np.bool_),
            }
        )

    def grow(self, count: int) -> None:
        columns = self.view.columns
        start = len(self.view)
        new = np.arange(start, start + count)
        columns["version"] = np.append(columns["version"], new + 1)
        columns["description_hash"] = np.append(columns["description_hash"], new.astype(np.uint64))
        columns["alive"] = np.append(columns["alive"], np.ones(count, bool))

    def measured(self, measured: MetricCache) -> tuple[Metric, Floats]:
        rows = np.arange(len(self.view))
        return measured.of(self.view, self.vectors[rows], rows, NOISE)


@given(st.data())
def test_what_it_is_depends_on_the_rows_alone(data: st.DataObject) -> None:
    history, kept_up = History(), MetricCache()
    history.grow(data.draw(st.integers(1, 100)))
    for _ in range(data.draw(st.integers(1, 5))):
        what = data.draw(st.sampled_from(["grow", "die", "redescribe", "wait"]))
        row = data.draw(st.integers(0, len(history.view) - 1))
        if what == "grow":
            history.grow(data.draw(st.integers(1, 50)))
        elif what == "die":
            history.view["alive"][row] = False
        elif what == "wait":
            history.view["version"][row] = 0
        else:
            history.view["version"][row] = history.view["version"].max() + 1
            history.vectors[row] = history.vectors[(row + 1) % 400]
        metric, lengths = history.measured(kept_up)
        fresh, expected = history.measured(MetricCache())
        assert np.array_equal(metric.centre, fresh.centre)
        assert np.array_equal(metric.discount, fresh.discount)
        assert np.allclose(lengths, expected, rtol=1e-5)
        assert np.isinf(lengths[history.view["version"] == 0]).all()


def test_rows_that_are_numbered_anew_are_measured_anew() -> None:
    history, kept_up = History(), MetricCache()
    history.grow(100)
    history.measured(kept_up)
    order = np.arange(100)[::-1][:70]
    history.vectors[:70] = history.vectors[order]
    for name, column in history.view.columns.items():
        history.view.columns[name] = column[order]
    metric, lengths = history.measured(kept_up)
    fresh, expected = history.measured(MetricCache())
    assert np.array_equal(metric.discount, fresh.discount)
    assert np.allclose(lengths, expected, rtol=1e-5)


def test_a_row_in_the_place_of_another_with_the_same_vector_teaches_nothing_new() -> None:
    history, kept_up = History(), MetricCache()
    history.grow(40)
    before, _ = history.measured(kept_up)
    history.grow(1)  # as a pending task that is completed: new texts, but the description's vector
    columns = history.view.columns
    columns["alive"][20] = False
    columns["version"][40], columns["description_hash"][40] = columns["version"][20], 20
    history.vectors[40] = history.vectors[20]
    after, lengths = history.measured(kept_up)
    assert after is before
    assert lengths[40] == pytest.approx(lengths[20])
