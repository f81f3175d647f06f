"""The plugin for clients that take plugins: the server, its hooks and a skill, in one.

A client's own commands add the directory that offers the plugin, and install it from there.
"""

from pathlib import Path

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


def marketplace() -> Path | None:
    """The directory that offers the plugin: of this package, or of its checkout; None: neither."""
    package = Path(__file__).parents[2]
    places = (package / "marketplace", package.parent)
    return next((place for place in places if (place / _MARKET).is_file()), None)


def commands(agent: Agent, *, remove: bool) -> list[list[str]]:
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
        LearningError: It fails, in the client's words. What a marketplace is added for may be there
            already, so that this is no failure.
    """
    said = client_commands.run_command(command)
    if said is not None and "marketplace" not in command:
        raise LearningError(f"{' '.join(command)} failed: {' '.join(said.split())[:300]}")
