"""The plugin for clients that take plugins: the server, its hooks and a skill, in one.

A client's own commands add the directory that offers the plugin, and install it from there.
"""

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from mcp_learning.clients.install import client_commands
from mcp_learning.clients.install.agents import Agent
from mcp_learning.errors import InvalidInput, LearningError

NAME = "mcp-learning"
"""Of the plugin, and of the marketplace that offers it."""

_MARKET = ".claude-plugin/marketplace.json"
_VERBS = {
    "claude-code": ("claude", "install", "uninstall"),
    "codex": ("codex", "add", "remove"),
    "copilot": ("copilot", "install", "uninstall"),
}
"""Program, and its verbs to install and to remove a plugin."""


class Step(NamedTuple):
    """A command of a client.

    Attributes:
        command: Program and arguments.
        may_fail: Whether its failure is none: what it makes may be there already.
    """

    command: list[str]
    may_fail: bool = False


def marketplace() -> Path | None:
    """The directory that offers the plugin: of this package, or of its checkout; None: neither."""
    package = Path(__file__).parents[2]
    places = (package / "marketplace", package.parent)
    return next((place for place in places if (place / _MARKET).is_file()), None)


def steps(agent: Agent, *, remove: bool) -> list[Step]:
    """The commands that install the plugin, or remove it.

    Raises:
        InvalidInput: The client takes no plugins that this could be.
        LearningError: Its program isn't there, or this installation has no plugin.
    """
    if agent.name not in _VERBS:
        raise InvalidInput("plugin", f"{agent.title} takes none from a command; leave it out")
    program, install, uninstall = _VERBS[agent.name]
    if not client_commands.is_available([program]):
        raise LearningError(f"{program} is not on the PATH, and {agent.title} installs by it")
    plugin = f"{NAME}@{NAME}"
    if remove:
        return [
            Step([program, "plugin", uninstall, plugin]),
            Step([program, "plugin", "marketplace", "remove", NAME], may_fail=True),
        ]
    place = marketplace()
    if place is None:
        raise LearningError("this installation lacks the plugin; use --hooks instead")
    return [
        Step([program, "plugin", "marketplace", "add", str(place)], may_fail=True),
        Step([program, "plugin", install, plugin]),
    ]


def carry_out(step: Step) -> None:
    """Runs a command of a client to its end.

    Raises:
        LearningError: It fails, in the client's words.
    """
    program = shutil.which(step.command[0]) or step.command[0]
    try:
        subprocess.run(
            [program, *step.command[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=client_commands.TIMEOUT_SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        if step.may_fail:
            return
        said = " ".join((error.stderr or error.stdout).split())[:300]
        raise LearningError(f"{' '.join(step.command)} failed: {said}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LearningError(f"{' '.join(step.command)} failed: {error}") from error
