"""Which execution a task became: by session, by its words, by most of them, and not by others."""

from datetime import timedelta
from uuid import UUID

import pytest

from lessons.worlds import START, experience
from mcp_learning.lessons.linking import links
from mcp_learning.models.identifiers import task_key
from mcp_learning.store.lesson_protocol import Experience, Showing

LESSON = UUID(int=99)
QUESTION = "mend the slow export of invoices"


def showing(question: str = QUESTION, **values: object) -> Showing:
    """A showing at the start."""
    needed: dict[str, object] = {"lesson_id": LESSON, "unit": "u", "shown": True}
    needed |= {"shown_at": START, "task_key": task_key(question), "question": question}
    return Showing(**(needed | values))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "record",
    [
        experience(5, description=QUESTION),
        experience(5, description="the slow export of invoices, mended"),
        experience(5, description="something else", session_id="s"),
    ],
)
def test_the_record_that_follows_is_found(record: Experience) -> None:
    asked = showing(session_id="s", repo="acme/shop")
    assert links([asked], [record]) == {(LESSON, "u"): record.task_id}


@pytest.mark.parametrize(
    "record",
    [
        experience(5, description="quite another task of the week"),
        experience(5, description="the slow export of invoices", repo="acme/billing"),
        experience(5, description=QUESTION)._replace(recorded_at=START + timedelta(days=8)),
    ],
)
def test_another_record_is_not_taken_for_it(record: Experience) -> None:
    assert links([showing(repo="acme/shop")], [record]) == {}


def test_of_several_records_the_first_counts() -> None:
    records = [experience(n, description=QUESTION) for n in (3, 6)]
    assert links([showing()], records) == {(LESSON, "u"): records[0].task_id}


def test_each_task_of_a_session_is_linked_to_its_own_record() -> None:
    other = "raise the limit of uploads"
    records = [
        experience(5, description=QUESTION, session_id="s"),
        experience(9, description=other, session_id="s"),
    ]
    first = showing(session_id="s")
    second = showing(other, session_id="s", lesson_id=UUID(int=98))
    assert links([first, second], records) == {
        (first.lesson_id, "u"): records[0].task_id,
        (second.lesson_id, "u"): records[1].task_id,
    }
