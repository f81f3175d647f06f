"""The commands: what they are called, and where they are declared.

A command's module is imported when the command is asked for; the help of the group needs none.
"""

import os
from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command

from mcp_learning import __version__
from mcp_learning.cli.options import DataDir


class Command(NamedTuple):
    """A command of `mcp-learning`.

    Attributes:
        module: In this package; declares the options and does the work.
        function: In that module.
        help: First line of the function's docstring.
    """

    module: str
    function: str
    help: str

    def load(self) -> Callable[..., Any]:
        """Imports the function."""
        found: Callable[..., Any] = getattr(
            import_module(f"mcp_learning.cli.{self.module}"), self.function
        )
        return found


COMMANDS = {
    "serve": Command(
        "serve", "serve", "Serve MCP over stdin and stdout, for one agent client, or over HTTP."
    ),
    "demo": Command(
        "demo", "demo", "Record a repository's commits with a real server, then search among them."
    ),
    "doctor": Command(
        "doctor",
        "doctor",
        "Check every layer, from Python to a round trip, and say how to mend what fails.",
    ),
    "similar": Command("similar", "similar", "Find earlier executions like TEXT."),
    "recommend": Command(
        "recommend", "recommend", "Compare how approaches ended on tasks like TEXT."
    ),
    "stats": Command(
        "stats", "stats", "Success rates, durations and costs, and the state of the database."
    ),
    "dashboard": Command(
        "dashboard",
        "dashboard",
        "Look at what was learned: a page in the browser, on this machine alone, for reading.",
    ),
    "rebuild-index": Command(
        "rebuild_index", "rebuild_index", "Build the HNSW index anew, with progress."
    ),
    "install": Command(
        "install",
        "install",
        "Add this server to an agent client's configuration; `uninstall` takes it back.",
    ),
    "uninstall": Command(
        "install",
        "uninstall",
        "Take back what `install` wrote into a client's configuration; no execution is touched.",
    ),
    "hook": Command(
        "hook_command",
        "hook",
        "Answer a hook of an agent client, whose JSON is on stdin; `install --hooks` sets it up.",
    ),
    "upgrade": Command(
        "upgrade",
        "upgrade",
        "Bring the database up to date: back up, migrate, embed, index, verify.",
    ),
    "generate-embeddings": Command(
        "generate_embeddings",
        "generate_embeddings",
        "Make the vectors that executions lack, with progress.",
    ),
    "backup": Command(
        "backup", "backup", "Copy the database, also while agents use it, and read the copy back."
    ),
    "restore": Command(
        "restore",
        "restore",
        "Put a backup in the place of the database; or bring back what was archived.",
    ),
    "prune": Command(
        "prune", "prune", "Archive and forget what is too old or too much, and reclaim the space."
    ),
    "recover": Command(
        "recover",
        "recover",
        "Save what can be read of a damaged database. No agent may be using it.",
    ),
    "import": Command(
        "importing",
        "import_",
        "Import executions from sessions of agents, from git, or from a table (docs/import.md).",
    ),
    "export": Command(
        "exporting",
        "export",
        "Write all executions, with feedback and uses, to a file that `import` takes back.",
    ),
    "generate-data": Command(
        "generate_data",
        "generate_data",
        "Add generated, realistic executions to the database, for trying things out at scale.",
    ),
    "benchmark": Command(
        "benchmark",
        "benchmark",
        "Compare exact search with the HNSW index on a copy of your database: is the index worth "
        "it?",
    ),
    "evaluate": Command(
        "evaluate",
        "evaluate",
        "Replay your executions, each outcome predicted from earlier ones, and score it.",
    ),
}
"""By name, in the order in which the help lists them."""


class LazyGroup(TyperGroup):
    """A group that knows its commands by name and help, and imports the one that is asked for."""

    def resolve_command(
        self, ctx: Any, args: list[str]
    ) -> tuple[str | None, Any, list[str]]:  # Any: Typer keeps the types of its contexts private
        """Finds the command that the arguments begin with, and what is left of them."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, None if name is None else declared(name), rest


def declared(name: str) -> Any:
    """The Click command of a name, with its options, made from the function that declares it."""
    alone = typer.Typer(add_completion=False)
    alone.command(name)(COMMANDS[name].load())
    return get_command(alone)


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
        bool, typer.Option("--version", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """A learning database for AI agents. Without a command it serves MCP over stdio."""
    if context.invoked_subcommand is None:
        COMMANDS["serve"].load()(data_dir=data_dir)
    elif data_dir is not None:  # given before the command, it is meant for the command
        os.environ["MCP_LEARNING_DATA_DIR"] = str(data_dir)


def _not_loaded() -> None:
    """Stands for a command in the group's help; `LazyGroup` puts the real one in its place."""


for _name, _command in COMMANDS.items():
    app.command(_name, help=_command.help)(_not_loaded)
