"""Every error that this package raises on purpose.

    LearningError                  an expected failure; the message says what to do
    ├── InvalidInput               an argument can't be accepted; names the field
    ├── NotFound                   no execution has this task_id
    ├── ConfigurationError         a setting is wrong; names it
    ├── StoreError                 the database can't be used; names the file
    │   ├── StoreLocked            another process has it open and doesn't answer
    │   ├── LeaderIncompatible     the process that has it open uses another protocol version
    │   ├── StoreDamaged           the file is not a DuckDB database, or is cut short
    │   ├── StoreTooNew            written by a newer version of this package
    │   ├── StoreReplaced          its file was moved, removed or replaced while open
    │   └── StoreFull              no room left on the disk
    ├── TeamError                  the team's store can't be used as configured; says why
    │   ├── TeamUnreachable        its server doesn't answer; local work goes on
    │   ├── TeamRefused            the team's store refuses what this host would write
    │   └── NotShared              stored locally, but not in the team's store yet
    ├── EmbedderUnavailable        the embedding model can't be loaded
    └── IndexUnavailable           the HNSW index can't be built or read; exact search goes on

Messages are written for the agent or person who can act on them: one line, no SQL, no traceback.
An error that is raised because of another exception has that as its cause, for the log.
"""


class LearningError(Exception):
    """Base of all expected failures. `str(error)` may be shown to an agent."""


class InvalidInput(LearningError):
    """Raised when an argument can't be accepted.

    Args:
        field: Dotted name of the argument, e.g. `details.quality_score`.
        problem: What is wrong and how to fix it, in a few words.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field

    @property
    def problem(self) -> str:
        """The message without the field."""
        return str(self).removeprefix(f"{self.field}: ")


class NotFound(LearningError):
    """Raised when no execution has the given task_id."""

    def __init__(self, task_id: object) -> None:
        super().__init__(
            f"task_id: no execution {task_id} here; find_similar_tasks returns the ids that exist"
        )


class ConfigurationError(LearningError):
    """Raised when a setting can't be accepted; names it and the accepted values."""


class StoreError(LearningError):
    """Raised when the database can't be opened, read or written."""


class StoreLocked(StoreError):
    """Raised when another process has the database open and doesn't answer."""


class LeaderIncompatible(StoreError):
    """Raised when the process that has the database open uses another protocol version."""


class StoreDamaged(StoreError):
    """Raised when the database file is not a DuckDB database, is cut short, or can't be read."""


class StoreTooNew(StoreError):
    """Raised when the database was written by a newer version of this package."""


class StoreReplaced(StoreError):
    """Raised when the database was moved, removed or replaced while it was open."""


class StoreFull(StoreError):
    """Raised when the disk has no room for a write, which was undone."""


class TeamError(LearningError):
    """Raised when the team's store can't be used as configured. Never shows its address."""


class TeamUnreachable(TeamError):
    """Raised when the team's server doesn't answer or shuts down. Local work goes on."""


class TeamRefused(TeamError):
    """Raised when the team's store refuses what this host would write to it."""


class MayNotWrite(TeamError):
    """Raised when this host may only read the team's store; its own changes stay queued."""


class NotShared(TeamError):
    """Raised when what was stored locally has not reached the team in time; it will later."""


class EmbedderUnavailable(LearningError):
    """Raised when the embedding model can't be loaded; names the model and the setting."""


class IndexUnavailable(LearningError):
    """Raised when the HNSW index can't be built or read. Exact search is never affected."""
