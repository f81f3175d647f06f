"""Restoring a backup and recovering a damaged database; both need exclusive access to the file.

Both write the new file next to the old one, delete the derived indexes, which have change numbers
of the old file, and then rename. The replaced file is kept.
"""

import logging
import shutil
from pathlib import Path

from mcp_learning.errors import InvalidInput, StoreDamaged, StoreError
from mcp_learning.models.identifiers import file_timestamp
from mcp_learning.models.maintenance import RecoveryReport, RestoreReport
from mcp_learning.models.wording import counted
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb import backups, copies
from mcp_learning.store.duckdb.files import (
    discard,
    finish_replacement,
    make_private,
    replacement_marker,
    staging_of,
)
from mcp_learning.store.duckdb.salvage import salvage

logger = logging.getLogger(__name__)


def restore(settings: Settings, source: Path, *, force: bool) -> RestoreReport:
    """Replaces the database by a copy of a backup.

    With `force`, replaces also one that holds executions or can't be read.

    Raises:
        InvalidInput: There is such a database, and `force` is not set.
        StoreError: The backup can't be used, or the database is in use.
    """
    path = settings.database_path
    finish_replacement(path)
    if path.exists() and source.exists() and source.samefile(path):
        raise InvalidInput("FILE", f"{source} is the database itself; name a backup")
    make_private(settings.data_dir)
    backups.refuse_in_use(path)
    held = backups.verified_contents(source)
    if not force and (there := describe_contents(path)):
        raise InvalidInput(
            "force", f"{path} {there}; with --force it is replaced, and the old file kept"
        )
    backups.stage(source, staging_of(path), held)
    kept = _swap(settings, "replaced")
    return RestoreReport(path=str(path), restored_from=str(source), rows=held.counts, kept=kept)


def recover(settings: Settings, *, dry_run: bool) -> RecoveryReport:
    """Replaces a damaged database by a new one with everything that can be read of it.

    Raises:
        StoreDamaged: Nothing can be read.
        StoreError: There is no database, or it is in use.
    """
    path = settings.database_path
    staging = staging_of(path)
    finish_replacement(path)
    try:
        copies.examine(path)
    except StoreDamaged as error:
        logger.info("%s", error)
    else:
        return RecoveryReport(path=str(path), damaged=False)
    saved = salvage(path, staging)
    try:
        executions = saved.tables["executions"]
        if not executions.saved:
            raise StoreDamaged(
                f"no execution in {path} can be read; it was left untouched: restore a backup"
            )
        if dry_run:
            return saved
        held = copies.examine(staging)
        logger.info("saved %s", held.counts)
        return saved.model_copy(update={"kept": _swap(settings, "damaged")})
    finally:
        if not replacement_marker(path).exists():
            discard(staging)


def _swap(settings: Settings, why: str) -> str | None:
    """Replaces the database by the staged file; returns where the old one is kept."""
    discard_indexes(settings.index_dir)
    kept = settings.backup_dir / f"{why}-{file_timestamp()}.duckdb"
    try:
        swapped = backups.swap(settings.database_path, kept)
    except OSError as error:
        raise StoreError(
            f"{settings.database_path} can't be replaced ({error.strerror}); it was left unchanged"
        ) from error
    return None if swapped is None else str(swapped)


def discard_indexes(directory: Path) -> None:
    """Deletes the directory of derived files; if it is a link, the contents of its target."""
    if not directory.exists():
        return
    if not directory.is_symlink():
        shutil.rmtree(directory)
        return
    for one in directory.iterdir():
        if one.is_dir() and not one.is_symlink():
            shutil.rmtree(one)
        else:
            one.unlink()


def describe_contents(path: Path) -> str:
    """Says what would be lost with the database; "" if nothing."""
    if not path.exists():
        return ""
    try:
        rows = copies.examine(path).counts.get("executions", 0)
    except StoreError:
        return "is there, and can't be read"
    return f"holds {counted(rows, 'execution')}" if rows else ""
