"""`mcp-learning restore`: a backup takes the database's place, or archives are read back in."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mcp_learning.cli.options import DataDir, Json, path_argument
from mcp_learning.cli.output import print_json, say
from mcp_learning.cli.running import ask, fail, load_settings, showing, told
from mcp_learning.errors import LearningError
from mcp_learning.models.wording import counted

if TYPE_CHECKING:
    from mcp_learning.settings import Settings

_PARQUET_MAGIC = b"PAR1"


def restore(
    file: Annotated[
        Path, path_argument("A backup; or an archive of prune, or a directory of them")
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Replace a database that holds executions; it is kept")
    ] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Put a backup in the place of the database; or bring back what was archived.

    While a backup is restored, no agent may use the database.
    """
    settings = load_settings(data_dir)
    path = file.absolute()
    if not path.exists():
        fail(f"there is no file {path}; name a backup or an archive")
    try:
        if _is_archive(path):
            _unarchive(settings, path, as_json=json)
        else:
            _replace(settings, path, force=force, as_json=json)
    except LearningError as error:
        fail(told(error))


def _is_archive(path: Path) -> bool:
    """Whether it is a directory, or a Parquet file by its first bytes."""
    if path.is_dir():
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC
    except OSError:
        return False


def _unarchive(settings: "Settings", path: Path, *, as_json: bool) -> None:
    from mcp_learning.models.maintenance import Unarchive
    from mcp_learning.service import retention

    order = Unarchive(paths=[str(file) for file in retention.archives_in(path)])

    done = ask(settings, lambda learning: learning.unarchive(order), "restoring")
    if as_json:
        print_json(done)
        return
    say(
        f"{counted(done.executions, 'execution')} came back from {counted(done.files, 'archive')}, "
        f"with {done.feedback:,} feedback; {done.present:,} were there already."
    )
    if done.executions:
        say(
            "Archives hold no vectors: a running server makes them by itself, and "
            "`mcp-learning generate-embeddings` makes them now."
        )


def _replace(settings: "Settings", path: Path, *, force: bool, as_json: bool) -> None:
    from mcp_learning.cluster.exclusive_access import exclusive_access
    from mcp_learning.service import recovery

    with showing("restoring"), exclusive_access(settings):
        report = recovery.restore(settings, path, force=force)
    if as_json:
        print_json(report)
        return
    rows = report.rows
    executions, vectors = rows.get("executions", 0), rows.get("embeddings", 0)
    say(
        f"{report.path} now holds {counted(executions, 'execution')} with "
        f"{counted(vectors, 'vector')}, and {rows.get('feedback', 0):,} feedback."
    )
    if vectors < executions:
        say("The other vectors follow: `mcp-learning generate-embeddings` makes them now.")
    if report.kept:
        say(f"What was there is kept as {report.kept}")
