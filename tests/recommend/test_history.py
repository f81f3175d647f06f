"""What is kept from one recommendation to the next: always as if it were made anew."""

from dataclasses import fields, replace
from datetime import datetime, timedelta

import numpy as np

from mcp_learning.recommend.estimate import Regularities
from mcp_learning.recommend.history import EndedExecutions, HistoryCache
from mcp_learning.recommend.past import Past
from mcp_learning.search.snapshot import Snapshot
from mcp_learning.store.past_run import PastRun

START = datetime(2025, 1, 1)
NOISE = 0.3
RUNS = 60


def runs(seed: int) -> list[PastRun]:
    """Of three options, the first of which breaks halfway."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(RUNS, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    made = []
    for number in range(RUNS):
        at, option = START + timedelta(hours=number), int(rng.integers(3))
        ended = bool(rng.random() < 0.5) if option else number < RUNS // 2
        text = (f"task {number}", None, None, None)
        made.append(PastRun(at, at, number, "", "", "abc"[option], ended, text, vectors[number]))
    return made


def snapshot_of(past: Past, run: PastRun) -> Snapshot:
    return past.related(replace(run, recorded_at=START + timedelta(days=9)))[1].snapshot


def weights(history: EndedExecutions, snapshot: Snapshot) -> list[float]:
    """What is left of each execution's weight by changes of its option."""
    weight = np.ones(len(history.rows))
    history.discount_changed(weight, np.arange(3), snapshot.vectors, NOISE)
    return weight.tolist()


def assert_as_made_anew(kept: HistoryCache, snapshot: Snapshot) -> EndedExecutions:
    found = kept.of(snapshot, "approach", NOISE)
    anew = HistoryCache().of(snapshot, "approach", NOISE)
    assert weights(found, snapshot) == weights(anew, snapshot)
    for field in fields(EndedExecutions):
        value, expected = getattr(found, field.name), getattr(anew, field.name)
        if field.name == "kind_effects":  # what is learned stays until there is a quarter more
            expected = found.learned.kind_effects(found.versions)
        if isinstance(value, np.ndarray):
            assert np.array_equal(value, expected), field.name
    return found


def test_a_record_and_a_changed_outcome_are_in_the_next_history() -> None:
    made = runs(1)
    past, kept = Past("approach", 8, NOISE, 90), HistoryCache()
    for number, run in enumerate(made):
        past.record({number: replace(run, success=None)})
        assert_as_made_anew(kept, snapshot_of(past, run))
        past.record({number: run})
        found = assert_as_made_anew(kept, snapshot_of(past, run))
        assert len(found.rows) == number + 1
    assert min(weights(found, snapshot_of(past, made[-1]))) < 0.5


def test_without_a_change_of_the_rows_nothing_is_made_anew() -> None:
    made = runs(1)
    past, kept = Past("approach", 8, NOISE, 90), HistoryCache()
    past.record(dict(enumerate(made)))
    snapshot = snapshot_of(past, made[-1])
    found = kept.of(snapshot, "approach", NOISE)
    assert kept.of(snapshot_of(past, made[0]), "approach", NOISE) is found


def assert_learned_anew(kept: HistoryCache, snapshot: Snapshot) -> Regularities:
    found = kept.of(snapshot, "approach", NOISE).learned
    anew = HistoryCache().of(snapshot, "approach", NOISE).learned
    assert np.array_equal(found.levels, anew.levels)
    assert np.array_equal(found.effects, anew.effects)
    assert found.design_effect == anew.design_effect
    return found


def test_what_is_learned_follows_corrections() -> None:
    made = runs(1)
    past, kept = Past("approach", 8, NOISE, 90), HistoryCache()
    past.record(dict(enumerate(made)))
    before = assert_learned_anew(kept, snapshot_of(past, made[-1]))
    past.record({n: replace(run, label="abc"[n % 3]) for n, run in enumerate(made)})
    labels = assert_learned_anew(kept, snapshot_of(past, made[-1]))
    assert not np.array_equal(labels.levels, before.levels)
    won, lost = (
        next(n for n, run in enumerate(made) if run.success is one) for one in (True, False)
    )
    past.record({won: replace(made[won], success=False), lost: replace(made[lost], success=True)})
    assert_learned_anew(kept, snapshot_of(past, made[-1]))
    past.record({n: replace(run, confidence=0.5) for n, run in enumerate(made)})
    assert_learned_anew(kept, snapshot_of(past, made[-1]))


def test_a_history_isn_t_taken_for_that_of_other_rows() -> None:
    kept = HistoryCache()
    for seed in (1, 2):
        made = runs(seed)
        past = Past("approach", 8, NOISE, 90)
        past.record(dict(enumerate(made)))
        assert_as_made_anew(kept, snapshot_of(past, made[-1]))
