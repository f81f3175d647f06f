"""Learning services on real databases, which share one embedding model: to load it takes long."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from store.rows import migrated

from mcp_learning.embed.embedder import Embedder
from mcp_learning.search.retriever import Retriever
from mcp_learning.service.indexer import Indexer
from mcp_learning.service.learning import LearningService
from mcp_learning.settings import DEFAULT_MODEL, Settings
from mcp_learning.store import open_store


@cache
def embedder() -> Embedder:
    """The bundled model; the first use of its vectors loads it, for all tests of this process."""
    return Embedder(cache_dir=Path("no-other-model"))


@cache
def _empty_database() -> bytes:
    with TemporaryDirectory() as directory:
        file = Path(directory) / "learning.duckdb"
        with migrated(file):
            pass
        return file.read_bytes()


def put_empty_database(data_dir: Path) -> None:
    """Makes a data directory with a database without executions; opening it would take longer."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = data_dir / "learning.duckdb"
    if not file.exists():
        file.write_bytes(_empty_database())
        file.chmod(0o600)


def open_service(settings: Settings, retriever: Retriever | None = None) -> LearningService:
    """A service on the settings' database, without its background task; the caller closes it."""
    store = open_store(settings)
    model = embedder() if settings.embedding_model == DEFAULT_MODEL else None
    return LearningService(settings, store, Indexer(settings, store, model, retriever))


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[LearningService]:
    """Such a service; that it is closed writes what it has counted."""
    service = open_service(settings)
    yield service
    await service.close()
