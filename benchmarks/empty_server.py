"""The floor that start-up and calls are compared with: an MCPServer with one tool and no more.

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
