"""The command line, `mcp-learning`. Without arguments it serves MCP over stdio.

`app` lists the commands. Each has a module of its own, which is imported when the command runs.
"""

import gc
import os
import sys
from io import TextIOWrapper

from mcp_learning.cli.interrupts import exit_on_interrupt
from mcp_learning.permissions import restrict_umask


def main() -> None:
    """Entry point of `mcp-learning` and `python -m mcp_learning`."""
    restrict_umask()
    # OpenBLAS threads wait by spinning: a product of 0.6 ms takes 0.4 ms on two of them, but up to
    # 6 ms when another process uses one of the cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    exit_on_interrupt()
    if len(sys.argv) == 1:
        # An agent client waits for the answer, so Typer isn't imported. Importing makes no garbage,
        # but collecting takes a fifth of its time; the server enables the collector again.
        gc.disable()
        from mcp_learning.server.signals import leave_at_once

        leave_at_once()
        from mcp_learning.cli.running import explain_stdio, load_settings

        settings = load_settings(None, quiet=False)
        explain_stdio()
        from mcp_learning.server.stdio import serve

        serve(settings)
    elif _is_hook(sys.argv[1:]):
        # An agent waits for this, too: importing Typer would take longer than the hook may.
        from mcp_learning.cli.hook import main as hook

        hook(sys.argv[2], sys.argv[3:])
    else:
        from mcp_learning.cli.app import app

        if isinstance(sys.stdout, TextIOWrapper):  # redirected on Windows, it is in a code page
            sys.stdout.reconfigure(errors="backslashreplace")
        app()


def _is_hook(arguments: list[str]) -> bool:
    if arguments[:1] != ["hook"] or {"-h", "--help"} & set(arguments):
        return False
    from mcp_learning.clients.hook_events import CLIENTS

    return arguments[1:2] != [] and arguments[1] in CLIENTS
