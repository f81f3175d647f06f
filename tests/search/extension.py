"""An environment without DuckDB's VSS extension."""

import sys
from pathlib import Path

import pytest


def without_vss(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No copy of the extension, and nowhere to install one: a file is in its place."""
    monkeypatch.setitem(sys.modules, "duckdb_extension_vss", None)
    (directory / ".duckdb").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("HOME", str(directory))
