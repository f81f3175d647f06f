"""Installs the plugin (server, hooks and a skill) by the commands of clients that have plugins.

They add the directory with the marketplace file, and install the plugin from there.
"""

from pathlib import Path

from mcp_learning.clients.install import client_commands
from mcp_learning.clients.install.agents import Agent
from mcp_learning.errors import InvalidInput, LearningError

NAME = "mcp-learning"
"""The name of the plugin, and of its marketplace."""

_MARKET = ".claude-plugin/marketplace.json"
_VERBS = {
    "claude-code": ("claude", "install", "uninstall"),
    "codex": ("codex", "add", "remove"),
    "copilot": ("copilot", "install", "uninstall"),
}
"""Each client's program, and its subcommands that install and remove a plugin."""


def marketplace() -> Path | None:
    """The marketplace's directory, in this package or in its checkout; None: there is none."""
    package = Path(__file__).parents[2]
    places = (package / "marketplace", package.parent)
    return next((place for place in places if (place / _MARKET).is_file()), None)


def commands(agent: Agent, *, remove: bool) -> list[list[str]]:
    """The commands that install the plugin, or remove it.

    Raises:
        InvalidInput: The client can't install this plugin.
        LearningError: Its program isn't installed, or this installation has no plugin.
    """
    if agent.name not in _VERBS:
        raise InvalidInput("plugin", f"{agent.title} has no command for plugins; leave it out")
    program, install, uninstall = _VERBS[agent.name]
    if not client_commands.is_available([program]):
        raise LearningError(f"{program} is not on the PATH, but {agent.title} needs it for plugins")
    plugin = f"{NAME}@{NAME}"
    if remove:
        return [
            [program, "plugin", uninstall, plugin],
            [program, "plugin", "marketplace", "remove", NAME],
        ]
    place = marketplace()
    if place is None:
        raise LearningError("this installation lacks the plugin; use --hooks instead")
    return [
        [program, "plugin", "marketplace", "add", str(place)],
        [program, "plugin", install, plugin],
    ]


def carry_out(command: list[str]) -> None:
    """Runs a command of a client to its end.

    Raises:
        LearningError: It fails, with the client's message. Commands about the marketplace may fail,
            since it may have been added before.
    """
    said = client_commands.run_command(command)
    if said is not None and "marketplace" not in command:
        raise LearningError(f"{' '.join(command)} failed: {' '.join(said.split())[:300]}")
