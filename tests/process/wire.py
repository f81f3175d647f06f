"""A real server process on a data directory, spoken to in lines of JSON."""

import os
import sys
from pathlib import Path

from mcp_learning.cli.stdio_client import StdioClient, initialization

INITIALIZE = initialization("test")


class Server(StdioClient):
    """`python -m mcp_learning` on a data directory. Use as a context manager."""

    def __init__(self, data_dir: Path, *, wrapper: list[str] | None = None, **env: str) -> None:
        command = wrapper or [sys.executable, "-m", "mcp_learning"]
        super().__init__(command, {**os.environ, "MCP_LEARNING_DATA_DIR": str(data_dir), **env})
