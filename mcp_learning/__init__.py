"""A learning database for AI agents: record executions, find similar ones, learn what works.

Start reading at `mcp_learning.service.learning.LearningService`: every tool, command and page is
one call on it. Below it are the truth (`store`), the embedder (`embed`) and the derived indexes
(`search`); above it the MCP server (`server`) and the command line (`cli`).
"""

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    """Finds the version only when it is read: that takes longer than a whole hook does."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("mcp-learning")
    except PackageNotFoundError:  # running from a source tree that was never installed
        return "0.0.0"
