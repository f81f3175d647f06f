"""Lessons: their states, evidence, histories and showings, and what forgetting does to them."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from store.contract.helpers import changed, record
from store.rows import NOW

from mcp_learning.models.lessons import Lesson, LessonChange
from mcp_learning.store.lesson_protocol import Revision, Showing
from mcp_learning.store.protocol import Store
from mcp_learning.store.types import Outcomes, Selection

LATER_BY = timedelta(hours=1)
LATER = NOW + LATER_BY


def lesson(*evidence: UUID, **values: Any) -> Lesson:
    """A valid lesson; give what matters."""
    times = dict.fromkeys(("created_at", "updated_at", "worded_at"), NOW)
    defaults = {"lesson_id": uuid4(), "kind": "told", "origin": "agent", "status": "trial"}
    defaults |= {"when": "the login fails", "do": "clear the cookie", "evidence": list(evidence)}
    return Lesson.model_validate({**times, **defaults, **values})


async def put(store: Store, *lessons: Lesson, change: str = "saved") -> None:
    """Stores these states."""
    line = LessonChange(changed_at=NOW, change=change, by="agent")
    await store.revise_lessons(lambda _: [Revision(one, (line,)) for one in lessons])


def showing(of: Lesson, unit: str, **values: Any) -> Showing:
    """A showing to a task of this name."""
    needed: dict[str, Any] = {"lesson_id": of.lesson_id, "unit": unit, "shown": True}
    return Showing(**(needed | {"shown_at": NOW, "task_key": 1} | values))


class LessonContract:
    async def test_a_lesson_is_read_as_it_was_stored(self, store: Store) -> None:
        a, b = await record(store), await record(store)
        ids = sorted([a.task_id, b.task_id])
        one = lesson(*ids, key="approach:x", gain=0.25, gain_low=0.1, gain_high=0.4, pinned=True)
        two = lesson(a.task_id, do=None, avoid="guessing", repo="acme/shop", task_type="bug_fix")
        await put(store, one, two)
        assert await store.lessons() == sorted([one, two], key=lambda x: x.lesson_id)

    async def test_their_revision_changes_with_them_and_their_evidence_alone(
        self, store: Store
    ) -> None:
        a, b = await record(store), await record(store)
        await put(store, lesson(a.task_id, b.task_id))
        before = store.lesson_revision
        await store.upsert(a.task_id, changed(outcome="failure"))
        await record(store)
        assert store.lesson_revision == before
        await store.delete(Selection(task_ids=[a.task_id]))
        without = store.lesson_revision
        assert without != before
        await put(store, lesson(b.task_id))
        assert store.lesson_revision not in (before, without)

    async def test_a_new_state_replaces_the_old_one_and_history_grows(self, store: Store) -> None:
        a = await record(store)
        one = lesson(a.task_id)
        await put(store, one)
        await put(store, one.model_copy(update={"status": "kept"}), change="kept")
        (read,) = await store.lessons()
        assert read.status == "kept"
        await put(store, lesson(a.task_id, status="candidate"))
        assert await store.lessons(in_use=True) == [read]
        lines = (await store.lesson_history())[one.lesson_id]
        assert [line.change for line in lines] == ["saved", "kept"]

    async def test_what_a_decision_raises_changes_nothing(self, store: Store) -> None:
        a = await record(store)
        await put(store, lesson(a.task_id))
        before = await store.lessons()

        def refuse(_: object) -> list[Revision]:
            raise LookupError

        with pytest.raises(LookupError):
            await store.revise_lessons(refuse)
        assert await store.lessons() == before

    async def test_a_lesson_without_evidence_that_exists_is_not_stored(self, store: Store) -> None:
        a = await record(store)
        mixed = lesson(a.task_id, uuid4())
        await put(store, mixed, lesson(uuid4()))
        (read,) = await store.lessons()
        assert read.evidence == [a.task_id]

    async def test_forgetting_evidence_forgets_what_may_quote_it(self, store: Store) -> None:
        a, b = await record(store), await record(store)
        told = lesson(a.task_id, b.task_id)
        counted = lesson(a.task_id, b.task_id, kind="approach", origin="evidence")
        await put(store, told, counted)
        await store.delete(Selection(task_ids=[a.task_id]))
        (left,) = await store.lessons()
        assert left.lesson_id == counted.lesson_id
        assert left.evidence == [b.task_id]
        assert told.lesson_id not in await store.lesson_history()
        await store.delete(Selection(task_ids=[b.task_id]))
        assert await store.lessons() == []

    async def test_a_showing_is_noted_once_for_a_task(self, store: Store) -> None:
        a = await record(store)
        one = lesson(a.task_id)
        await put(store, one)
        first = showing(one, "t", question="the login", repo="acme/shop", session_id="s")
        await store.add_showings([first, showing(one, "t", shown=False)])
        await store.add_showings([showing(one, "t", shown=False), showing(lesson(), "u")])
        assert await store.open_showings(NOW) == [first]
        assert await store.open_showings(LATER) == []

    async def test_outcomes_count_for_shown_and_withheld_tasks(self, store: Store) -> None:
        ended = [
            await record(store, outcome=o, outcome_confidence=1.0)
            for o in ("success", "failure", "success")
        ]
        pending = await record(store, outcome="pending")
        one = lesson(ended[0].task_id)
        await put(store, one)
        units = [showing(one, str(n), shown=n != 1) for n in range(5)]
        await store.add_showings(units)
        became = [*ended, pending]
        links = {(one.lesson_id, str(n)): done.task_id for n, done in enumerate(became)}
        await store.link_showings(links, NOW)
        tally = (await store.lesson_tallies())[one.lesson_id]
        assert tally == (Outcomes(2, 0), Outcomes(0, 1), 2)
        latest = await store.lesson_showings(one.lesson_id, 10)
        assert {show.task_id for show in latest} == {None, *(done.task_id for done in became)}
        await store.link_showings({}, LATER)
        assert len(await store.lesson_showings(one.lesson_id, 10)) == 4

    async def test_of_showings_before_one_execution_the_first_counts(self, store: Store) -> None:
        done = await record(store, outcome_confidence=1.0)
        one = lesson(done.task_id)
        await put(store, one)
        earlier = showing(one, "a", shown=False)
        await store.add_showings([earlier, showing(one, "b", shown_at=LATER)])
        links = {(one.lesson_id, unit): done.task_id for unit in "ab"}
        await store.link_showings(links, NOW)
        tally = (await store.lesson_tallies())[one.lesson_id]
        assert tally == (Outcomes(0, 0), Outcomes(1, 0), 0)

    async def test_an_effect_counts_from_the_present_words_on(self, store: Store) -> None:
        done = await record(store, outcome_confidence=1.0)
        one = lesson(done.task_id)
        await put(store, one)
        await store.add_showings([showing(one, "a")])
        await store.link_showings({(one.lesson_id, "a"): done.task_id}, NOW)
        await put(store, one.model_copy(update={"do": "log out", "worded_at": LATER}))
        assert await store.lesson_tallies() == {}

    async def test_experience_is_what_ended_oldest_first(self, store: Store) -> None:
        sure: dict[str, Any] = {"outcome_confidence": 0.9}
        second = await record(
            store, recorded_at=LATER, outcome="failure", error_message="E 7", **sure
        )
        first = await record(
            store, repo="acme/shop", metadata={"files": ["a.py", {"path": "b"}]}, **sure
        )
        await record(store, outcome="failure", outcome_confidence=0.3)
        await record(store, outcome="pending")
        found = await store.experience(10)
        assert [one.task_id for one in found] == [first.task_id, second.task_id]
        assert found[0].files == ("a.py", "b")
        assert (found[0].repo, found[0].success, found[1].success) == ("acme/shop", True, False)
        assert found[1].error_text
        told = {"recovered": [{"failed": "npm ci", "error": "no", "worked": "pnpm i"}, "other"]}
        await record(store, recorded_at=NOW - LATER_BY, outcome="pending", metadata=told)
        assert (await store.experience(10))[0].recovered == (("npm ci", "pnpm i"),)
        assert [one.task_id for one in await store.experience(1)] == [second.task_id]
        await store.upsert(first.task_id, changed(outcome="pending"))
        assert len(await store.experience(10)) == 2

    async def test_experience_has_one_spelling_of_an_approach(self, store: Store) -> None:
        for approach in ("lock-order", "Lock order", "Lock order", None):
            await record(store, approach=approach, outcome_confidence=1.0)
        found = [one.approach for one in await store.experience(10)]
        assert sorted(found) == ["", "Lock order", "Lock order", "Lock order"]
