"""Whatever a directory is called, every command that reads or writes files there works."""

import json
import sys
from pathlib import Path

import pytest
from cli.conftest import Invoke

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows refuses such names itself")

NAMES = (
    *("key=value", "year=2024", "[!a]", "a*b", "a[b", "{a,b}", "100%41", "it's", 'a"b', "a;b"),
    *("md:x", "s3:", ":memory:", "file:", "x.gz", "x.parquet", "~", "$5", "-x", "a#b"),
)


def test_any_directory_takes_a_database_an_archive_an_export_and_a_backup(
    invoke: Invoke, home: Path
) -> None:
    rows = [
        {"task_description": f"task {n}", "recorded_at": "2020-01-01", "success": True}
        for n in range(3)
    ]
    (home / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    place = home.joinpath("a", *NAMES)  # one below the other: each name is in every path
    place.mkdir(parents=True)
    data = ("--data-dir", str(place / "data"))

    def done(*arguments: str) -> str:
        ended = invoke(*arguments)
        assert ended.exit_code == 0, ended.stderr
        return ended.stdout

    done("import", "jsonl", "a.jsonl", "--no-embed", *data)
    done("backup", str(place / "b.duckdb"), *data)
    done("prune", "--older-than-days", "30", "--archive", str(place / "old"), *data)
    assert "3 executions came back" in done("restore", str(place / "old"), *data)
    assert "3 executions" in done("restore", str(place / "b.duckdb"), "--force", *data)
    done("import", "duckdb", str(place / "b.duckdb"), "--data-dir", "other")
    assert "3 executions embedded" in done("generate-embeddings", *data)
