"""A learning database for AI agents: record executions, find similar ones, learn what works.

Start reading at `mcp_learning.learn.service.LearningService`: every tool, command and page is one
call on it. Below it are the truth (`store`), the embedder (`embed`) and the derived indexes
(`search`); above it the MCP server (`server`) and the command line (`cli`).
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("mcp-learning")
except PackageNotFoundError:  # running from a source tree that was never installed
    __version__ = "0.0.0"

__all__ = ["__version__"]
