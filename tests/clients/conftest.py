"""Notes on what a reader left out, and a data directory."""

from pathlib import Path

import pytest

from mcp_learning.clients.transfer.imported import Notes


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Not made yet."""
    return tmp_path / "data"
