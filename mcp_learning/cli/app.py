"""The table of commands: their help texts, and the functions that implement them.

A command's module is imported when the command runs; the help of the group needs none of them.
"""

import os
from collections.abc import Callable
from errno import EPIPE
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command

from mcp_learning import __version__
from mcp_learning.cli.interrupts import STATUS, is_interrupt
from mcp_learning.cli.options import DataDir
from mcp_learning.cli.verbosity import verbosity
from mcp_learning.errors import LearningError

_HELP = {
    "Set up": {
        "serve": "Serve MCP over stdin and stdout, for one agent client, or over HTTP.",
        "install": "Add this server to an agent client's configuration; `uninstall` removes it.",
        "uninstall": "Remove what `install` wrote into a client's configuration; no execution is "
        "touched.",
        "hook": "Answer a hook of an agent client, whose JSON is on stdin; `install --hooks` sets "
        "it up.",
        "doctor": "Check every layer, from Python to a round trip, and say how to fix what fails.",
    },
    "Ask and correct": {
        "similar": "Find earlier executions like TEXT.",
        "recommend": "Compare how approaches ended on tasks like TEXT.",
        "list": "List what was recorded, the latest first.",
        "show": "Show everything that is known of an execution.",
        "stats": "Success rates, durations and costs, and the state of the database.",
        "dashboard": "Show what was learned as a page in the browser, on this machine only.",
        "lessons": "List, show, approve, edit, retire, pin or write what executions taught.",
        "distill": "Let an agent that you have write lessons: `claude -p` or `codex exec`, on your "
        "account.",
        "edit": "Correct the values of an execution; an empty value removes one.",
        "feedback": "Judge an execution: recommendations count it for more, or for less.",
        "judge": "Correct outcomes by later facts: reverted commits, test results.",
        "delete": "Forget executions for good, with their feedback; asks before it does.",
    },
    "Bring in, copy, forget": {
        "import": "Import executions from sessions of agents, from git, or from a table "
        "(docs/import.md).",
        "export": "Write all executions, with feedback, to a file that `import` can read.",
        "backup": "Copy the database, also while agents use it, and read the copy back.",
        "restore": "Replace the database by a backup, or restore archived executions.",
        "prune": "Archive and forget what is too old or too much, and reclaim the space.",
        "team": "Share executions with a team's PostgreSQL: set it up, exchange, and see what is "
        "queued.",
    },
    "Look after the database": {
        "upgrade": "Bring the database up to date: back up, migrate, embed, index, verify.",
        "rebuild-index": "Rebuild the HNSW index, with progress.",
        "generate-embeddings": "Make the vectors that executions lack, with progress.",
        "recover": "Save what can be read of a damaged database, which no agent may be using.",
    },
    "Try and measure": {
        "demo": "Record a repository's commits with a real server, then search among them.",
        "generate-data": "Add generated, realistic executions to the database, for trying things "
        "out at scale.",
        "benchmark": "Compare exact search with the HNSW index on a copy of your database: is the "
        "index worth it?",
        "evaluate": "Replay your executions, each outcome predicted from earlier ones, and score "
        "it.",
    },
}
"""The first line of each command's docstring, by panel and command, in the order of the help."""

_FUNCTIONS = {
    "export": "exporting.export",
    "hook": "hook_command.hook",
    "import": "importing.import_",
    "list": "listing.list_",
    "uninstall": "install.uninstall",
}
"""Module and function of commands for which they don't follow from the name."""


class Command(NamedTuple):
    """A command of `mcp-learning`: the function that implements it, its help and its panel."""

    module: str
    function: str
    help: str
    panel: str

    def load(self) -> Callable[..., Any]:
        """Imports the function."""
        found: Callable[..., Any] = getattr(
            import_module(f"mcp_learning.cli.{self.module}"), self.function
        )
        return found


def _command_of(name: str, summary: str, panel: str) -> Command:
    own = name.replace("-", "_")
    module, function = _FUNCTIONS.get(name, f"{own}.{own}").split(".")
    return Command(module, function, summary, panel)


COMMANDS = {
    name: _command_of(name, summary, panel)
    for panel, commands in _HELP.items()
    for name, summary in commands.items()
}
"""The commands by name, in the order of the help."""


_INPUT = "Input should be"  # in pydantic's words, with which Typer checks numbers


class LazyGroup(TyperGroup):
    """A group that knows its commands' names and help, and imports only the one that is run."""

    def resolve_command(
        self, ctx: Any, args: list[str]
    ) -> tuple[str | None, Any, list[str]]:  # Any: Typer keeps the types of its contexts private
        """The command that the arguments begin with, and the remaining arguments."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, None if name is None else load_command(name), rest

    def invoke(self, ctx: Any) -> Any:
        """Runs the command; rewords pydantic's message about a number out of range.

        An expected error, one of the operating system, such as a full disk behind stdout, and an
        interrupt become one line.
        """
        from mcp_learning.cli.running import error_text, fail

        try:
            return super().invoke(ctx)
        except LearningError as error:
            fail(error_text(error))
        except OSError as error:
            if error.errno == EPIPE:  # nobody reads stdout any more: Click exits silently
                raise
            place = f"{error.filename}: " if error.filename else ""
            fail(f"{place}{error.strerror or str(error) or type(error).__name__}")
        except typer.BadParameter as error:
            if error.message.startswith(_INPUT):
                error.message = error.message.replace(_INPUT, "must be").partition(", ")[0]
            raise
        except (KeyboardInterrupt, RuntimeError) as error:
            if not is_interrupt(error):
                raise
            fail("interrupted", STATUS)


def load_command(name: str) -> Any:
    """The Click command of this name, made from the function that implements it."""
    single = typer.Typer(add_completion=False)
    single.command(name)(COMMANDS[name].load())
    command = get_command(single)
    command.params += _verbosity_options()
    return command


def _verbosity_options() -> list[Any]:
    """`--quiet` and `--verbose`, which every command has."""
    group = typer.Typer(add_completion=False)
    group.command()(_not_loaded)
    group.callback(invoke_without_command=True)(_declare_verbosity)
    options = get_command(group).params
    for option in options:
        option.expose_value = False
    return options


def _set_quiet(wanted: bool) -> bool:
    verbosity.quiet |= wanted
    return wanted


def _set_verbose(wanted: bool) -> bool:
    verbosity.verbose |= wanted
    return wanted


Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", callback=_set_quiet, help="Only the result and errors.")
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", callback=_set_verbose, help="Show what the log says.")
]


def _declare_verbosity(quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Declares the two options; their callbacks do the work."""


app = typer.Typer(
    name="mcp-learning",
    cls=LazyGroup,
    help="A learning database for AI agents. Without a command it serves MCP over stdio.",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mcp-learning {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def default(
    context: typer.Context,
    data_dir: DataDir = None,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """A learning database for AI agents. Without a command it serves MCP over stdio."""
    verbosity.quiet, verbosity.verbose = quiet, verbose
    if context.invoked_subcommand is None:
        COMMANDS["serve"].load()(data_dir=data_dir)
    elif data_dir is not None:  # given before the command, it is meant for the command
        os.environ["MCP_LEARNING_DATA_DIR"] = str(data_dir)


def _not_loaded() -> None:
    """Placeholder of a command in the group's help; `LazyGroup` replaces it by the real one."""


for _name, _command in COMMANDS.items():
    app.command(_name, help=_command.help, rich_help_panel=_command.panel)(_not_loaded)
