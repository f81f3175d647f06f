"""What every command needs: settings, a running service, and errors as one line on stderr."""

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import NoReturn, TypeVar

import anyio
import typer
from pydantic import BaseModel, ValidationError

from mcp_learning.cli.serve import log_to_stderr
from mcp_learning.cluster.connect import connect
from mcp_learning.errors import LearningError
from mcp_learning.server.schema import explain
from mcp_learning.service.protocol import Learning
from mcp_learning.settings import Settings

R = TypeVar("R", bound=BaseModel)
T = TypeVar("T")


def load_settings(data_dir: Path | None) -> Settings:
    """Settings with the command's data directory, logging set up. Exits 2 if one is wrong."""
    try:
        settings = Settings.load(data_dir=data_dir)
    except LearningError as error:
        fail(str(error), status=2)
    log_to_stderr("ERROR" if settings.log_level == "INFO" else settings.log_level)
    logging.getLogger("mcp_learning.embed").setLevel(logging.INFO)  # says how a download goes
    return settings


def service(settings: Settings) -> AbstractAsyncContextManager[Learning]:
    """The learning service of `settings`: a running server's if there is one, else opened here."""
    return connect(settings)


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Runs async `work`; an expected error becomes one line on stderr and exit status 1.

    SIGINT and SIGTERM cancel it; when it has closed what it opened, the command exits with 130 or
    143. A SIGINT that is ignored from the start stays so: shells begin background jobs like that.
    """
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
    with anyio.CancelScope() as scope:
        if sys.platform != "win32":  # where SIGTERM can't be handled
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, scope.cancel)
        return await work()
    raise _Terminated


def request(model: type[R], **arguments: object) -> R:
    """A request model from a command's options. Exits 2 if one is wrong."""
    try:
        return model.model_validate(arguments)
    except ValidationError as error:
        fail(explain(error, model), status=2)


def fail(message: str, status: int = 1) -> NoReturn:
    """Ends the command with a message on stderr."""
    typer.echo(f"mcp-learning: {message}", err=True)
    sys.exit(status)
