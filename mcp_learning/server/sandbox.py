"""Starts servers without the user's settings, for `demo`, `doctor` and the benchmarks."""

import os
import sys
from pathlib import Path

from mcp_learning.environment import CONFIG_VARIABLE, DATA_DIR_VARIABLE, PREFIX

# -P: a file in the current directory, such as a `json.py`, must not be imported as a module.
PYTHON = (sys.executable, "-P")
COMMAND = (*PYTHON, "-m", "mcp_learning")
"""Starts the server over stdio, in the Python that runs this."""


def environment(data_dir: Path) -> dict[str, str]:
    """The environment of a server with default settings on `data_dir`.

    The user's configuration is left out, so that only the installation is tested and the user's
    database isn't touched.
    """
    inherited = {k: v for k, v in os.environ.items() if not k.upper().startswith(PREFIX)}
    return {
        **inherited,
        CONFIG_VARIABLE: os.devnull,
        DATA_DIR_VARIABLE: str(data_dir),
        f"{PREFIX}LOG_LEVEL": "WARNING",
    }
