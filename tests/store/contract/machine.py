"""Any sequence of writes against a plain model of what a store holds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import numpy as np
from anyio.from_thread import BlockingPortal
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from store.contract.helpers import MODEL, deleted_in, ids_in, units
from store.rows import NOW, OUTCOMES, execution

from mcp_learning.models.identifiers import description_hash
from mcp_learning.models.requests import Outcome
from mcp_learning.models.results import Execution
from mcp_learning.store.protocol import Store
from mcp_learning.store.types import Mark, Selection, Unembedded

IDS = tuple(uuid4() for _ in range(4))
DESCRIPTIONS = ("mend the login", "speed up the export", 'it\'s, "quoted"; --', "naïve 🦆")

ENOUGH_WRITES = 5
"""After which the store may be closed and opened again."""

_ids = st.sampled_from(IDS)


@dataclass
class Kept:
    """An execution in the model, the number of its last change, and the version of its vector."""

    execution: Execution
    change: int
    version: int | None = None


class StoreMachine(RuleBasedStateMachine):
    """Writes to a store and to a model, and follows the store as an index does.

    Args:
        portal: Of the event loop on which the store is called.
        open_store: Opens the store, once more after it was closed.
    """

    def __init__(self, portal: BlockingPortal, open_store: Callable[[], Store]) -> None:
        super().__init__()
        self._portal = portal
        self._open = open_store
        self._store = open_store()
        self._call(self._store.delete, Selection())
        self._model: dict[UUID, Kept] = {}
        self._uses: set[tuple[UUID, UUID]] = set()
        self._changes = self._last_version = 0
        self._writes = 0  # since it was opened, and since it was followed
        self._unfollowed = True
        self._taken: list[tuple[Unembedded, int]] = []
        self._mark: Mark | None = None
        self._followed: dict[UUID, tuple[Any, ...]] = {}

    def _call(self, method: Callable[..., Any], *arguments: Any) -> Any:
        return self._portal.call(method, *arguments)

    @rule(
        task_id=_ids,
        description=st.sampled_from(DESCRIPTIONS),
        outcome=st.sampled_from(OUTCOMES),
        repo=st.sampled_from([None, "a", "b"]),
        used=st.lists(_ids, max_size=2),
    )
    def upsert(
        self,
        task_id: UUID,
        description: str,
        outcome: Outcome,
        repo: str | None,
        used: Sequence[UUID],
    ) -> None:
        values = {"task_description": description, "outcome": outcome, "repo": repo}

        def merge(stored: Execution | None) -> Execution:
            assert stored == (old.execution if old else None)
            return stored.model_copy(update=dict(new)) if stored else new

        old = self._model.get(task_id)
        new = (
            old.execution.model_copy(update=values) if old else execution(**values, task_id=task_id)
        )
        missing = [one for one in used if one not in self._model]
        before = self._store.revision
        done = self._call(self._store.upsert, task_id, merge, used, NOW)
        assert done == (old is None and not missing, missing)
        uses = {(task_id, one) for one in used} if not missing else set()
        changed = not missing and (old is None or old.execution != new)
        assert (self._store.revision != before) == (changed or bool(uses - self._uses))
        self._uses |= uses
        self._wrote()
        if changed:
            self._changes += 1
            same = old is not None and old.execution.task_description == description
            version = old.version if old is not None and same else None
            self._model[task_id] = Kept(new, self._changes, version)

    @initialize(described=st.lists(st.sampled_from(DESCRIPTIONS), min_size=2, max_size=4))
    def fill(self, described: list[str]) -> None:
        for task_id, description in zip(IDS, described, strict=False):
            self.upsert(task_id, description, "success", None, [])
        self.follow()
        self.take_from_the_queue(2)
        self.put_what_was_taken()

    def _wrote(self) -> None:
        self._writes += 1
        self._unfollowed = True

    @precondition(lambda self: self._model)
    @rule(task_ids=st.lists(_ids, min_size=1, max_size=2))
    def delete(self, task_ids: list[UUID]) -> None:
        deletion = self._call(self._store.delete, Selection(task_ids=task_ids))
        distinct = list(dict.fromkeys(task_ids))
        assert deletion.task_ids == [one for one in distinct if one in self._model]
        assert deletion.missing == [one for one in distinct if one not in self._model]
        for one in deletion.task_ids:
            del self._model[one]
        self._wrote()
        self._uses = {pair for pair in self._uses if not set(pair) & set(deletion.task_ids)}

    @rule(limit=st.integers(1, 4))
    def take_from_the_queue(self, limit: int) -> None:
        rows = self._call(self._store.unembedded, limit)
        waiting = sorted(
            (one for one in self._model.values() if one.version is None), key=lambda o: o.change
        )
        wanted = waiting[:limit]
        assert [row.task_id for row in rows] == [one.execution.task_id for one in wanted]
        self._taken = [(row, one.change) for row, one in zip(rows, wanted, strict=True)]

    @precondition(lambda self: self._taken)
    @rule()
    def put_what_was_taken(self) -> None:
        rows = [row for row, _ in self._taken]
        vectors = units(*(DESCRIPTIONS.index(row.task_description) for row in rows))
        versions = self._call(self._store.put_vectors, rows, vectors, MODEL)
        unchanged = [
            row.task_id
            for row, change in self._taken
            if (kept := self._model.get(row.task_id)) is not None
            and kept.change == change
            and kept.version is None
        ]
        assert list(versions) == unchanged
        self._wrote()
        for task_id, version in versions.items():
            assert version > self._last_version
            self._model[task_id].version = self._last_version = version

    @precondition(lambda self: self._unfollowed)
    @rule()
    def follow(self) -> None:
        changes = self._call(self._store.changes, self._mark)
        if changes.complete:
            self._followed.clear()
        for one in deleted_in(changes):
            self._followed.pop(one, None)
        columns = changes.rows
        for row, task_id in enumerate(ids_in(changes)):
            self._followed[task_id] = (
                int(columns.description_hash[row]),
                int(columns.outcome[row]),
                columns.labels["repo"][row],
            )
        self._mark, self._unfollowed = changes.next, False
        assert self._followed == {
            task_id: (
                description_hash(kept.execution.task_description),
                ("success", "failure", "pending").index(kept.execution.outcome),
                kept.execution.repo or "",
            )
            for task_id, kept in self._model.items()
        }

    @precondition(lambda self: self._writes >= ENOUGH_WRITES)
    @rule()
    def open_again(self) -> None:
        self._call(self._store.close)
        self._store = self._open()
        self._writes, self._unfollowed = 0, True

    @rule(task_id=_ids)
    def get(self, task_id: UUID) -> None:
        found = self._call(self._store.get, task_id)
        kept = self._model.get(task_id)
        assert (found and found.execution) == (kept and kept.execution)
        if found is not None:
            assert set(found.used_task_ids) == {b for a, b in self._uses if a == task_id}
            assert {one.task_id for one in found.used_by} == {
                a for a, b in self._uses if b == task_id
            }

    @invariant()
    def the_vectors_are_those_that_were_stored(self) -> None:
        found: dict[int, int] = {}

        def take(_: object, versions: Any, vectors: Any, _passages: object) -> None:
            found.update(zip(versions.tolist(), np.argmax(vectors, axis=1).tolist(), strict=True))

        self._call(self._store.vectors, take)
        assert found == {
            kept.version: DESCRIPTIONS.index(kept.execution.task_description)
            for kept in self._model.values()
            if kept.version is not None
        }

    def teardown(self) -> None:
        self.follow()
        self._call(self._store.close)
