"""The front door for people: `mcp-learning`, which without arguments serves over stdio.

`app` declares the commands; each has its own module, imported when it is run.
"""

import gc
import os
import sys


def main() -> None:
    """Entry point of `mcp-learning` and `python -m mcp_learning`."""
    # A search's dot product takes half a millisecond. Spread over threads it is hardly faster, and
    # on a busy machine ten times slower, since each of them waits for the last by spinning.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if len(sys.argv) == 1:
        # Straight to the server: an agent client is waiting for its answer. Importing makes no
        # garbage, but looking for it takes a fifth of the time; the server turns it on again.
        gc.disable()
        from mcp_learning.server.signals import leave_at_once

        leave_at_once()
        from mcp_learning.cli.serve import serve

        serve(None)
    else:
        from mcp_learning.cli.app import app

        app()
