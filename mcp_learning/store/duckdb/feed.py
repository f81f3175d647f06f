"""What searches keep in memory of every execution: its columns as numpy arrays, and its words.

Read once at start-up and then by change number, so that a search asks the database for nothing but
the few executions that it shows.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcp_learning.store.duckdb.connection import Cursor

LABELS = ("repo", "task_type", "approach", "model_tier", "pool_type", "swarm_topology")
"""Columns that filters and recommendations compare; an absent value is the empty text, which none
has otherwise."""

_HASHED = "x.task_id, x.task_description, x.solution_summary, x.error_type, x.error_message"
_READ = f"""
SELECT ('0x' || x.id[:16])::UBIGINT AS high, ('0x' || x.id[17:])::UBIGINT AS low,
    x.sequence, x.task_key, epoch_us(x.timestamp) AS timestamp,
    CASE WHEN x.success THEN 0 WHEN NOT x.success THEN 1 ELSE 2 END::TINYINT AS outcome,
    {", ".join(f"coalesce(x.{name}, '') AS {name}" for name in LABELS)},
    x.solution_summary IS NOT NULL AS has_solution,
    hash({_HASHED}) AS stamp, md5_number_lower(x.task_description) AS described
FROM (SELECT *, replace(task_id::VARCHAR, '-', '') AS id FROM executions WHERE sequence > ?) x
ORDER BY x.sequence
"""


@dataclass(frozen=True)
class Columns:
    """n executions by ascending change number. All arrays have n elements.

    Attributes:
        high: uint64, the first half of the task_id.
        low: uint64, the second half.
        sequence: int64, number of the last change.
        stamp: uint64, a hash of the id and of every text that is searched by its words.
        task_key: int64, the same for all runs of a task.
        timestamp: int64, microseconds since 1970 in UTC.
        outcome: int8: 0 success, 1 failure, 2 pending.
        has_solution: bool.
        described: uint64, `text_hash` of the description.
        labels: str objects by column of `LABELS`.
    """

    high: NDArray[np.uint64]
    low: NDArray[np.uint64]
    sequence: NDArray[np.int64]
    stamp: NDArray[np.uint64]
    task_key: NDArray[np.int64]
    timestamp: NDArray[np.int64]
    outcome: NDArray[np.int8]
    has_solution: NDArray[np.bool_]
    described: NDArray[np.uint64]
    labels: dict[str, NDArray[np.object_]]

    def __len__(self) -> int:
        return len(self.sequence)

    def chosen(self, order: NDArray[np.int64]) -> "Columns":
        """The executions at these positions, in this order."""
        arrays = {name: value[order] for name, value in self.__dict__.items() if name != "labels"}
        return Columns(**arrays, labels={name: v[order] for name, v in self.labels.items()})


def text_hash(text: str) -> int:
    """The second half of the text's MD5 as a number, which the database computes too."""
    return int.from_bytes(hashlib.md5(text.encode(), usedforsecurity=False).digest()[8:], "little")


class Words(NamedTuple):
    """The texts of an execution that are searched by their words, as of its `stamp`."""

    stamp: int
    texts: tuple[str | None, ...]


def read(cursor: Cursor, after_sequence: int = 0) -> Columns:
    """Executions that changed after the change number `after_sequence`."""
    found = {
        name: np.ma.getdata(column)
        for name, column in cursor.execute(_READ, [after_sequence]).fetchnumpy().items()
    }
    labels = {name: found.pop(name) for name in LABELS}
    return Columns(**found, labels=labels)


def words(cursor: Cursor, sequences: Sequence[int]) -> list[Words]:
    """The texts of the executions whose last change is one of `sequences`, in any order.

    Those that were deleted or changed meanwhile are left out.
    """
    if not sequences:
        return []
    rows = cursor.execute(
        f"SELECT hash({_HASHED}), x.task_description, x.solution_summary, x.error_type, "
        "x.error_message FROM executions x WHERE x.sequence BETWEEN ? AND ? "
        "AND x.sequence IN (SELECT unnest(string_split(?, ',')::BIGINT[]))",
        [min(sequences), max(sequences), ",".join(map(str, sequences))],
    ).fetchall()
    return [Words(row[0], tuple(row[1:])) for row in rows]


def sequences(cursor: Cursor) -> NDArray[np.int64]:
    """(n,) the numbers of the last changes of all executions, in any order."""
    found: NDArray[np.int64] = cursor.execute("SELECT sequence FROM executions").fetchnumpy()[
        "sequence"
    ]
    return found
