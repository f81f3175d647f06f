"""Runs a benchmark: `python -m benchmarks COMMAND`, in a checkout."""

import sys

import typer

from benchmarks.calibration.command import calibrate
from benchmarks.lessons.command import lessons
from benchmarks.public.command import public
from benchmarks.scale.command import scale
from benchmarks.servers.command import hook, memory, servers, versions
from benchmarks.suite.command import suite
from benchmarks.teams.command import team
from benchmarks.worlds.command import histories, reference, worlds
from mcp_learning.errors import LearningError

app = typer.Typer(
    name="python -m benchmarks",
    help="Benchmarks of mcp-learning. None touches your database.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    suite,
    scale,
    calibrate,
    public,
    worlds,
    histories,
    lessons,
    memory,
    servers,
    versions,
    hook,
    team,
):
    app.command()(command)
app.command("worlds-reference")(reference)


def main() -> None:
    """Runs the command; an expected error becomes one line on stderr and exit status 1."""
    try:
        app()
    except LearningError as error:
        typer.echo(f"benchmarks: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
