"""Imported and exported executions, which keep their ids and times.

An exported execution, and one that is read from a table, has the fields of `results.Execution`,
with its feedback and uses.
"""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from mcp_learning.models.fields import Model, Request, StoredMetadata
from mcp_learning.models.requests import Details, IssueType, Moment, RecordExecution

LARGEST_BATCH = 1_000  # executions that are imported at a time
LARGEST_PAGE = 500  # executions that are exported at a time


class PastDetails(Details):
    """Further values of an imported execution, with its stored metadata."""

    metadata: StoredMetadata | None = None


class PastValues(RecordExecution):
    """Values of an imported execution, without task_id and used_task_ids."""

    details: PastDetails = Field(default_factory=PastDetails)


class PastFeedback(Request):
    """Imported feedback."""

    feedback_id: UUID
    submitted_at: Moment
    rating: Annotated[int | None, Field(ge=1, le=5)] = None
    accepted: bool | None = None
    helpful: bool | None = None
    issue_type: IssueType | None = None
    comment: Annotated[str, Field(max_length=2_000)] | None = None


class PastUse(Request):
    """An earlier execution that was used, and when this use was recorded."""

    task_id: UUID
    recorded_at: Moment


class PastExecution(Request):
    """An execution to import.

    Attributes:
        task_id: The same whenever the source is read, so that repeated imports are recognised.
        execution: Its values.
        updated_at: When it last changed, if the source says so. It replaces a stored execution only
            if it changed later. Feedback and uses are always added.
        repo_known_as: Directories and addresses of the repository, to compare with the excluded
            ones; not stored.
    """

    task_id: UUID
    execution: PastValues
    recorded_at: Moment
    updated_at: Moment | None = None
    feedback: list[PastFeedback] = []
    uses: list[PastUse] = []
    repo_known_as: list[str] = []

    def is_newer(self, than: datetime) -> bool:
        """Whether it changed after this time, according to the source."""
        return self.updated_at is not None and self.updated_at > than


class ImportBatch(Request):
    """Arguments of `import_batch`: all records are stored, or none."""

    records: Annotated[list[PastExecution], Field(max_length=LARGEST_BATCH)]
    dry_run: bool = False


class Imported(Model):
    """Answer of `import_batch`: counts; with dry_run what would be done. Durable on return."""

    created: int = 0
    updated: int = 0
    unchanged: Annotated[int, Field(description="There already, and not older")] = 0
    redactions: Annotated[int, Field(description="Secrets removed before storing")] = 0
    excluded: Annotated[int, Field(description="Of excluded repositories; not stored")] = 0


class ExportPage(Request):
    """Arguments of `export_page`."""

    after: Annotated[int, Field(ge=0, description="`last` of the page before")] = 0
    limit: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = 250


class Exported(Model):
    """Answer of `export_page`: executions in the order of their last change.

    `rows` have the fields of `results.Execution` that have a value, as JSON, with lists `feedback`
    and `uses` where there are any; `last` is `after` for the next page.
    """

    rows: list[dict[str, Any]]
    last: int
    total: int
