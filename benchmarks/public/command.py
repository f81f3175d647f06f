"""`python -m benchmarks public`."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import anyio
import typer

from benchmarks.output import console
from benchmarks.public import sets
from benchmarks.public.measure import Figures, measure
from benchmarks.scale.peers import chosen
from mcp_learning.cli.progress import logged_progress
from mcp_learning.cli.running import load_settings
from mcp_learning.embed.embedder import Embedder

_HEADER = (
    "| | R@5 | R@10 | MRR | unrelated answered empty | tokens an answer | ms a search, p50 |\n"
    "|---|---|---|---|---|---|---|"
)


def public(
    directory: Annotated[
        Path,
        typer.Argument(
            exists=True,
            file_okay=False,
            show_default=False,
            help="Where the data are; sets are found by what files hold, also in directories below",
        ),
    ],
) -> None:
    """Measure retrieval on public data sets, beside vectors and words alone.

    Fetch the data sets yourself; any of them will do.

    LoCoMo (CC BY-NC 4.0): unpack data/locomo10.zip of github.com/snap-research/locomo.

    DevBench (Apache-2.0): scripts/benchmarks/devbench_dataset.json of
    github.com/doobidoo/mcp-memory-service.

    SWE-bench Pro error analyses (MIT): error_analysis of github.com/scaleapi/SWE-bench_Pro-os,
    written as pairs, JSON lines like those of `calibrate` (docs/retrieval.md).
    """
    found = sets.find(directory)
    settings = load_settings(None)
    embedder = Embedder(settings.embedding_model, cache_dir=settings.model_dir)
    with logged_progress(quiet=False) as progress:
        for one in found:
            figures = anyio.run(partial(measure, one, settings, embedder, progress))
            say(page(one, figures))
    if chosen("qdrant-local")[0].missing:
        say("qdrant-client isn't installed, so it was left out.")


def say(text: str) -> None:
    """Prints lines as they are."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def page(data: sets.PublicSet, figures: Sequence[Figures]) -> str:
    """A set's title, and a Markdown table with a row for each way to search."""
    whose = "of other sets" if data.borrowed else "of its own"
    title = (
        f"{data.name}: {len(data.records)} records, {len(data.questions)} questions, "
        f"{len(data.unrelated)} unrelated ones {whose}"
    )
    return "\n".join(["", title, "", _HEADER, *map(_row, figures)])


def _row(one: Figures) -> str:
    empty = "-" if one.empty is None else f"{one.empty:.2f}"
    return (
        f"| {one.name} | {one.recall_at_5:.3f} | {one.recall_at_10:.3f} | {one.mrr:.3f} "
        f"| {empty} | {one.tokens:,.0f} | {one.milliseconds:.1f} |"
    )
