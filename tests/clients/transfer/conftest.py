"""Notes on what an importer left out, and a repository."""

from pathlib import Path

import pytest
from clients.transfer.repositories import Repository

from mcp_learning.clients.transfer.imported import Notes


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "teapot")
