"""The leader lock: one process holds it at a time, and none after its end."""

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
lock = LeaderLock(Path(sys.argv[1]))
print(lock.acquire(), flush=True)
sys.stdin.read()
"""


def test_the_lock_is_acquired_once_and_free_again_when_it_is_released(tmp_path: Path) -> None:
    first, second = LeaderLock(tmp_path), LeaderLock(tmp_path)
    assert first.acquire()
    assert first.acquire(), "it is held already"
    assert not second.acquire()
    assert not second.held

    first.release()

    assert second.acquire()
    assert not first.acquire()
    second.release()


def test_the_lock_is_free_once_its_process_was_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"
        lock = LeaderLock(tmp_path)
        assert not lock.acquire()
        holder.kill()
        holder.wait(timeout=30)
        assert lock.acquire()
        lock.release()


def test_a_lock_file_that_can_t_be_written_is_named_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "leader.lock").mkdir()
    with pytest.raises(StoreError, match=r"leader\.lock can't be written .*MCP_LEARNING_DATA_DIR"):
        LeaderLock(tmp_path).acquire()
