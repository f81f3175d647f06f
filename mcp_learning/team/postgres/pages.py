"""Rows read from a team's store, and their conversion to this package's values."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from mcp_learning.store.shared import SharedVector, TeamExecution, TeamFeedback, TeamLesson, TeamUse


class RemoteVector(NamedTuple):
    """A vector as the team's store has it: float32, little-endian."""

    task_id: UUID
    part: int
    described: int
    vector: bytes


@dataclass(frozen=True)
class RemotePage:
    """The team's changes up to the number `change`, with vectors.

    Attributes:
        left_out: Changed executions outside of the host's part, by id alone.
    """

    executions: Sequence[TeamExecution]
    feedback: Sequence[TeamFeedback]
    uses: Sequence[TeamUse]
    lessons: Sequence[TeamLesson]
    vectors: Sequence[RemoteVector]
    change: int
    left_out: Sequence[UUID] = ()


class Lacks(NamedTuple):
    """What a server lost in a failover; the arguments of `SharedStore.send_again`.

    Attributes:
        there: Change numbers of the executions and lessons that it has.
        common: The last change number that it shares with the earlier server; None: unknown.
    """

    there: Mapping[UUID, int]
    common: int | None


class Read(NamedTuple):
    """Rows as queries return them.

    Attributes:
        executions: (change, task_id, author, updated_at, doc).
        feedback: (change, feedback_id, task_id, doc).
        uses: (change, task_id, used, at).
        lessons: (lesson_id, doc, evidence).
        vectors: (change, task_id, part, described, vector).
        change: The team's change number up to which these are all that were asked for.
        left_out: As in `RemotePage`.
    """

    executions: Sequence[Any]
    feedback: Sequence[Any]
    uses: Sequence[Any]
    lessons: Sequence[Any]
    vectors: Sequence[Any]
    change: int
    left_out: Sequence[UUID] = ()


def page_of(read: Read) -> RemotePage:
    """Converts rows to values; blocks for milliseconds."""
    return RemotePage(
        [
            TeamExecution(task_id, author, moment, None if doc is None else json.loads(doc))
            for _, task_id, author, moment, doc in read.executions
        ],
        [TeamFeedback(one, task_id, json.loads(doc)) for _, one, task_id, doc in read.feedback],
        [TeamUse(task_id, used, moment) for _, task_id, used, moment in read.uses],
        [
            TeamLesson(one, None if doc is None else json.loads(doc))
            for one, doc, *_ in read.lessons
        ],
        [RemoteVector(*row[1:]) for row in read.vectors],
        read.change,
        read.left_out,
    )


def vectors_of(page: RemotePage) -> list[SharedVector]:
    """The vectors of a page, as arrays."""
    import numpy as np

    return [
        SharedVector(one.task_id, one.part, one.described % 2**64, np.frombuffer(one.vector, "<f4"))
        for one in page.vectors
    ]
