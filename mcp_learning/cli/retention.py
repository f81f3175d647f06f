"""`prune`, and `restore` of what it archived."""

from pathlib import Path

import typer

from mcp_learning.cli.progress import reported_progress
from mcp_learning.cli.queries import print_json
from mcp_learning.cli.session import fail, load_settings, request, run, service
from mcp_learning.errors import LearningError
from mcp_learning.models.maintenance import Prune, PruneReport, Unarchive, UnarchiveReport
from mcp_learning.service import protocol, retention


def prune(
    *,
    older_than_days: int | None,
    max_mb: int | None,
    archive: Path | None,
    keep_archive: bool,
    reclaim: bool,
    dry_run: bool,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Archives and forgets what the limits let go: those given, else those configured."""
    settings = load_settings(data_dir)
    limits = retention.policy(settings)
    if older_than_days is not None or max_mb is not None:
        limits = limits.model_copy(update={"older_than_days": older_than_days, "max_mb": max_mb})
    elsewhere = None if archive is None else str(archive.expanduser().absolute())
    asked = request(
        Prune,
        older_than_days=limits.older_than_days,
        max_mb=limits.max_mb,
        archive=(elsewhere or limits.archive) if keep_archive else None,
        reclaim=reclaim,
        dry_run=dry_run,
    )
    unlimited = asked.older_than_days is None and asked.max_mb is None
    if unlimited and not reclaim:
        fail(
            "no limit is set, so everything is kept: give --older-than-days or --max-mb, or set "
            "MCP_LEARNING_RETENTION_DAYS or MCP_LEARNING_RETENTION_MAX_MB",
            status=2,
        )

    async def work(report: protocol.Progress) -> PruneReport:
        async with service(settings) as opened:
            return await opened.prune(asked, report)

    with reported_progress(quiet=as_json) as report:
        done = run(lambda: work(report))
    if as_json:
        print_json(done)
    else:
        _tell(done)


def unarchive(path: Path, *, data_dir: Path | None, as_json: bool) -> None:
    """Brings back the executions of an archive, or of all in a directory."""
    settings = load_settings(data_dir)
    try:
        paths = retention.archives_in(path)
    except LearningError as error:
        fail(str(error))

    async def work() -> UnarchiveReport:
        async with service(settings) as opened:
            return await opened.unarchive(Unarchive(paths=[str(file) for file in paths]))

    done = run(work)
    if as_json:
        print_json(done)
        return
    typer.echo(
        f"{done.executions} executions came back from {done.files} archives, with {done.feedback} "
        f"feedback; {done.present} were there already"
    )


def is_archive(path: Path) -> bool:
    """Whether it is a directory, or a Parquet file by its first bytes."""
    if path.is_dir():
        return True
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PAR1"
    except OSError:
        return False


def _tell(done: PruneReport) -> None:
    verb = "would be forgotten" if done.dry_run else "were forgotten"
    typer.echo(f"{done.executions} executions {verb}, {done.kept} are kept")
    if done.oldest and done.newest:
        typer.echo(f"They were recorded from {done.oldest:%Y-%m-%d} to {done.newest:%Y-%m-%d}")
    for path in done.archives:
        typer.echo(f"Archived in {path}")
    if done.reclaimed:
        before, after = done.bytes_before / 2**20, done.bytes_after / 2**20
        typer.echo(f"The file was rewritten: {before:.1f} MB before, {after:.1f} MB now")
    if done.index_dropped:
        typer.echo("The HNSW index held what was forgotten, and is built anew when it is needed")
