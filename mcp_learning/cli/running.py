"""What commands share: settings, the learning service, and errors as one line on stderr.

What takes long to import is imported when it is needed: `--help` and a wrong option don't wait.
"""

import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

from mcp_learning.cli.log_records import OneLine, RepeatLimit, is_worth_telling
from mcp_learning.environment import did_you_mean
from mcp_learning.errors import LearningError
from mcp_learning.models.characters import visible

if TYPE_CHECKING:
    from pydantic import BaseModel

    from mcp_learning.service.protocol import Learning
    from mcp_learning.settings import Settings

R = TypeVar("R", bound="BaseModel")
T = TypeVar("T")


def load_settings(
    data_dir: Path | None, *, quiet: bool = True, needs_database: bool = False
) -> "Settings":
    """Loads the settings and sets logging up. Exits 2 if a setting is wrong.

    Args:
        data_dir: What the command was given; None: as configured.
        quiet: Log only errors and the download of a model, unless another level is configured.
        needs_database: Exit 1 if the data directory has no database, and make none.
    """
    from mcp_learning.settings import Settings

    try:
        settings = Settings.load(data_dir=data_dir)
    except LearningError as error:
        fail(str(error), status=2)
    if quiet:
        _log_to_stderr("ERROR" if settings.log_level == "INFO" else settings.log_level)
        logging.getLogger("mcp_learning.embed").setLevel(logging.INFO)
    else:
        _log_to_stderr(settings.log_level)
    if needs_database:
        require_database(settings)
    return settings


def require_database(settings: "Settings") -> None:
    """Ends the command if the data directory has no database; names one that may be meant."""
    from mcp_learning.store.duckdb.files import replacing

    path = settings.database_path
    if path.exists() or replacing(path).exists():
        return
    directory = settings.data_dir
    others = []
    with suppress(OSError):  # there is no such directory, or none that may be read
        siblings = directory.parent.iterdir()
        others = [one.name for one in siblings if (one / path.name).exists()]
    hint = did_you_mean(directory.name, others)
    fail(
        f"there is no database in {directory}{hint or ';'} --data-dir "
        "or MCP_LEARNING_DATA_DIR names the directory, and an agent's server, `import` or "
        "`generate-data` makes a database in it"
    )


def service(settings: "Settings") -> AbstractAsyncContextManager["Learning"]:
    """The learning service of `settings`: a running server's if there is one, else opened here."""
    from mcp_learning.cluster.connect import connect

    return connect(settings)


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Runs async `work`; an expected error becomes one line on stderr and exit status 1.

    SIGINT and SIGTERM cancel it; when it has closed what it opened, the command exits with 130 or
    143. A SIGINT that is ignored from the start stays so: shells begin background jobs like that.
    """
    import anyio

    try:
        return anyio.run(_until_terminated, work)
    except LearningError as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("interrupted", status=128 + signal.SIGINT)
    except _Terminated:
        fail("interrupted", status=128 + signal.SIGTERM)


class _Terminated(Exception):
    """Raised when SIGTERM has cancelled the work of a command."""


async def _until_terminated(work: Callable[[], Awaitable[T]]) -> T:
    import asyncio

    import anyio

    with anyio.CancelScope() as scope:
        if sys.platform != "win32":  # where SIGTERM can't be handled
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, scope.cancel)
        return await work()
    raise _Terminated


def request(model: type[R], **arguments: object) -> R:
    """A request model from a command's options. Exits 2 if one is wrong."""
    from pydantic import ValidationError

    from mcp_learning.server.schema import explain

    try:
        return model.model_validate(arguments)
    except ValidationError as error:
        fail(explain(error, model), status=2)


def fail(message: str, status: int = 1) -> NoReturn:
    """Ends the command with a message on stderr."""
    sys.stderr.write(f"mcp-learning: {visible(message)}\n")
    sys.exit(status)


def _log_to_stderr(level: str) -> None:
    """Sends every log record to stderr: stdout belongs to the protocol, or to results."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    handler.addFilter(is_worth_telling)
    handler.addFilter(RepeatLimit())
    logging.basicConfig(level=level, handlers=[handler])
    for chatty in ("mcp", "httpx", "httpx2", "huggingface_hub", "uvicorn"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLevelName(level)))
