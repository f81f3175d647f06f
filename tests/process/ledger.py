"""What a database may hold after what several processes asked of it at the same time.

The ledger is kept by who asks, outside of the data directory. A write that was acknowledged has
happened; one that was never answered has happened or not; writes that overlapped happened in either
order. A restore is a write of every row: it gives each the state that the backup has.
"""

import itertools
import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple


class Stored(NamedTuple):
    """What is compared of an execution; `feedback` is how many there are."""

    description: str
    outcome: str
    solution: str | None = None
    feedback: int = 0


State = Stored | None
"""Of an execution; None: there is none of that id."""

States = frozenset[State]

ABSENT: States = frozenset({None})

Change = Callable[[State], States]
"""What a write may make of a state."""


@dataclass(eq=False)
class Write:
    """A write that was begun.

    Attributes:
        changes: What it does, by task id.
        began: When, by the ledger's clock.
        ended: When it was answered, or can no longer happen.
        acknowledged: Whether it has happened for certain.
    """

    changes: Mapping[str, Change]
    began: int
    ended: float = math.inf
    acknowledged: bool = False


@dataclass
class Row:
    """An execution: its states before any of the writes, which have begun since."""

    base: States = ABSENT
    writes: list[Write] = field(default_factory=list)


class Ledger:
    """Every execution that was ever written, and the states in which each may be."""

    def __init__(self) -> None:
        self.acknowledged = 0
        """Writes that were acknowledged."""
        self.in_doubt = 0
        """Writes that were not answered."""
        self.settled = 0
        """Rows that were compared with the stored ones, over all comparisons."""
        self.changed = threading.Condition(threading.RLock())
        self._rows: dict[str, Row] = {}
        self._watches: list[dict[str, States]] = []
        self._clock = itertools.count()

    def ids(self) -> list[str]:
        """All task ids."""
        with self.changed:
            return list(self._rows)

    def possible(self, task_id: str) -> States:
        """The states in which an execution may be now."""
        with self.changed:
            row = self._rows.get(task_id, Row())
            return _outcomes(task_id, row.base, tuple(row.writes))

    def all_possible(self) -> dict[str, States]:
        """The states in which each execution may be now."""
        with self.changed:
            return {task_id: self.possible(task_id) for task_id in self._rows}

    def open_writes(self, task_id: str) -> int:
        """How many writes to an execution have not ended for certain."""
        with self.changed:
            return len(self._rows[task_id].writes)

    def begin(self, changes: Mapping[str, Change]) -> Write:
        """Notes that a write is about to be asked for."""
        with self.changed:
            write = Write(changes, next(self._clock))
            for task_id in changes:
                self._rows.setdefault(task_id, Row()).writes.append(write)
            self._note(changes)
            return write

    def acknowledge(self, write: Write) -> None:
        """Notes that a write was answered: it has happened."""
        with self.changed:
            write.ended, write.acknowledged = next(self._clock), True
            self.acknowledged += 1
            self._end(write)

    def refuse(self, write: Write) -> None:
        """Notes that a write certainly has not happened, and never will."""
        with self.changed:
            for task_id in write.changes:
                self._rows[task_id].writes.remove(write)
            self._end(write)

    def leave_open(self, write: Write, *, late: bool = True) -> None:
        """Notes that a write was not answered, and whether it may still happen later."""
        with self.changed:
            self.in_doubt += 1
            if not late:
                write.ended = next(self._clock)
            self._end(write)

    @contextmanager
    def watch(self, task_ids: Iterable[str] | None = None) -> Iterator[dict[str, States]]:
        """Yields a dictionary that gets every state in which executions may be meanwhile."""
        with self.changed:
            watched = self._rows if task_ids is None else task_ids
            seen = {one: self.possible(one) for one in watched}
            self._watches.append(seen)
        try:
            yield seen
        finally:
            with self.changed:
                self._watches = [one for one in self._watches if one is not seen]

    def settle(self, stored: Mapping[str, Stored]) -> None:
        """Compares what is stored, while nothing is in flight, and takes it for true."""
        with self.changed:
            self.check(stored, self.all_possible())
            for task_id, row in self._rows.items():
                row.base, row.writes = frozenset({stored.get(task_id)}), []
            self.settled += len(self._rows)

    def check(self, stored: Mapping[str, Stored], possible: Mapping[str, States]) -> None:
        """Every stored state is possible, and whatever certainly exists is stored."""
        wrong = [f"{one}: never written: {stored[one]}" for one in stored.keys() - possible.keys()]
        for task_id, states in possible.items():
            if (there := stored.get(task_id)) not in states:
                wrong.append(f"{task_id}: stored is {there}, possible is {set(states)}")
        assert not wrong, f"{len(wrong)} of {len(possible)} rows differ:\n" + "\n".join(wrong[:20])

    def _end(self, write: Write) -> None:
        for task_id in write.changes:
            row = self._rows[task_id]
            if all(one.ended < math.inf for one in row.writes):
                row.base, row.writes = _outcomes(task_id, row.base, tuple(row.writes)), []
        self._note(write.changes)
        self.changed.notify_all()

    def _note(self, task_ids: Iterable[str]) -> None:
        for seen in self._watches:
            for task_id in task_ids:
                seen[task_id] = seen.get(task_id, ABSENT) | self.possible(task_id)


def _outcomes(task_id: str, base: States, writes: tuple[Write, ...]) -> States:
    """The states after all acknowledged writes and any of the others, in every order.

    A write that had ended before another began comes before it.
    """
    found: set[State] = set()

    def go_on(states: States, left: tuple[Write, ...]) -> None:
        if not any(one.acknowledged for one in left):
            found.update(states)
        for write in left:
            passed = [one for one in left if one.ended < write.began]
            if not any(one.acknowledged for one in passed):
                rest = tuple(one for one in left if one is not write and one not in passed)
                go_on(frozenset().union(*map(write.changes[task_id], states)), rest)

    go_on(base, writes)
    return frozenset(found)
