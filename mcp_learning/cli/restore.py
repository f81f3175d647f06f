"""`mcp-learning restore`: replaces the database by a backup, or restores archived executions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mcp_learning.cli.options import DataDir, Json, path_argument
from mcp_learning.cli.output import echo, print_json
from mcp_learning.cli.running import call, fail, load_settings, status_line
from mcp_learning.models.wording import counted

if TYPE_CHECKING:
    from mcp_learning.settings import Settings

_PARQUET_MAGIC = b"PAR1"
_EXPORT_BEGINS = b'{"task_id": '


def restore(
    file: Annotated[
        Path, path_argument("A backup; or an archive of prune, or a directory of them", "FILE")
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Replace a database that holds executions; it is kept")
    ] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Replace the database by a backup, or restore archived executions.

    While a backup is restored, no agent may use the database.
    """
    settings = load_settings(data_dir)
    path = file.absolute()
    if not path.exists():
        fail(f"there is no file {path}; name a backup or an archive")
    if _begins(path, _EXPORT_BEGINS):
        fail(f"FILE: {path} is no backup; `mcp-learning import jsonl` reads an export")
    if _is_archive(path):
        _unarchive(settings, path, as_json=json)
    else:
        _replace(settings, path, force=force, as_json=json)


def _is_archive(path: Path) -> bool:
    """Whether a path is a directory, or a Parquet file by its first bytes."""
    return path.is_dir() or _begins(path, _PARQUET_MAGIC)


def _begins(path: Path, mark: bytes) -> bool:
    """Whether a file begins with these bytes; False if it can't be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(mark)) == mark
    except OSError:
        return False


def _unarchive(settings: "Settings", path: Path, *, as_json: bool) -> None:
    from mcp_learning.models.maintenance import Unarchive
    from mcp_learning.service import retention

    order = Unarchive(paths=[str(file) for file in retention.archives_in(path)])

    done = call(settings, lambda learning: learning.unarchive(order), "restoring")
    if as_json:
        print_json(done)
        return
    echo(
        f"{counted(done.executions, 'execution')} came back from {counted(done.files, 'archive')}, "
        f"with {done.feedback:,} feedback; {done.present:,} were there already."
    )
    if done.executions:
        echo(
            "Archives hold no vectors: a running server makes them by itself, and "
            "`mcp-learning generate-embeddings` makes them now."
        )


def _replace(settings: "Settings", path: Path, *, force: bool, as_json: bool) -> None:
    from mcp_learning.cluster.exclusive_access import exclusive_access
    from mcp_learning.service import recovery

    with status_line("restoring"), exclusive_access(settings):
        report = recovery.restore(settings, path, force=force)
    if as_json:
        print_json(report)
        return
    rows = report.rows
    executions, vectors = rows.get("executions", 0), rows.get("embeddings", 0)
    echo(
        f"{report.path} now holds {counted(executions, 'execution')} with "
        f"{counted(vectors, 'vector')}, and {rows.get('feedback', 0):,} feedback."
    )
    if vectors < executions:
        echo("The other vectors follow: `mcp-learning generate-embeddings` makes them now.")
    if report.kept:
        echo(f"What was there is kept as {report.kept}")
