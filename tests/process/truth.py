"""What a database must hold after what was asked of it, acknowledged or not."""

from collections.abc import Iterable
from typing import Any

from process.life import Answer, Call, State

_MADE_BY_THE_SERVER = (
    "task_id",
    "recorded_at",
    "updated_at",
    "outcome_basis",
    "outcome_confidence",
)


class Truth:
    """For each task id the states in which it may be: one, unless a write is in flight.

    A write that was sent may or may not have happened until it is acknowledged; after a crash,
    looking at what is stored tells, and from then on that is the only state.
    """

    def __init__(self) -> None:
        self.possible: dict[str, list[State]] = {}
        self.acknowledged = 0
        """Writes that were acknowledged."""

    def send(self, call: Call) -> None:
        """Notes that a call is on its way."""
        for task_id, state in call.changes.items():
            self.possible.setdefault(task_id, [None]).append(state)

    def settle(self, call: Call) -> None:
        """Notes that a call was acknowledged."""
        for task_id, state in call.changes.items():
            self.possible[task_id] = [state]
        self.acknowledged += bool(call.changes)

    def refuse(self, call: Call) -> None:
        """Notes that a call failed, and so changed nothing."""
        for task_id in call.changes:
            self.possible[task_id].pop()

    def observe(self, task_id: str, stored: State) -> None:
        """Compares what is stored with what is possible, and takes it for true."""
        possible = self.possible[task_id]
        matching = [state for state in possible if self._matches(stored, state)]
        assert matching, f"{task_id}: stored is {stored}, possible is {possible}"
        self.possible[task_id] = [matching[-1]]

    def state(self, task_id: str) -> State:
        """The state of a settled task id."""
        (state,) = self.possible[task_id]
        return state

    @property
    def alive(self) -> list[str]:
        """Executions that exist for certain, with no write in flight."""
        return [t for t, states in self.possible.items() if len(states) == 1 and states[0]]

    @property
    def gone(self) -> frozenset[str]:
        """Task ids that certainly don't exist."""
        return frozenset(t for t, states in self.possible.items() if states == [None])

    @property
    def in_doubt(self) -> list[str]:
        """Task ids with a write in flight."""
        return [t for t, states in self.possible.items() if len(states) > 1]

    def _matches(self, stored: State, state: State) -> bool:
        if stored is None or state is None:
            return stored is state
        used, expected = set(stored["used"]), set(state["used"])
        lost = expected - used  # only where the execution that was used is gone itself
        return (
            {**stored, "used": None} == {**state, "used": None}
            and used <= expected
            and all(None in self.possible[task_id] for task_id in lost)
            and not any(self.possible[task_id] == [None] for task_id in used)
        )


def stored_state(detail: dict[str, Any]) -> State:
    """The state that the structured content of get_execution tells."""
    fields = {k: v for k, v in detail["execution"].items() if k not in _MADE_BY_THE_SERVER}
    return {**fields, "feedback": len(detail["feedback"]), "used": detail["used_task_ids"]}


def looked_up(answer: Answer) -> State:
    """The state that an answer of get_execution tells, None where it knows of no such id."""
    if answer.failed:
        assert "no execution" in answer.text, answer.text
        return None
    return stored_state(answer.content)


def look_ups(task_ids: Iterable[str]) -> list[Call]:
    """One get_execution for each task id."""
    return [Call("get_execution", {"task_id": task_id}) for task_id in task_ids]
