"""Failures: normalised error texts, what followed them, and similar successes."""

from datetime import timedelta
from typing import Any

from store.contract.helpers import EVER, MODEL, record, units
from store.rows import NOW, execution

from mcp_learning.models.results import Execution
from mcp_learning.store.protocol import Store
from mcp_learning.store.types import ErrorText, ErrorTexts


def at(seconds: float) -> dict[str, Any]:
    return {"recorded_at": NOW + timedelta(seconds=seconds)}


async def fail(store: Store, seconds: float, **values: Any) -> Execution:
    return await record(store, outcome="failure", **at(seconds), **values)


class FailureContract:
    async def test_failures_are_grouped_by_their_normalised_text(self, store: Store) -> None:
        first = await fail(store, 0, error_message="timed out after 30 s", error_type="Timeout")
        second = await fail(store, 5, error_message="timed out after 45 s", error_type="Timeout")
        typed = await fail(store, 1, error_type="Refused", task_description="else")
        await fail(store, 2, task_description="nothing said")
        await fail(store, 3, task_description="says little", outcome_confidence=0.3)
        fix = await record(store, solution_summary="wait longer", **at(9))
        await record(store, **at(7))  # without a solution it fixes nothing
        found = await store.error_texts(EVER, 2, examples=1, fixes=5)
        assert found.failures == 4
        assert found.commonest[0] == ErrorText(
            text="timed out after <n> s",
            error_type="Timeout",
            count=2,
            fixed=2,
            examples=((second.recorded_at, second.task_id),),
            fixes=((9.0, fix.task_id), (4.0, fix.task_id)),
        )
        assert {one.text for one in found.commonest[1:]} <= {"Refused", "no error recorded"}
        every = await store.error_texts(EVER, 9, examples=9, fixes=9)
        texts = {one.text: one for one in every.commonest}
        assert texts["Refused"].examples == ((typed.recorded_at, typed.task_id),)
        assert texts["no error recorded"].error_type is None
        assert {task_id for _, task_id in texts["timed out after <n> s"].examples} == {
            first.task_id,
            second.task_id,
        }

    async def test_without_failures_there_are_no_texts(self, store: Store) -> None:
        await record(store, error_message="it was mended")
        assert await store.error_texts(EVER, 9, examples=1, fixes=1) == ErrorTexts([], 0)

    async def test_the_most_similar_later_success_of_the_same_repo_and_type_is_told(
        self, store: Store
    ) -> None:
        solved = {"repo": "a", "solution_summary": "so"}
        near = 0.8 * units(0)[0] + 0.6 * units(1)[0]
        rows = [
            (execution(repo="a", outcome="failure", **at(10)), units(0)[0]),
            (execution(repo="b", outcome="failure", **at(10)), units(0)[0]),
            (execution(outcome="failure", **at(10)), units(0)[0]),
            (execution(**solved, **at(5)), units(0)[0]),  # came before
            (execution(**solved, **at(20)), units(1)[0]),  # is not alike
            (execution(**solved, task_type="test", **at(21)), units(0)[0]),
            (execution(repo="a", **at(22)), units(0)[0]),  # says nothing
            (execution(**solved, **at(23)), near),
            (execution(**solved, **at(24)), units(0)[0]),
        ]
        vectors = units(*range(len(rows)))
        for number, (_, vector) in enumerate(rows):
            vectors[number] = vector
        executions = [row for row, _ in rows]
        await store.insert_many(executions, vectors, MODEL)
        failures = [row.task_id for row in executions[:3]]
        best = await store.similar_successes(failures, nearest=9, least=0.5)
        assert best == {failures[0]: executions[8].task_id}
        next_two = await store.similar_successes(failures, nearest=2, least=0.5)
        assert next_two == {failures[0]: executions[7].task_id}
        assert await store.similar_successes(failures, nearest=2, least=0.9) == {}
        assert await store.similar_successes([], nearest=2, least=0.0) == {}

    async def test_traces_are_those_of_a_repository_under_any_spelling_the_latest_first(
        self, store: Store
    ) -> None:
        recovered = [{"failed": "npm test", "error": "no script", "worked": "npm run unit"}]
        old = await fail(
            store,
            0,
            repo="acme/shop",
            error_message="still loops",
            metadata={"files": [{"path": "a.py", "commit": None}, "b.py"]},
        )
        new = await record(
            store, repo="git@github.com:acme/shop.git", metadata={"recovered": recovered}, **at(1)
        )
        await record(store, repo="acme/shop", metadata={"source": "none of these"}, **at(2))
        await record(store, repo="acme/other", metadata={"recovered": recovered}, **at(3))
        first, second = await store.traces(["/nowhere", "acme/shop"], 9)
        assert (first.task_id, second.task_id) == (new.task_id, old.task_id)
        assert first.recovered == (("npm test", "no script", "npm run unit"),)
        assert (second.files, second.error, second.success) == (
            ("a.py", "b.py"),
            "still loops",
            False,
        )
        assert await store.traces(["acme/shop"], 1) == [first]
        assert await store.traces([], 9) == []

    async def test_sessions_of_executions_are_those_that_they_tell(self, store: Store) -> None:
        told = await record(store, session_id="one")
        older = await record(store, metadata={"session": "two"})
        neither = await record(store)
        ids = [told.task_id, older.task_id, neither.task_id]
        assert await store.sessions(ids) == {told.task_id: "one", older.task_id: "two"}
        assert await store.sessions([]) == {}
