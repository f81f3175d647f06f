"""Shared by the commands: loads settings, calls the service, reports errors on one line.

Slow imports are inside the functions that need them, so that `--help` is fast.
"""

import logging
import re
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

from mcp_learning.cli.interrupts import STATUS, exit_on_interrupt, restore_interrupts
from mcp_learning.cli.log_records import (
    OneLineFormatter,
    RepeatLimit,
    is_no_database_error,
    is_no_socket_race,
)
from mcp_learning.cli.verbosity import verbosity
from mcp_learning.environment import did_you_mean
from mcp_learning.errors import InvalidInput, LearningError, NotFound
from mcp_learning.models.characters import visible

if TYPE_CHECKING:
    from uuid import UUID

    from pydantic import BaseModel

    from mcp_learning.service.protocol import Learning
    from mcp_learning.settings import Settings

R = TypeVar("R", bound="BaseModel")
T = TypeVar("T")


def load_settings(
    data_dir: Path | None, *, quiet: bool = True, needs_database: bool = False
) -> "Settings":
    """Loads the settings and configures logging. Exits with status 2 if a setting is wrong.

    Args:
        data_dir: The data directory; None: as configured.
        quiet: Log only errors and the download of a model, unless another level is configured.
        needs_database: Exit with status 1 if there is no database, instead of creating one.
    """
    from mcp_learning.settings import Settings

    try:
        settings = Settings.load(data_dir=data_dir)
    except LearningError as error:
        fail(str(error), status=2)
    if verbosity.verbose:
        _log_to_stderr("DEBUG" if settings.log_level == "DEBUG" else "INFO")
    elif quiet:
        _log_to_stderr("ERROR" if settings.log_level == "INFO" else settings.log_level, once=True)
        logging.getLogger("mcp_learning.embed").setLevel(logging.INFO)
    else:
        _log_to_stderr(settings.log_level)
    restore_interrupts()
    if needs_database:
        require_database(settings)
    return settings


def require_database(settings: "Settings") -> None:
    """Exits with status 1 without a database; suggests a sibling directory that has one."""
    from mcp_learning.store.duckdb.files import replacement_marker

    path, directory = settings.database_path, settings.data_dir
    try:
        if path.exists() or replacement_marker(path).exists():
            return
    except PermissionError:
        fail(
            f"{directory} can't be read; change its permissions, or name another directory with "
            "--data-dir or MCP_LEARNING_DATA_DIR"
        )
    others = []
    with suppress(OSError):  # the directory doesn't exist or can't be read
        siblings = directory.parent.iterdir()
        others = [one.name for one in siblings if (one / path.name).exists()]
    hint = did_you_mean(directory.name, others)
    fail(
        f"there is no database in {directory}{hint or ' yet.'} An agent's server makes one when it "
        "starts, and so do `import` and `generate-data`; --data-dir or MCP_LEARNING_DATA_DIR names "
        "another directory"
    )


def service(settings: "Settings") -> AbstractAsyncContextManager["Learning"]:
    """The learning service of the running server, or one in this process if there is none."""
    from mcp_learning.cluster.connect import connect
    from mcp_learning.team.members import service_of

    return connect(settings, service_of(settings))


def run(
    work: Callable[[], Awaitable[T]], status: str = "", names: Mapping[str, str] | None = None
) -> T:
    """Runs async `work`; an expected error becomes one line on stderr and exit status 1.

    SIGINT and SIGTERM cancel it; after it has closed what it opened, the command exits with 130 or
    143. A SIGINT that is ignored at the start stays ignored, as in background jobs of shells.

    Args:
        work: The work.
        status: Text shown on a terminal meanwhile, unless the command is quiet; "" for none.
        names: Names of options that differ from `OPTIONS`, by field of the request.
    """
    exit_on_interrupt()
    import anyio

    try:
        with status_line(status):
            return anyio.run(_until_interrupted, work)
    except LearningError as error:
        fail(error_text(error, names))
    except _Interrupted as interrupted:
        fail("interrupted", status=128 + interrupted.signal)
    except KeyboardInterrupt:  # a second signal doesn't wait for the cancellation
        fail("interrupted", status=STATUS)
    finally:
        restore_interrupts()


def call(
    settings: "Settings",
    use: Callable[["Learning"], Awaitable[T]],
    status: str = "",
    names: Mapping[str, str] | None = None,
) -> T:
    """Returns the result of `use` on the learning service; `status`, `names` as for `run`."""

    async def work() -> T:
        async with service(settings) as learning:
            return await use(learning)

    return run(work, status, names)


class _Interrupted(Exception):
    """Raised when a signal has cancelled the work of a command."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = number


async def _until_interrupted(work: Callable[[], Awaitable[T]]) -> T:
    import asyncio

    import anyio

    arrived: list[int] = []
    with anyio.CancelScope() as scope:

        def cancel(number: int) -> None:
            arrived.append(number)
            loop.remove_signal_handler(number)
            scope.cancel()

        loop = asyncio.get_running_loop()
        if sys.platform == "win32":  # where event loops don't handle signals
            restore_interrupts()
        else:
            for number in (signal.SIGTERM, signal.SIGINT):
                if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN:
                    loop.add_signal_handler(number, cancel, number)
        return await work()
    raise _Interrupted(arrived[0])


def request(model: type[R], names: Mapping[str, str] | None = None, **arguments: object) -> R:
    """Makes a request from options; `names` as for `run`. Exits with status 2 if one is wrong."""
    from pydantic import ValidationError

    from mcp_learning.server.schema import explain

    try:
        return model.model_validate(arguments)
    except ValidationError as error:
        known = {field: (names or {}).get(field) or option(field) for field in model.model_fields}
        problem = explain(error, model, lambda field: known.get(field) or option(field))
        if problem.startswith(_WHOLE):  # about several fields, which the message names
            words = problem.removeprefix(_WHOLE)
            problem = re.sub(r"\w+", lambda word: known.get(word[0], word[0]), words)
        fail(problem, 2)


_WHOLE = "options: "

OPTIONS = {
    "arguments": "options",
    "task_description": "TEXT",
    "path": "PATH",
    "client": "CLIENT",
    "task_id": "ID",
    "task_ids": "ID",
    "task_type": "--type",
    "group_by": "--by",
    "error_message": "--error",
    "solution_summary": "--solution",
}
"""Options and arguments by field of requests, if they aren't `--field-name`."""


def option(field: str) -> str:
    """The option or argument that sets a field of a request."""
    known = field in OPTIONS or not field.islower()
    return OPTIONS.get(field, field) if known else "--" + field.replace("_", "-")


def error_text(error: LearningError, names: Mapping[str, str] | None = None) -> str:
    """The message of an error, naming options instead of fields; `names` as for `run`."""
    if isinstance(error, NotFound):
        missing = str(error).removeprefix("task_id: ").partition(";")[0]
        return f"ID: {missing}; `mcp-learning list` shows those that exist"
    if isinstance(error, InvalidInput):
        return f"{(names or {}).get(error.field) or option(error.field)}: {error.problem}"
    return str(error)


async def resolve(learning: "Learning", text: str) -> "UUID":
    """The execution with this id or beginning of an id.

    Raises:
        InvalidInput: The text can't begin an id, or several ids begin with it; the message names
            them.
        NotFound: No execution has such an id.
    """
    from mcp_learning.models.corrections import ResolveId

    return (await learning.resolve(ResolveId(task_id=text))).task_id


def is_attended() -> bool:
    """Whether stdin is a terminal; False if it is closed."""
    return bool(sys.stdin and sys.stdin.isatty())


def confirm(question: str, *, yes: bool) -> None:
    """Asks for confirmation on the terminal unless `yes`.

    Exits with status 1 if it is refused, and with 2 if stdin is no terminal.
    """
    if yes:
        return
    if not is_attended():
        fail(f"{question} Nobody can answer here: give --yes if so", 2)
    import typer

    if not typer.confirm(question, err=True):
        fail("nothing was changed")


@contextmanager
def status_line(status: str) -> Iterator[None]:
    """Shows a status on a terminal during the context."""
    if not status or verbosity.quiet or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(status):
        yield


def explain_stdio() -> None:
    """On a terminal, explains that a server over stdio waits for an MCP client.

    Exits with status 2 if stdin is closed, since the next opened file would get its descriptor.
    """
    if not sys.stdin:
        fail("stdin is closed; a client has to be connected to it", 2)
    if is_attended() and not verbosity.quiet:
        from mcp_learning import __version__

        sys.stderr.write(
            f"mcp-learning {__version__}, an MCP server for AI agents, waits for a client on "
            "stdin (Ctrl+C ends it). `mcp-learning install CLIENT` adds it to an agent, "
            "`mcp-learning --help` lists what people can do.\n"
        )


def fail(message: str, status: int = 1) -> NoReturn:
    """Ends the command with a message on stderr."""
    sys.stderr.write(f"mcp-learning: {visible(message)}\n")
    sys.exit(status)


def _log_to_stderr(level: str, *, once: bool = False) -> None:
    """Sends log records to stderr, since stdout is for the protocol or results.

    With `once`, errors of the database are dropped, since the command reports them itself.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLineFormatter())
    handler.addFilter(is_no_socket_race)
    handler.addFilter(RepeatLimit())
    if once:
        handler.addFilter(is_no_database_error)
    logging.basicConfig(level=level, handlers=[handler])
    for chatty in ("mcp", "httpx", "httpx2", "huggingface_hub", "psycopg", "uvicorn"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLevelName(level)))
