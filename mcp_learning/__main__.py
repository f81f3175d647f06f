"""`python -m mcp_learning` is the `mcp-learning` command."""

from mcp_learning.cli import main

if __name__ == "__main__":
    main()
