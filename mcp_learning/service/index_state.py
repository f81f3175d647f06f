"""The state of the HNSW index, before anything is loaded, too; and why there is none."""

from datetime import UTC, datetime

from mcp_learning.errors import IndexUnavailable
from mcp_learning.models.health import IndexHealth
from mcp_learning.models.requests import PRESETS
from mcp_learning.search.hnsw import FILE_NAME, IndexInfo, read_info
from mcp_learning.settings import Settings


def stored(settings: Settings, rows: int, model: str | None) -> IndexHealth:
    """The state that the index file says; blocks for milliseconds.

    `rows` is the number of executions, `model` the fingerprint of the stored vectors' model.
    """
    path = settings.index_dir / FILE_NAME
    if not path.exists():
        return missing(settings, rows)
    try:
        info = read_info(path)
    except IndexUnavailable as problem:
        return IndexHealth(state="stale", reason=str(problem))
    if model is not None and info.model != model:
        return IndexHealth(state="stale", reason="the index was built with another embedding model")
    return described(info, path.stat().st_size, settings, rows)


def described(info: IndexInfo, size: int, settings: Settings, rows: int) -> IndexHealth:
    """The state of a usable index of `size` bytes, for a database of so many rows."""
    graph = (info.m, info.ef_construction)
    preset = next((name for name, values in PRESETS.items() if values == graph), "custom")
    age = datetime.now(UTC) - info.built_at
    return IndexHealth(
        state="ready",
        rows=info.rows,
        bytes=size,
        built_at=info.built_at,
        age_seconds=max(0, round(age.total_seconds())),
        preset=preset,
        m=info.m,
        ef_construction=info.ef_construction,
        recall_at_10=info.recall_at_10,
        reason=_unused(settings, rows),
    )


def missing(settings: Settings, rows: int) -> IndexHealth:
    """The state without an index, with the reason, for a database of so many executions."""
    reason = _unused(settings, rows) or "none has been built yet; rebuild-index builds one"
    return IndexHealth(state="none", reason=reason)


def _unused(settings: Settings, rows: int) -> str | None:
    """Why searches use no index; None if they do."""
    if settings.search_mode == "exact":
        return "searches compare all executions, since search_mode is exact"
    if settings.search_mode == "auto" and rows < settings.hnsw_min_rows:
        return (
            f"searches compare all executions, which is faster below {settings.hnsw_min_rows:,} "
            "(hnsw_min_rows); from there on an index is built and used"
        )
    return None
