"""Rows in memory stay those of the truth, also when reading it was interrupted."""

from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal
from search.world import World, description_of, like, told

from mcp_learning.store.duckdb import feed


def test_an_interrupted_sync_leaves_no_row_without_its_vector(
    portal: BlockingPortal, empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(portal, empty / "learning.duckdb", tmp_path)
    changed, deleted = world.record(1), world.record(2)
    world.embed()
    world.change(changed, solution_summary="another text, so another row")
    world.delete(deleted)

    def fail(_: object) -> None:
        raise OSError("the disk is gone for a moment")

    with monkeypatch.context() as patch:
        patch.setattr(feed, "sequences", fail)
        with pytest.raises(OSError, match="for a moment"):
            world.find("nothing of the kind", like(1, 0))

    (match,) = told(world.find("nothing of the kind", like(1, 0), floor=0.5))
    assert match.task_id == changed
    assert [m.task_id for m in told(world.find(description_of(2), like(2, 0), floor=0.9))] == []
    world.close()
