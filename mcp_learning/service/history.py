"""Reads the executions for an evaluation from the process that has the database open."""

from base64 import b64decode, b64encode

from mcp_learning.models.dashboard import History, HistoryEntry, ListHistory
from mcp_learning.models.requests import Dimension
from mcp_learning.service.protocol import Learning
from mcp_learning.store.past_run import PastRun

PAGE = 250

_LISTS = ("texts", "votes", "files", "recovered")


async def latest(service: Learning, by: Dimension, most: int) -> tuple[float, list[HistoryEntry]]:
    """`Embedder.floor` of the model, and the latest executions with `by` as label, oldest first.

    There are at most `most`, and the rest of a page. Raises as `Learning.history`.
    """
    pages: list[History] = []
    while len(pages) * PAGE < most:
        asked = ListHistory(by=by, limit=PAGE, offset=len(pages) * PAGE, complete=True)
        pages.append(await service.history(asked))
        if len(pages[-1].executions) < PAGE:
            break
    return pages[0].noise, [one for page in reversed(pages) for one in page.executions]


def packed(run: PastRun) -> HistoryEntry:
    """An execution as processes exchange it."""
    vector = b"" if run.vector is None else run.vector.astype("<f4").tobytes()
    return HistoryEntry(**vars(run) | {"vector": b64encode(vector).decode()})


def unpacked(entry: HistoryEntry) -> PastRun:
    """The reverse of `packed`."""
    import numpy as np  # a server that only answers `history` starts without it

    vector = np.frombuffer(b64decode(entry.vector), "<f4") if entry.vector else None
    lists = {name: tuple(getattr(entry, name)) for name in _LISTS}
    return PastRun(**dict(entry) | lists | {"vector": vector})
