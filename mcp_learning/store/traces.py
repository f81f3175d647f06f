"""What executions left in the files and commands of a repository."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Recovered(NamedTuple):
    """A command that failed, and the one that did the same and worked. Texts may be cut.

    Attributes:
        failed: The command.
        error: The end of what it told.
        worked: The command that then worked.
    """

    failed: str
    error: str
    worked: str


class Trace(NamedTuple):
    """What one execution left, out of `metadata.files` and `metadata.recovered`.

    Attributes:
        task_id: Of the execution.
        recorded_at: UTC.
        success: None: it hasn't ended.
        description: What was asked, cut.
        error: Its error message or type, cut; empty without one.
        solution: Its solution, cut; empty without one.
        files: Paths that it changed, as they were recorded.
        recovered: Commands that failed and worked in another form.
        session: In which it was recorded; empty if that is unknown.
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
