"""SQL about failures against the same computed in Python."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store.rows import NOW, execution, undone

from mcp_learning.models.results import Execution
from mcp_learning.store.duckdb import embeddings, error_texts, executions
from mcp_learning.store.duckdb.connection import Cursor
from mcp_learning.store.types import ErrorText, ErrorTexts, Period

PERIOD = Period.last_days(30, NOW)


pytestmark = pytest.mark.usefixtures("taken_back")


def add(cursor: Cursor, task: int = 1, **values: Any) -> Execution:
    described = {"task_description": f"task {task}", "solution_summary": None}
    row = execution(**described | values)
    executions.insert(cursor, row)
    return row


def found_in(cursor: Cursor, period: Period = PERIOD, limit: int = 10) -> ErrorTexts:
    return error_texts.error_texts(cursor, period, limit, examples=3, fixes=20)


def only(cursor: Cursor, repo: str | None = None) -> ErrorText:
    (text,) = found_in(cursor, PERIOD._replace(repo=repo)).commonest
    return text


def ago(hours: float) -> dict[str, Any]:
    return {"recorded_at": NOW - timedelta(hours=hours)}


FAILED: dict[str, Any] = {"outcome": "failure", "error_message": "no 3", "repo": "a"}
FIXED: dict[str, Any] = {"outcome": "success", "solution_summary": "do so", "repo": "a"}


def test_the_next_success_of_the_same_task_ends_a_failure(cursor: Cursor) -> None:
    add(cursor, **FIXED, **ago(9))
    add(cursor, **FAILED, **ago(8))
    add(cursor, **FAILED, **ago(7))
    add(cursor, outcome="pending", repo="a", **ago(6.5))
    add(cursor, outcome="success", repo="a", **ago(6))  # tells nothing of what was done
    fix = add(cursor, **FIXED, **ago(5))
    add(cursor, **FIXED, **ago(4))
    last = add(cursor, **FAILED, **ago(3))
    add(cursor, 2, **FIXED, **ago(2))
    add(cursor, **FIXED | {"repo": "b"}, **ago(1))

    text = only(cursor)

    assert (text.text, text.count, text.fixed) == ("no <n>", 3, 2)
    assert text.fixes == ((3 * 3600, fix.task_id), (2 * 3600, fix.task_id))
    assert text.examples[0] == (last.recorded_at, last.task_id)
    assert len(text.examples) == 3


def test_a_success_at_the_very_moment_of_a_failure_does_not_follow_it(cursor: Cursor) -> None:
    add(cursor, **FAILED, **ago(1))
    add(cursor, **FIXED, **ago(1))
    assert only(cursor).fixed == 0


def test_failures_without_a_message_go_by_their_type(cursor: Cursor) -> None:
    for kind in ("crash", "crash", None):
        add(cursor, outcome="failure", error_type=kind, error_message=None)
    found = found_in(cursor)
    assert [(one.text, one.error_type, one.count) for one in found.commonest] == [
        ("crash", "crash", 2),
        ("no error recorded", None, 1),
    ]


def test_only_the_period_and_the_repo_count_and_the_rest_is_told(cursor: Cursor) -> None:
    for number in range(4):
        add(cursor, **FAILED | {"error_message": "abcd"[number] * 3}, **ago(number))
    add(cursor, **FAILED | {"repo": "b"}, **ago(1))
    add(cursor, **FAILED, **ago(24 * 31))
    found = found_in(cursor, PERIOD._replace(repo="a"), 3)
    assert [one.text for one in found.commonest] == ["aaa", "bbb", "ccc"]
    assert found.failures == 4
    assert found_in(cursor, PERIOD._replace(repo="z"), 3) == ErrorTexts([], 0)


_messages = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=80)


@given(st.lists(_messages, max_size=12))
@settings(deadline=None, max_examples=40)
def test_every_failure_is_counted_whatever_its_message(
    cursor: Cursor, messages: list[str | None]
) -> None:
    with undone(cursor):
        for message in messages:
            add(cursor, outcome="failure", error_message=message)
        found = found_in(cursor, PERIOD, 100)
        assert sum(one.count for one in found.commonest) == found.failures == len(messages)
        assert all(0 < len(one.text) <= 200 for one in found.commonest)


def test_a_similar_later_success_of_the_same_repo_and_type_is_found(cursor: Cursor) -> None:
    vectors = np.zeros((7, 384), np.float32)
    vectors[:, 0] = [1, 1, 0.8, 0.7, 1, 1, 0.5]  # cosines to the failure
    vectors[:, 1] = np.sqrt(1 - vectors[:, 0] ** 2)
    values = [
        FAILED | ago(5),
        FIXED | ago(6),  # before it
        FIXED | ago(4),
        FIXED | ago(3),
        FIXED | ago(2) | {"repo": "b"},
        FIXED | ago(2) | {"task_type": "other"},
        FIXED | ago(1),
    ]
    rows = [add(cursor, number, **given) for number, given in enumerate(values)]
    waiting = embeddings.unembedded(cursor, 10)
    order = [next(n for n, row in enumerate(rows) if row.task_id == p.task_id) for p in waiting]
    embeddings.store(cursor, waiting, vectors[order], "model")
    failed: UUID = rows[0].task_id

    def similar(nearest: int, least: float) -> dict[UUID, UUID]:
        return error_texts.similar_successes(cursor, [failed], nearest=nearest, least=least)

    assert similar(9, 0.6) == {failed: rows[2].task_id}
    assert similar(9, 0.9) == {}
    assert error_texts.similar_successes(cursor, [], nearest=9, least=0.6) == {}
