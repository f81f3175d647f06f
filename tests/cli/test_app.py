"""The group of commands knows each by name and help, and imports the one that is asked for."""

import subprocess
import sys

import pytest
from cli.conftest import Command as Run

from mcp_learning.cli.app import COMMANDS

MODULES = {f"mcp_learning.cli.{command.module}" for command in COMMANDS.values()}


SCRIPT = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
from mcp_learning.cli import main
main()
"""


def imported(*arguments: str) -> set[str]:
    """The modules that `mcp-learning ARGUMENTS` imports."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    return set(done.stderr.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_the_group_says_what_the_command_says_of_itself(name: str) -> None:
    command = COMMANDS[name]
    assert (command.load().__doc__ or "").splitlines()[0] == command.help


def test_the_help_of_the_group_lists_every_command(run: Run) -> None:
    listed = run("--help").stdout
    assert [name for name in COMMANDS if f" {name} " not in listed] == []


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_no_command_is_imported_to_show_what_there_is(argument: str) -> None:
    assert MODULES & imported(argument) == set()


def test_only_the_command_that_is_asked_for_is_imported() -> None:
    modules = imported("similar", "--help")
    assert MODULES & modules == {"mcp_learning.cli.similar"}
    assert not {"duckdb", "mcp.types", "anyio", "pydantic_settings"} & modules


def test_a_misspelt_command_is_answered_with_the_nearest(run: Run) -> None:
    done = run("similer")
    assert done.returncode == 2
    assert "'similar'" in done.stderr


INTERRUPTED = """
import signal, sys
from importlib.abc import MetaPathFinder
from mcp_learning.cli import main
class Interrupting(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.startswith("mcp_learning.cli."):
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
main()
"""


@pytest.mark.parametrize("words", ["stats", "hook claude-code"])
def test_a_command_that_is_interrupted_while_it_is_imported_ends_without_a_traceback(
    words: str,
) -> None:
    command = [sys.executable, "-c", INTERRUPTED, *words.split()]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100
    )
    assert (done.returncode, done.stderr) == (130, "mcp-learning: interrupted\n")
