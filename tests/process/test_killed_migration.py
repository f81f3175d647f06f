"""Killed at any statement, a migration leaves the old or the new schema, with every row."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from store import old_databases
from store.old_databases import VERSIONS

from mcp_learning.models.error_messages import normal_form
from mcp_learning.store.duckdb import migrations

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")

NEWEST = migrations.newest()
ENDS = dict(zip(VERSIONS, [NEWEST, *list(VERSIONS.values())[2:], NEWEST], strict=True))
"""At which version kills end: the oldest sample goes all the way, others to the next sample's."""


@pytest.mark.parametrize("sample", VERSIONS)
def test_a_migration_killed_at_any_statement_can_be_repeated(sample: str, tmp_path: Path) -> None:
    first, last = VERSIONS[sample], ENDS[sample]
    old_databases.put(sample, tmp_path / "old.duckdb")
    rows = old_databases.contents(tmp_path / "old.duckdb")
    (tmp_path / "out").mkdir()
    script = Path(__file__).with_name("migration_kill_points.py")
    arguments = (str(tmp_path / "old.duckdb"), str(tmp_path / "out"), str(last - first))
    done = subprocess.run(
        [sys.executable, str(script), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

    left: dict[tuple[bytes, ...], list[int]] = {}  # steps by what kills left in the files
    for step in range(int(done.stdout) + 1):
        files = sorted((tmp_path / "out" / str(step)).iterdir())
        left.setdefault(tuple(file.read_bytes() for file in files), []).append(step)
    reached: list[int] = []
    for steps in left.values():
        path = tmp_path / "out" / str(steps[0]) / "learning.duckdb"
        reached += [old_databases.version(path)] * len(steps)
        assert old_databases.contents(path) == rows, steps
        with duckdb.connect(str(path)) as connection:
            assert migrations.apply(connection) == NEWEST
        assert old_databases.contents(path) == rows, steps
        for message, text in old_databases.error_texts(path):
            assert text == (message and normal_form(message)), steps
    assert reached == sorted(reached)
    assert set(reached) == set(range(first, last + 1))
    assert reached.count(last - 1) >= 5  # it was killed at many places of the last one
