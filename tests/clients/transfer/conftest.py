"""A repository."""

from pathlib import Path

import pytest
from clients.transfer.repositories import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "teapot")
