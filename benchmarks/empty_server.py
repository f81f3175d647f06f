"""An MCPServer with one tool that does nothing, to compare start-up and calls with.

Run by its path, so that nothing of this package is imported.
"""

from mcp.server.mcpserver import MCPServer

server = MCPServer("empty", version="1")


@server.tool()
async def nothing() -> str:
    """Does nothing."""
    return ""


if __name__ == "__main__":
    server.run("stdio")
