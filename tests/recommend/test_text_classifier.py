"""The type of a task that isn't told is inferred from its text, as far as texts tell it."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from math import sqrt

import numpy as np
import pytest
from numpy.typing import NDArray
from services import embedder

from mcp_learning.embed.recipe import embedding_text
from mcp_learning.insights.rates import Z_90
from mcp_learning.models.identifiers import task_key
from mcp_learning.models.requests import RecommendApproach
from mcp_learning.models.results import Execution, Recommendation
from mcp_learning.recommend.history import HistoryCache
from mcp_learning.recommend.past import Past
from mcp_learning.recommend.recommend import answer, assess
from mcp_learning.recommend.text_classifier import TextClassifier
from mcp_learning.store.past_run import PastRun
from mcp_learning.synthetic.generator import RUNS_PER_TASK, GeneratedTask, make_runs, make_tasks
from mcp_learning.synthetic.task_types import TASK_TYPES
from mcp_learning.synthetic.vocabulary import PARTS

Vectors = NDArray[np.float32]

UNTIL = datetime(2025, 6, 1, tzinfo=UTC)
EXECUTIONS = 3_000
ASKED = 5  # tasks of each type
SEED, OTHER = 1, 1_001


def of_two_kinds(count: int, rng: np.random.Generator) -> tuple[Vectors, list[str]]:
    """Vectors of norm 1 that mostly name one of 20 things, and a little one of two kinds."""
    kind, thing = rng.integers(0, 2, count), rng.integers(0, 20, count)
    vectors = 0.1 * rng.normal(size=(count, 64))
    vectors[np.arange(count), thing] += 2
    vectors[np.arange(count), 20 + kind] += 1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), [("bug_fix", "docs")[one] for one in kind]


def test_a_type_is_told_by_what_its_tasks_share_however_much_else_they_name() -> None:
    rng = np.random.default_rng(3)
    types = TextClassifier.learned(*of_two_kinds(200, rng))
    assert types is not None
    for vector, name in zip(*of_two_kinds(50, rng), strict=True):
        chances = types.probabilities(vector)
        assert sum(chances.values()) == pytest.approx(1)
        assert chances[name] > 0.8


def test_nothing_is_inferred_where_texts_don_t_tell_the_type_or_there_is_but_one() -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        vectors, names = of_two_kinds(200, rng)
        found = TextClassifier.learned(vectors, rng.permutation(names).tolist())
        if found is not None:  # a weak slope fits by chance now and then
            assert max(found.probabilities(vectors[0]).values()) < 0.8
        assert TextClassifier.learned(vectors, ["bug_fix"] * 200) is None
    assert TextClassifier.learned(vectors[:0], []) is None


def vectors_of(texts: list[str]) -> Vectors:
    return embedder().embed([embedding_text(text) for text in texts])


def past_run(one: Execution, vector: Vectors) -> PastRun:
    at = one.recorded_at.replace(tzinfo=None)
    return PastRun(
        recorded_at=at,
        updated_at=at,
        task_key=task_key(one.task_description),
        repo=one.repo or "",
        task_type=one.task_type,
        label=one.approach or "",
        success=None if one.outcome == "pending" else one.outcome == "success",
        texts=(one.task_description, one.solution_summary, one.error_type, one.error_message),
        vector=vector,
    )


@pytest.fixture(scope="module")
def runs() -> list[PastRun]:
    """What `generate-data` makes, oldest first."""
    tasks = make_tasks(EXECUTIONS // RUNS_PER_TASK, seed=SEED)
    vectors = vectors_of([task.description for task in tasks])
    made = make_runs(tasks, EXECUTIONS, seed=SEED, until=UNTIL)
    return [past_run(run.execution, vectors[run.task]) for run in made]


@pytest.fixture(scope="module")
def past(runs: list[PastRun]) -> Past:
    found = Past("approach", embedder().dimension, embedder().floor, 90)
    found.record(dict(enumerate(runs)))
    return found


def recommended(
    past: Past, histories: HistoryCache, texts: list[str], types: Sequence[str] = ()
) -> list[Recommendation]:
    now, found = UNTIL.replace(tzinfo=None), []
    told: Sequence[str | None] = types or [None] * len(texts)
    for text, vector, task_type in zip(texts, vectors_of(texts), told, strict=True):
        asked = PastRun(
            now, now, task_key(text), "", "", "", None, (text, None, None, None), vector
        )
        query, related = past.related(asked)
        request = RecommendApproach(task_description=text, task_type=task_type)
        found.append(answer(assess(related, query, request, {}, 90, histories), {}))
    return found


def some_of_each_type(made: list[GeneratedTask]) -> list[GeneratedTask]:
    of = {name: [task for task in made if task.task_type == name] for name in TASK_TYPES}
    return [task for tasks in of.values() for task in tasks[:ASKED]]


def other_tasks() -> list[GeneratedTask]:
    return some_of_each_type(make_tasks(40 * ASKED * len(TASK_TYPES), seed=OTHER))


def counts_of_each_type(runs: list[PastRun]) -> dict[str, dict[str, tuple[int, int]]]:
    """By type and approach, how many succeeded of how many that ended."""
    ended = Counter((run.task_type, run.label) for run in runs if run.success is not None)
    won = Counter((run.task_type, run.label) for run in runs if run.success)
    return {
        name: {label: (won[name, label], ended[name, label]) for label in kind.approaches}
        for name, kind in TASK_TYPES.items()
    }


def best_of_each_type(runs: list[PastRun]) -> dict[str, str]:
    """By its rate of success in the history, shrunk by an execution each way."""

    def rate(counts: tuple[int, int]) -> float:
        return (counts[0] + 1) / (counts[1] + 2)

    each = counts_of_each_type(runs)
    return {name: max(of, key=lambda label: rate(of[label])) for name, of in each.items()}


def types_with_a_best_option(runs: list[PastRun]) -> set[str]:
    """Those whose two best approaches differ with 95 %, by the normal approximation, one-sided."""

    def differ(of: dict[str, tuple[int, int]]) -> bool:
        (best, seen), (other, others) = sorted(
            ((won / ended, ended) for won, ended in of.values()), reverse=True
        )[:2]
        variance = best * (1 - best) / seen + other * (1 - other) / others
        return best - other > Z_90 * sqrt(variance)

    return {name for name, of in counts_of_each_type(runs).items() if differ(of)}


@pytest.mark.timeout(600)
def test_without_a_type_the_best_option_of_the_type_is_first_and_others_are_hardly_shown(
    runs: list[PastRun], past: Past
) -> None:
    asked, best = other_tasks(), best_of_each_type(runs)
    found = recommended(past, HistoryCache(), [task.description for task in asked])
    first, used, named = [], [], []
    for task, one in zip(asked, found, strict=True):
        labels = [option.label for option in one.options]
        first.append(labels[0] == best[task.task_type])
        used += [label in TASK_TYPES[task.task_type].approaches for label in labels]
        named.append(f"taken for {task.task_type} (" in one.basis.note)
    assert np.mean(first) >= 0.9
    assert np.mean(used) >= 0.95
    assert np.mean(named) >= 0.9


@pytest.mark.timeout(600)
def test_a_text_that_might_be_of_several_types_is_said_to_be(past: Past) -> None:
    found = recommended(past, HistoryCache(), [f"About {part}" for part in PARTS])
    unsure = [one.basis.note for one in found if "unsure of its type (" in one.basis.note]
    assert unsure
    assert all(note.endswith("name task_type") for note in unsure)


@pytest.mark.timeout(600)
def test_where_statistics_see_a_best_option_it_is_called_better_whether_the_task_was_done_or_not(
    runs: list[PastRun], past: Past
) -> None:
    done = {run.texts[0] for run in runs}
    stored = make_tasks(EXECUTIONS // RUNS_PER_TASK, seed=SEED)
    clear = types_with_a_best_option(runs)
    assert 0 < len(clear) < len(TASK_TYPES)
    for asked in (
        some_of_each_type([task for task in stored if task.description in done]),
        other_tasks(),
    ):
        types = [task.task_type for task in asked]
        texts = [task.description for task in asked]
        found = recommended(past, HistoryCache(), texts, types)
        better = [one.leader == "better" for one in found]
        seen = np.array([name in clear for name in types])
        assert np.mean(np.array(better)[seen]) >= 0.6
        assert np.mean(np.array(better)[~seen]) <= 0.05
