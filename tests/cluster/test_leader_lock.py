"""The seat: one process has it at a time, and nobody after its end."""

import subprocess
import sys
from pathlib import Path

import pytest

from mcp_learning.cluster.leader_lock import LeaderLock
from mcp_learning.errors import StoreError

HOLD = """
import sys
from pathlib import Path
from mcp_learning.cluster.leader_lock import LeaderLock
seat = LeaderLock(Path(sys.argv[1]))
print(seat.take(), flush=True)
sys.stdin.read()
"""


def test_a_seat_is_taken_once_and_free_again_when_it_is_left(tmp_path: Path) -> None:
    first, second = LeaderLock(tmp_path), LeaderLock(tmp_path)
    assert first.take()
    assert first.take(), "it is held already"
    assert not second.take()
    assert not second.held

    first.leave()

    assert second.take()
    assert not first.take()
    second.leave()


def test_a_seat_is_free_once_its_process_was_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"
        seat = LeaderLock(tmp_path)
        assert not seat.take()
        holder.kill()
        holder.wait(timeout=30)
        assert seat.take()
        seat.leave()


def test_a_seat_that_can_t_be_written_is_named_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "leader.lock").mkdir()
    with pytest.raises(StoreError, match=r"leader\.lock can't be written .*MCP_LEARNING_DATA_DIR"):
        LeaderLock(tmp_path).take()
