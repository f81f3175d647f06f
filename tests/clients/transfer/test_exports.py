"""A file is written as a whole or not at all."""

import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import pytest

from mcp_learning.clients.transfer.exports import writer
from mcp_learning.errors import InvalidInput, LearningError

ROW = {"task_id": "01890a5d-ac96-774b-bcce-b302099a8057", "task_description": "mend the spout"}


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_what_goes_wrong_leaves_no_file_and_keeps_the_one_that_is_there(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_text("kept")

    def interrupted() -> None:
        with writer(path, force=True) as opened:
            opened.write([ROW])
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        interrupted()
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert path.read_text() == "kept"
    with writer(path, force=True) as opened:
        opened.write([ROW])
    assert path.read_bytes()[:4] != b"kept"


@pytest.mark.parametrize("name", ["a[1].jsonl", "a[1].parquet"])
def test_what_a_killed_export_left_is_removed_by_the_next_one(tmp_path: Path, name: str) -> None:
    export = f"""
import os, pathlib, sys
from mcp_learning.clients.transfer.exports import writer
with writer(pathlib.Path({name!r}), force=False):
    print("begun", flush=True)
    sys.stdin.read()
    os._exit(9)
"""
    command = [sys.executable, "-c", export]
    with subprocess.Popen(command, cwd=tmp_path, stdin=PIPE, stdout=PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline().strip() == b"begun"
        begun = f".{name}.{running.pid}.lines"
        for left in (f".{name}.4194305.lines", f".{name}.4194305.part", f".b{name}.1.lines"):
            (tmp_path / left).write_text("unfinished")
        for expected in ({name, begun, f".b{name}.1.lines"}, {name, f".b{name}.1.lines"}):
            with writer(tmp_path / name, force=True) as opened:
                opened.write([ROW])
            assert {file.name for file in tmp_path.iterdir()} == expected
            running.communicate()


def test_a_file_that_is_there_is_not_replaced_without_consent(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("kept")
    with (
        pytest.raises(InvalidInput, match="--force"),
        writer(tmp_path / "a.jsonl", force=False),
    ):
        pass
    assert (tmp_path / "a.jsonl").read_text() == "kept"


def test_a_name_that_tells_no_format_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(InvalidInput, match=r"has to end with \.jsonl or \.parquet"),
        writer(tmp_path / "a.txt", force=False),
    ):
        pass


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(LearningError, match=r"a\.jsonl can't be written: No such file"),
        writer(tmp_path / "missing" / "a.jsonl", force=False),
    ):
        pass
