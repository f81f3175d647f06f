"""Traces of executions: the files that they changed, and commands that failed and then worked."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Recovered(NamedTuple):
    """A command that failed, the end of its error, and the one that worked; maybe truncated."""

    failed: str
    error: str
    worked: str


class Trace(NamedTuple):
    """The traces of one execution, from `metadata.files` and `metadata.recovered`.

    Texts are truncated; absent ones are empty. `success` is None if it hasn't ended.
    """

    task_id: UUID
    recorded_at: datetime
    success: bool | None
    description: str
    error: str
    solution: str
    files: tuple[str, ...]
    recovered: tuple[Recovered, ...]
    session: str = ""
