"""What the Health panel says of the data directory."""

import os
from datetime import UTC, datetime
from pathlib import Path

from mcp_learning.settings import Settings
from mcp_learning.web.disk import disk


def test_copies_are_counted_and_the_latest_is_dated(tmp_path: Path) -> None:
    settings = Settings.load(data_dir=tmp_path / "data")
    settings.backup_dir.mkdir(parents=True)
    for number, name in enumerate(("one.duckdb", "two.duckdb"), start=1):
        (settings.backup_dir / name).write_bytes(b"x" * number)
        os.utime(settings.backup_dir / name, (1_000 * number, 1_000 * number))
    for number in range(20):  # of a directory's entries, some come before the files
        (settings.backup_dir / f"gone-{number}").symlink_to(tmp_path / "nowhere")
    found = disk(settings)
    assert (found.backups.files, found.backups.bytes) == (2, 3)
    assert found.backups.latest == datetime.fromtimestamp(2_000, UTC)
    assert (found.archives.files, found.archives.latest) == (0, None)
    assert 0 < found.free_bytes <= found.total_bytes


def test_a_directory_that_isn_t_there_yet_has_its_disk(tmp_path: Path) -> None:
    found = disk(Settings.load(data_dir=tmp_path / "not" / "yet"))
    assert (found.backups.files, found.backups.bytes) == (0, 0)
    assert found.free_bytes > 0
