"""SQL about executions and statistics against the same computed in Python."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import log
from uuid import UUID, uuid4

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store import rows
from store.rows import AWKWARD, NOW, OUTCOMES, execution, undone

from mcp_learning.models.error_messages import normal_form
from mcp_learning.models.identifiers import description_hash, task_key
from mcp_learning.models.requests import Details, GroupBy
from mcp_learning.models.results import Execution, ExecutionSummary, Feedback
from mcp_learning.store.duckdb import bulk, embeddings, executions, feed, statistics
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.types import Endings, Measures, Period, Selection

modest = settings(deadline=None, max_examples=40)

pytestmark = pytest.mark.usefixtures("taken_back")


def insert_all(cursor: Cursor, given_rows: Sequence[Execution]) -> None:
    for row in given_rows:
        executions.insert(cursor, row)


def embed_all(cursor: Cursor) -> dict[UUID, int]:
    pending = embeddings.unembedded(cursor, 1000)
    vectors = np.eye(384, dtype=np.float32)[np.arange(len(pending)) % 384]
    return embeddings.store(cursor, pending, vectors, "model")


@given(row=rows.executions)
@modest
def test_what_is_inserted_is_what_is_read(cursor: Cursor, row: Execution) -> None:
    with undone(cursor):
        executions.insert(cursor, row)
        assert executions.get(cursor, row.task_id) == row
        assert executions.get(cursor, uuid4()) is None


@given(batch=st.lists(rows.executions, max_size=5))
@modest
def test_a_bulk_insert_gives_the_same_as_one_by_one(cursor: Cursor, batch: list[Execution]) -> None:
    with undone(cursor):
        bulk.insert(cursor, batch, np.eye(384, dtype=np.float32)[: len(batch)], "model")
        assert [executions.get(cursor, row.task_id) for row in batch] == batch
        stored = cursor.execute(
            "SELECT task_id, task_key FROM embeddings JOIN executions USING (task_id)"
        ).fetchall()
        assert dict(stored) == {row.task_id: task_key(row.task_description) for row in batch}
        assert embeddings.counts(cursor) == (len(batch), 0)


@given(old=rows.executions, new=rows.executions)
@modest
def test_an_update_replaces_every_column_and_is_the_latest_change(
    cursor: Cursor, old: Execution, new: Execution
) -> None:
    with undone(cursor):
        bystander = execution()
        insert_all(cursor, [old, bystander])
        changed = new.model_copy(update={"task_id": old.task_id})
        executions.update(cursor, changed)
        assert executions.get(cursor, old.task_id) == changed
        assert executions.get(cursor, bystander.task_id) == bystander
        assert [row.task_id for row in embeddings.unembedded(cursor, 9)] == [
            bystander.task_id,
            old.task_id,
        ]


def test_deleting_takes_embeddings_feedback_and_recalls_along(cursor: Cursor) -> None:
    kept, gone, also_gone = (execution() for _ in range(3))
    insert_all(cursor, [kept, gone, also_gone])
    embed_all(cursor)
    for row in (kept, gone):
        executions.add_feedback(cursor, uuid4(), row.task_id, Feedback(submitted_at=NOW, rating=3))
    executions.add_uses(cursor, gone.task_id, [kept.task_id], NOW)
    executions.add_uses(cursor, kept.task_id, [gone.task_id], NOW)
    executions.delete(cursor, [gone.task_id, also_gone.task_id, uuid4()])
    assert executions.missing_ids(cursor, [kept.task_id, gone.task_id]) == [gone.task_id]
    for table, left in {"executions": 1, "embeddings": 1, "feedback": 1, "uses": 0}.items():
        assert cursor.execute(f"SELECT count(*) FROM {table}").fetchone() == (left,)
    assert executions.feedback_of(cursor, kept.task_id) == [Feedback(submitted_at=NOW, rating=3)]
    assert executions.used_by(cursor, kept.task_id) == []


def test_feedback_is_appended_and_a_recall_is_noted_once(cursor: Cursor) -> None:
    earlier, later = execution(), execution(outcome="pending")
    insert_all(cursor, [earlier, later])
    given_feedback = [
        Feedback(submitted_at=NOW + timedelta(seconds=number), comment=text)
        for number, text in enumerate(AWKWARD)
    ]
    for feedback in given_feedback:
        identity = uuid4()
        assert executions.add_feedback(cursor, identity, earlier.task_id, feedback)
        assert not executions.add_feedback(cursor, identity, earlier.task_id, feedback)
    assert executions.feedback_of(cursor, earlier.task_id) == given_feedback
    assert executions.add_uses(cursor, later.task_id, [earlier.task_id], NOW)
    assert not executions.add_uses(cursor, later.task_id, [earlier.task_id], NOW)
    assert [used.outcome for used in executions.used_by(cursor, earlier.task_id)] == ["pending"]


@given(batch=st.lists(rows.executions, max_size=6))
@modest
def test_what_a_search_shows_is_what_was_inserted(cursor: Cursor, batch: list[Execution]) -> None:
    with undone(cursor):
        insert_all(cursor, batch)
        sequences = _sequences(cursor)
        by_id = executions.summaries(cursor, [uuid4(), *(row.task_id for row in batch)])
        latest = executions.latest_summaries(cursor, len(batch), 10**6)
        assert by_id == latest
        assert list(latest) == [row.task_id for row in batch]
        for row in batch:
            shown = by_id[row.task_id]
            assert shown.sequence == sequences[row.task_id]
            names = ExecutionSummary.model_fields
            assert shown.summary() == {name: getattr(row, name) for name in names}


@given(batch=st.lists(rows.executions | rows.comparable, max_size=6), after=st.integers(0, 6))
@modest
def test_what_a_search_keeps_in_memory_is_what_was_inserted_and_changed(
    cursor: Cursor, batch: list[Execution], after: int
) -> None:
    with undone(cursor):
        insert_all(cursor, batch[:after])
        last = int(feed.read(cursor).sequence.max(initial=0))
        insert_all(cursor, batch[after:])
        if after and batch:
            batch[0] = batch[0].model_copy(update={"task_description": "another"})
            executions.update(cursor, batch[0])
            batch = [*batch[1:], batch[0]]
        found = feed.read(cursor, last)
        chosen = batch[len(batch) - len(found) :]
        assert len(chosen) == len(batch) - max(min(after, len(batch)) - 1, 0) if after else True
        assert (np.diff(found.sequence) > 0).all()
        for at, row in enumerate(chosen):
            kept = {name: value[at] for name, value in vars(found).items() if name != "labels"}
            assert UUID(int=int(kept["high"]) << 64 | int(kept["low"])) == row.task_id
            assert kept["task_key"] == task_key(row.task_description)
            moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
                microseconds=int(found.timestamp[at])
            )
            assert moment == row.recorded_at
            assert OUTCOMES[kept["outcome"]] == row.outcome
            assert kept["has_solution"] == (row.solution_summary is not None)
            assert kept["description_hash"] == description_hash(row.task_description)
            for name, values in found.labels.items():
                if name == "error_text":
                    assert values[at] == normal_form(row.error_message or "")
                else:
                    assert values[at] == str(getattr(row, name) or "")
        texts = {one.text_hash: one.texts for one in feed.texts(cursor, found.sequence.tolist())}
        assert texts == {
            stamp: _searched(row)
            for stamp, row in zip(found.text_hash.tolist(), chosen, strict=True)
        }


def _searched(row: Execution) -> tuple[str | None, ...]:
    return row.task_description, row.solution_summary, row.error_type, row.error_message


def _sequences(cursor: Cursor) -> dict[UUID, int]:
    return dict(cursor.execute("SELECT task_id, sequence FROM executions").fetchall())


@given(
    batch=st.lists(rows.comparable, max_size=8),
    repo=st.sampled_from([None, "a", "it's"]),
    task_type=st.sampled_from([None, "a"]),
    days=st.none() | st.integers(0, 9),
)
@modest
def test_selecting_ids_means_every_given_filter(
    cursor: Cursor, batch: list[Execution], repo: str | None, task_type: str | None, days: int
) -> None:
    before = None if days is None else NOW - timedelta(days=days)
    with undone(cursor):
        insert_all(cursor, batch)
        selection = Selection(repo=repo, task_type=task_type, before=before)
        assert set(executions.selected(cursor, selection).task_ids) == {
            row.task_id
            for row in batch
            if repo in (None, row.repo)
            and task_type in (None, row.task_type)
            and (before is None or row.recorded_at < before)
        }


@pytest.mark.parametrize("prefix", ["", "a", "A", "%", "_", "it'", "100%", "a_", "');", "x", "ä"])
def test_suggestions_start_with_the_prefix_as_it_is_commonest_first(
    cursor: Cursor, prefix: str
) -> None:
    values = [*AWKWARD, "Abc", "abc", "a_b", "a_b", "axb", "100 %", None, "Ärger"]
    insert_all(cursor, [execution(approach=value) for value in values])
    counts = Counter(
        value for value in values if value and value.lower().startswith(prefix.lower())
    )
    expected = sorted(counts, key=lambda value: (-counts[value], value))
    assert executions.suggestions(cursor, "approach", prefix, 50) == expected
    assert executions.suggestions(cursor, "approach", prefix, 2) == expected[:2]


def test_only_columns_that_are_meant_for_it_are_suggested(cursor: Cursor) -> None:
    with pytest.raises(ValueError, match="error_message"):
        executions.suggestions(cursor, "error_message", "", 5)


def measured(batch: Sequence[Execution]) -> Measures:
    """The figures of a set of executions, told without SQL."""
    durations = [row.duration_seconds for row in batch if row.duration_seconds is not None]
    costs = [row.cost_usd for row in batch if row.cost_usd is not None]
    outcomes = Counter(row.outcome for row in batch)
    ratios = [
        log(row.cost_usd) - log(row.cost_estimate)
        for row in batch
        if row.cost_usd and row.cost_estimate
    ]
    return Measures(
        len(batch),
        outcomes["success"],
        outcomes["failure"],
        outcomes["pending"],
        float(np.quantile(durations, 0.5)) if durations else None,
        float(np.quantile(durations, 0.95)) if durations else None,
        sum(costs) if costs else None,
        len(ratios),
        float(np.quantile(np.abs(ratios), 0.5)) if ratios else None,
        float(np.quantile(ratios, 0.5)) if ratios else None,
        *(
            sum(row.outcome_confidence for row in batch if row.outcome == outcome)
            if outcomes[outcome]
            else None
            for outcome in ("success", "failure")
        ),
    )


def weights(batch: Sequence[Execution]) -> tuple[float, float]:
    """What successes and failures weigh by their confidence."""
    won, lost = (
        round(sum(row.outcome_confidence for row in batch if row.outcome == outcome), 6)
        for outcome in ("success", "failure")
    )
    return won, lost


def ended(batch: Sequence[Execution]) -> Endings:
    """How executions ended, and what that weighs."""
    won = sum(row.outcome == "success" for row in batch)
    return Endings(won, len(batch) - won, *weights(batch))


def assert_same(found: Measures, expected: Measures) -> None:
    for name, value in expected._asdict().items():
        assert getattr(found, name) == (None if value is None else pytest.approx(value)), name


_figures = st.none() | st.just(0.0) | st.floats(0, 1e6)
_measurable = st.builds(
    lambda row, duration, cost, estimate: row.model_copy(
        update={"duration_seconds": duration, "cost_usd": cost, "cost_estimate": estimate}
    ),
    rows.comparable,
    _figures,
    _figures,
    _figures,
)


@given(
    batch=st.lists(_measurable, max_size=12),
    repo=st.sampled_from([None, None, "a", "it's"]),
    days=st.integers(0, 10),
    by=st.sampled_from(["task_type", "repo", "approach", "model_tier", "error_type", "day"]),
    limit=st.integers(1, 12),
)
@modest
def test_totals_and_groups_are_the_figures_of_their_executions(
    cursor: Cursor, batch: list[Execution], repo: str | None, days: int, by: GroupBy, limit: int
) -> None:
    since, until = NOW - timedelta(days=days), NOW
    chosen = [
        row
        for row in batch
        if since <= row.recorded_at < until and (repo is None or row.repo == repo)
    ]

    def key(row: Execution) -> str | None:
        day = row.recorded_at.date().isoformat()
        return day if by == "day" else getattr(row, by)

    groups = {
        value: [row for row in chosen if key(row) == value]
        for value in {key(row) for row in chosen} - {None}
    }
    period = Period(since, until, repo)
    with undone(cursor):
        insert_all(cursor, batch)
        assert_same(statistics.totals(cursor, period), measured(chosen))
        found, more = statistics.groups(cursor, by, period, limit)
        names = [name for name, _ in found]
        if by == "day":
            expected = sorted((str(name) for name in groups), reverse=True)
        else:
            expected = sorted(map(str, groups), key=lambda name: (-len(groups[name]), name))
        assert (names, more) == (expected[:limit], max(0, len(expected) - limit))
        for name, measures in found:
            assert_same(measures, measured(groups[name]))
        found_again = statistics.outcomes(cursor, by, period, [*names, "another"])
        assert found_again.keys() == set(names)
        for name, one in found_again.items():
            finished = [row for row in groups[name] if row.outcome != "pending"]
            assert one == pytest.approx(ended(finished), abs=1e-5)


@given(batch=st.lists(rows.comparable, max_size=25), limit=st.integers(1, 8))
@modest
def test_approaches_are_paired_with_the_others_of_their_task_type(
    cursor: Cursor, batch: list[Execution], limit: int
) -> None:
    since, until = NOW - timedelta(days=5), NOW
    runs: dict[tuple[str, str], list[Execution]] = {}
    for row in batch:
        if row.approach and row.outcome != "pending" and since <= row.recorded_at < until:
            runs.setdefault((row.task_type, row.approach), []).append(row)
    others = {
        key: [
            row
            for (kind, name), mine in runs.items()
            if kind == key[0] and name != key[1]
            for row in mine
        ]
        for key in runs
    }
    expected = sorted(
        (key for key in runs if others[key]), key=lambda key: (-sum(weights(runs[key])), key)
    )
    with undone(cursor):
        insert_all(cursor, batch)
        found = statistics.pairings(cursor, Period(since, until), limit)
        assert [one[:2] for one in found] == expected[:limit]
        for one in found:
            key = one.task_type, one.approach
            assert one.own == pytest.approx(ended(runs[key]), abs=1e-5)
            assert one.others == pytest.approx(ended(others[key]), abs=1e-5)


def test_an_empty_database_has_figures_too(cursor: Cursor) -> None:
    period = Period(datetime(1970, 1, 1, tzinfo=UTC), NOW)
    assert statistics.totals(cursor, period) == Measures(0, 0, 0, 0, None, None, None)
    assert statistics.groups(cursor, "day", period, 5) == ([], 0)
    assert statistics.outcomes(cursor, "repo", period, ["a"]) == {}
    assert statistics.pairings(cursor, period, 5) == []
    assert executions.count(cursor) == 0
    assert executions.missing_ids(cursor, []) == []
    assert executions.summaries(cursor, []) == {}
    assert len(feed.read(cursor)) == 0
    assert feed.texts(cursor, []) == []


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_time_that_utc_cannot_express_is_refused_before_it_gets_here(moment: str) -> None:
    with pytest.raises(ValueError, match="uploaded_at"):
        Details(uploaded_at=datetime.fromisoformat(moment))
    edge = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert Details(uploaded_at=edge).uploaded_at == edge
