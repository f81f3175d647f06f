"""Nobody else can read what agents recorded, whatever the umask and the directory were before."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from process.wire import Server

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs modes")

TASK = {"task_type": "bug_fix", "task_description": "fix the login", "outcome": "success"}
WITH_OPEN_UMASK = ["sh", "-c", 'umask 000; exec "$0" "$@"', sys.executable, "-m", "mcp_learning"]


def readable_by_others(directory: Path) -> set[str]:
    return {
        str(path.relative_to(directory))
        for path in directory.rglob("*")
        if not path.is_symlink() and path.stat().st_mode & 0o077
    }


def run(data_dir: Path, *arguments: str) -> None:
    environment = {**os.environ, "MCP_LEARNING_DATA_DIR": str(data_dir)}
    done = subprocess.run(
        [*WITH_OPEN_UMASK, *arguments], env=environment, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr


def open_to_all(data_dir: Path) -> None:
    """Gives the files the modes with which earlier versions made them."""
    for name in ("learning.duckdb", "learning.duckdb.wal"):
        (data_dir / name).chmod(0o644)
    (data_dir / "backups" / "before-upgrade-1.duckdb").write_bytes(b"texts")
    for directory in ("index", "backups"):
        for path in (data_dir / directory).iterdir():
            path.chmod(0o644)
    assert len(readable_by_others(data_dir)) >= 5


def test_an_open_directory_holds_private_files_alone(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    data_dir.chmod(0o755)
    with Server(data_dir, wrapper=WITH_OPEN_UMASK) as server:
        server.initialize()
        assert not server.call("record_execution", **TASK).get("isError")
        assert server.call("find_similar_tasks", task_description="login")["structuredContent"]
        assert not server.call("rebuild_index").get("isError")
        run(data_dir, "backup")
        run(data_dir, "export", str(data_dir / "rows.jsonl"))
        assert readable_by_others(data_dir) == set()
        server.process.kill()  # so that the write-ahead log stays

    open_to_all(data_dir)
    with Server(data_dir, wrapper=WITH_OPEN_UMASK) as server:
        server.initialize()
        assert not server.call("learning_stats").get("isError")
        assert readable_by_others(data_dir) == set()
        server.process.kill()

    open_to_all(data_dir)
    run(data_dir, "recover")
    assert readable_by_others(data_dir) == set()
    assert data_dir.stat().st_mode & 0o777 == 0o755
