"""The front door for people: `mcp-learning`, which without arguments serves over stdio.

`app` lists the commands; each has a module of its own, imported when the command is asked for.
"""

import gc
import os
import sys

from mcp_learning.cli.interrupts import end_at_once
from mcp_learning.permissions import restrict_umask


def main() -> None:
    """Entry point of `mcp-learning` and `python -m mcp_learning`."""
    restrict_umask()
    # A search's dot product takes 0.6 ms at 10,000 rows; on two threads 0.4, but 6 were seen while
    # another process had one of the cores, since each thread waits for the last by spinning.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    end_at_once()
    if len(sys.argv) == 1:
        # Straight to the server: an agent client is waiting for its answer. Importing makes no
        # garbage, but looking for it takes a fifth of the time; the server turns it on again.
        gc.disable()
        from mcp_learning.server.signals import leave_at_once

        leave_at_once()
        from mcp_learning.cli.running import load_settings, say_what_waits

        settings = load_settings(None, quiet=False)
        say_what_waits()
        from mcp_learning.server.stdio import serve

        serve(settings)
    elif _is_of_a_hook(sys.argv[1:]):
        # An agent waits for this, too, and the other commands' imports alone would take too long.
        from mcp_learning.cli.hook import main as hook

        hook(sys.argv[2], sys.argv[3:])
    else:
        from mcp_learning.cli.app import app

        app()


def _is_of_a_hook(arguments: list[str]) -> bool:
    if arguments[:1] != ["hook"] or {"-h", "--help"} & set(arguments):
        return False
    from mcp_learning.clients.hook_events import CLIENTS

    return arguments[1:2] != [] and arguments[1] in CLIENTS
