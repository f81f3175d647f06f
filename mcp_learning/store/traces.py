"""What executions left in the files and commands of a repository."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Recovered(NamedTuple):
    """A command that failed, the end of its error, and the command that then worked; maybe cut."""

    failed: str
    error: str
    worked: str


class Trace(NamedTuple):
    """What one execution left, out of `metadata.files` and `metadata.recovered`.

    Texts are cut; absent ones are empty. `success` is None if it hasn't ended.
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
