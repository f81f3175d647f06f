"""The protocol of maintenance for a store that is one file."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable
from uuid import UUID

from mcp_learning.models.maintenance import UnarchiveReport
from mcp_learning.store.types import Copied, Expired


@runtime_checkable
class FileMaintenance(Protocol):
    """Maintenance of a store that is one file."""

    @property
    def path(self) -> Path:
        """The file."""

    async def backup(self, target: Path) -> Copied:
        """Copies the whole store as of one moment, reads the copy back and compares."""

    async def compact(self) -> None:
        """Rewrites the file without the space of what was deleted."""

    async def checkpoint(self) -> None:
        """Merges the write-ahead log into the file."""

    async def verify(self) -> None:
        """Raises `StoreReplaced` if another file is at the path; so does every later call."""

    async def expired(self, before: datetime | None, max_bytes: int | None) -> Expired:
        """Executions recorded before a time, or the oldest ones beyond a size."""

    async def archive(self, task_ids: Sequence[UUID], target: Path | None) -> None:
        """Writes executions to a Parquet file, if one is named, and deletes them: both or none."""

    async def unarchive(self, source: Path) -> UnarchiveReport:
        """Brings back the executions of a Parquet archive that don't exist."""
