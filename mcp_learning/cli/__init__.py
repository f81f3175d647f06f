"""The front door for people: `mcp-learning`, which without arguments serves over stdio.

`app` declares the commands; each has its own module, imported when it is run.
"""

import sys


def main() -> None:
    """Entry point of `mcp-learning` and `python -m mcp_learning`."""
    if len(sys.argv) == 1:
        # Straight to the server: an agent client is waiting for its answer.
        from mcp_learning.cli.serve import serve

        serve(None)
    else:
        from mcp_learning.cli.app import app

        app()
