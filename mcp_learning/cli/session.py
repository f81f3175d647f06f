"""What every command needs: settings, a running service, and errors as one line on stderr."""

import logging
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import NoReturn, TypeVar

import anyio
import typer
from pydantic import BaseModel, ValidationError

from mcp_learning.cli.serve import log_to_stderr
from mcp_learning.cluster.member import SharedService, joined
from mcp_learning.errors import LearningError
from mcp_learning.server.schema import explain
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


def service(settings: Settings) -> AbstractAsyncContextManager[SharedService]:
    """The learning service of `settings`: a running server's if there is one, else opened here."""
    return joined(settings, follows=False)


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Runs async `work`; an expected error becomes one line on stderr and exit status 1."""
    try:
        return anyio.run(work)
    except LearningError as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("interrupted", status=130)


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
