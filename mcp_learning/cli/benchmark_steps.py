"""What `benchmark` measures: a copy of the user's database, or generated executions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from mcp_learning.cli.progress import ShowCount
from mcp_learning.cli.running import service
from mcp_learning.models.maintenance import Backup
from mcp_learning.models.requests import Preset
from mcp_learning.models.wording import counted
from mcp_learning.service import index_benchmark
from mcp_learning.service.index_benchmark import PresetFigures
from mcp_learning.settings import Settings
from mcp_learning.store import open_store
from mcp_learning.synthetic.loading import Plan, generate

_GENERATED_ROWS_PER_SECOND = 600  # embedded and inserted, on two CPUs


@dataclass
class Outcome:
    """The results so far.

    Attributes:
        executions: Number of executions in the database.
        vectors: Number of vectors compared; each passage of a long description has one.
        without_vector: Number of executions without a vector, which are left out.
    """

    executions: int = 0
    vectors: int = 0
    without_vector: int = 0
    presets: list[PresetFigures] = field(default_factory=list)


async def measure(
    settings: Settings,
    generated: int | None,
    presets: Sequence[Preset],
    outcome: Outcome,
    progress: ShowCount,
) -> None:
    """Measures each preset of the index in a temporary directory.

    Measures a copy of the user's database, or `generated` generated executions. The outcome gets
    the figures of each preset as soon as it is done.

    Raises:
        LearningError: The database can't be read, or an index can't be built.
    """
    # On Windows, files may still be open: the system removes them later.
    scratch = TemporaryDirectory(prefix="mcp-learning-", ignore_cleanup_errors=True)
    with scratch as directory:
        measured = Settings.model_construct(data_dir=Path(directory))
        if generated is None:  # a server may have the database open
            async with service(settings) as learning:
                rows = (await learning.health()).rows
                _announce(rows, index_benchmark.expected_seconds(rows, presets))
                progress("copying the database", 0, 1)
                await learning.backup(Backup(path=str(measured.database_path)))
        else:
            filling = generated / _GENERATED_ROWS_PER_SECOND
            _announce(generated, filling + index_benchmark.expected_seconds(generated, presets))
            await generate(measured, Plan(generated), embed=True, progress=progress)
        await _measure(measured, settings.hnsw_ef_search, presets, outcome, progress)


async def _measure(
    settings: Settings,
    ef_search: int,
    presets: Sequence[Preset],
    outcome: Outcome,
    progress: ShowCount,
) -> None:
    store = open_store(settings)
    try:
        progress("reading the vectors", 0, 1)
        vectors = await index_benchmark.read_vectors(store)
        outcome.without_vector = (await store.vector_state()).unembedded
        outcome.executions = (await store.health()).rows
    finally:
        await store.close()
    outcome.vectors = len(vectors)
    for preset in presets:
        outcome.presets.append(
            await index_benchmark.compare(
                vectors, preset, settings.index_dir, ef_search=ef_search, progress=progress
            )
        )


def _announce(rows: int, seconds: float) -> None:
    shown = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
    typer.echo(f"{counted(rows, 'execution')}; this takes about {shown}", err=True)
