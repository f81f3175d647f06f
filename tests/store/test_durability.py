"""What was acknowledged stays, whatever happens to the disk or the process."""

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from store.children import ids_of

CHILDREN = Path(__file__).with_name("children.py")

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="file size limits and SIGKILL are POSIX"
)


def acknowledged_in(path: Path) -> list[str]:
    """Task ids in the database, as any DuckDB without extensions reads them."""
    with duckdb.connect(str(path)) as plain:
        return ids_of(plain)


@pytest.mark.parametrize(
    ("limit", "characters", "opened"),
    [
        pytest.param(400_000, 20_000, 1, id="in-the-log"),
        pytest.param(17_000_000, 600_000, 1, id="in-a-checkpoint"),
        pytest.param(2_000_000, 6_000_000, 1, id="in-the-first-write"),
        pytest.param(4_000, 100, 0, id="while-the-file-is-made"),
        pytest.param(12_500, 100, 0, id="while-the-tables-are-made"),
    ],
)
def test_a_full_disk_is_said_plainly_loses_nothing_and_ends_with_the_shortage(
    tmp_path: Path, limit: int, characters: int, opened: int
) -> None:
    arguments = [limit, characters, opened]
    command = [sys.executable, str(CHILDREN), "fill", str(tmp_path), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    path = tmp_path / "learning.duckdb"
    for kind, message in told["errors"]:
        assert kind == "StoreFull"
        assert str(path) in message
        assert "free some space" in message
        assert "\n" not in message
    assert told["seen"] == len(told["acknowledged"]) - 1
    assert acknowledged_in(path) == sorted(told["acknowledged"])


def test_who_reads_notices_nothing_of_a_full_disk_and_what_is_refused_is_not_stored(
    tmp_path: Path,
) -> None:
    command = [sys.executable, str(CHILDREN), "alternate", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["failed_reads"] == []
    assert told["reads"] > 0
    assert told["refused"] > 0
    assert acknowledged_in(tmp_path / "learning.duckdb") == sorted(told["acknowledged"])


def test_kill_9_right_after_an_acknowledgement_loses_nothing(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    for processes, writes in enumerate((1, 2, 20), start=1):
        with subprocess.Popen(
            [sys.executable, str(CHILDREN), "append", str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(writes)]
            process.kill()
            # Acknowledgements on their way when it was killed count as well.
            lines += [line for line in process.stdout if line.endswith("\n")]
        acknowledged += [json.loads(line)["acknowledged"] for line in lines]
        found = acknowledged_in(tmp_path / "learning.duckdb")
        assert set(acknowledged) <= set(found)
        # Each process may have committed one write that it had no time to acknowledge.
        assert len(found) <= len(acknowledged) + processes
