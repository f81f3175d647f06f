"""The data directory and the hooks' log in it, without importing the settings' models."""

import os
import time
from pathlib import Path

from mcp_learning import environment

LARGEST_LOG = 256 * 2**10
"""Size, in bytes, at which the log is rotated; one older log is kept."""


def data_directory(given: str | None) -> Path:
    """As `Settings.data_dir`: from an option, the environment, the TOML file, or the platform.

    Raises:
        OSError: The TOML file can't be read.
        ValueError: It is not valid TOML, or the directory can't be used.
    """
    for value in (given, os.environ.get(environment.DATA_DIR_VARIABLE)):
        if value is not None and not environment.is_empty(value):
            return environment.data_directory(value)
    if (value := _configured()) is not None and not environment.is_empty(value):
        return environment.data_directory(value)
    import platformdirs

    return platformdirs.user_data_path("mcp-learning").absolute()


def append_log(directory: Path, text: str) -> None:
    """Adds a line to `hook.log` in the data directory, or to stderr if there is no directory.

    Raises:
        OSError: It can't be written.
    """
    line = f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {' '.join(text.split())}\n"
    if not directory.is_dir():
        os.write(2, line.encode(errors="replace"))
        return
    path = directory / "hook.log"
    if path.exists() and path.stat().st_size > LARGEST_LOG:
        path.replace(path.with_name("hook.log.1"))
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as file:
        file.write(line.encode(errors="replace"))


def _configured() -> str | None:
    path = environment.config_file()
    if path is None:
        import platformdirs

        path = platformdirs.user_config_path("mcp-learning") / "config.toml"
    if not path.is_file():
        return None
    import tomllib

    value = tomllib.loads(path.read_text(encoding="utf-8")).get("data_dir")
    return value if isinstance(value, str) else None
