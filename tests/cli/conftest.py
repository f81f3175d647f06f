"""Running commands as people do: a process, in a home of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Home and current directory of the commands; empty."""
    directory = tmp_path / "home"
    directory.mkdir()
    return directory


@pytest.fixture
def run(home: Path) -> Command:
    """Runs `mcp-learning ARGUMENTS` to its end, nothing of the machine's user in its environment.

    Keyword arguments are further environment variables.
    """
    kept = {name: value for name, value in os.environ.items() if "MCP_LEARNING" not in name}
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        kept.pop(name, None)

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-m", "mcp_learning", *arguments],
            cwd=home,
            env={**kept, "HOME": str(home), "COLUMNS": "400", **more},
            capture_output=True,
            encoding="utf-8",
            timeout=100,
            check=False,
        )

    return run
