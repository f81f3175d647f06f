"""`mcp-learning prune`: archives and forgets what is too old or too much."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mcp_learning.cli.options import DataDir, Json, path_option
from mcp_learning.cli.output import print_json
from mcp_learning.cli.progress import reported_progress
from mcp_learning.cli.running import call, fail, load_settings, request, require_database
from mcp_learning.models.wording import counted

if TYPE_CHECKING:
    from mcp_learning.models.maintenance import PruneReport


def prune(
    older_than_days: Annotated[
        int | None, typer.Option(help="Forget what is older, 7..3650; default: as configured")
    ] = None,
    max_mb: Annotated[
        int | None,
        typer.Option(help="Forget the oldest until the rest fits; default: as configured"),
    ] = None,
    generated: Annotated[
        bool, typer.Option("--generated", help="Forget what `generate-data` made; no archive")
    ] = False,
    archive: Annotated[
        Path | None,
        path_option("--archive", "DIRECTORY", "Where archives go; default: DATA_DIR/archive"),
    ] = None,
    keep_archive: Annotated[
        bool, typer.Option("--keep-archive/--no-archive", help="Archive what is forgotten")
    ] = True,
    reclaim: Annotated[
        bool, typer.Option("--reclaim", help="Rewrite the file without what is forgotten")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count")] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Archive and forget what is too old or too much, and reclaim the space."""
    from mcp_learning.models.maintenance import Prune
    from mcp_learning.service import retention

    settings = load_settings(data_dir)
    limits = retention.policy(settings)
    if older_than_days is not None or max_mb is not None:
        limits = limits.model_copy(update={"older_than_days": older_than_days, "max_mb": max_mb})
    if generated:
        if older_than_days is not None or max_mb is not None:
            fail("--generated can't be used with limits: it forgets all generated data", status=2)
        limits = Prune()
    directory = limits.archive if archive is None else str(archive.absolute())
    order = request(
        Prune,
        older_than_days=limits.older_than_days,
        max_mb=limits.max_mb,
        generated=generated,
        archive=directory if keep_archive else None,
        reclaim=reclaim,
        dry_run=dry_run,
    )
    if limits.older_than_days is None and limits.max_mb is None and not (generated or reclaim):
        fail(
            "no limit is set, so everything is kept: give --older-than-days or --max-mb, or set "
            "MCP_LEARNING_RETENTION_DAYS or MCP_LEARNING_RETENTION_MAX_MB",
            status=2,
        )
    require_database(settings)
    with reported_progress(quiet=json) as report:
        done = call(settings, lambda learning: learning.prune(order, report))
    if json:
        print_json(done)
    else:
        _print(done)


def _print(done: "PruneReport") -> None:
    were = "was" if done.executions == 1 else "were"
    verb = "would be forgotten" if done.dry_run else f"{were} forgotten"
    kept = f"{done.kept:,} {'is' if done.kept == 1 else 'are'} kept"
    typer.echo(f"{counted(done.executions, 'execution')} {verb}, {kept}")
    if done.oldest and done.newest:
        first, last = (f"{moment:%Y-%m-%d}" for moment in (done.oldest, done.newest))
        typer.echo(f"Recorded on {first}" if first == last else f"Recorded from {first} to {last}")
    for path in done.archives:
        typer.echo(f"Archived in {path}")
    if done.reclaimed:
        before, after = done.bytes_before / 2**20, done.bytes_after / 2**20
        typer.echo(f"The file was rewritten: {before:.1f} MB before, {after:.1f} MB now")
    if done.index_dropped:
        typer.echo("The HNSW index had forgotten executions, and is rebuilt when it is needed")
