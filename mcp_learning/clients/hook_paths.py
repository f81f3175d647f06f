"""The data directory and the hooks' log in it, without the models of the settings."""

import os
import time
from pathlib import Path

LARGEST_LOG = 256 * 2**10
"""Bytes after which a new log is begun; the one before is kept."""


def data_directory(given: str | None) -> Path:
    """As `Settings.data_dir`: from an option, the environment, the TOML file, or the platform.

    Raises:
        OSError: The TOML file can't be read.
        ValueError: It is not valid TOML.
    """
    value = given if given is not None else os.environ.get("MCP_LEARNING_DATA_DIR")
    if value is None:
        value = _configured()
    if value is None:
        import platformdirs

        value = str(platformdirs.user_data_path("mcp-learning"))
    return Path(value).expanduser().absolute()


def note(directory: Path, text: str) -> None:
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
    named = os.environ.get("MCP_LEARNING_CONFIG")
    if named is None or named == "":
        import platformdirs

        path = platformdirs.user_config_path("mcp-learning") / "config.toml"
    else:
        path = Path(named)
    if not path.is_file():
        return None
    import tomllib

    value = tomllib.loads(path.read_text(encoding="utf-8")).get("data_dir")
    return value if isinstance(value, str) else None
