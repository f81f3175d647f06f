"""Notes on what a reader left out."""

import pytest

from mcp_learning.clients.transfer.imported import Notes


@pytest.fixture
def notes() -> Notes:
    return Notes()
