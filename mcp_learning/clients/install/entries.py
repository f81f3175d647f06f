"""Adds the server to the value of a client's configuration, and removes it.

No function changes its arguments; all raise `BrokenText` if the servers aren't an object.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from mcp_learning.clients.install.agents import NAME, Agent
from mcp_learning.clients.install.jsonc import BrokenText

Config = dict[str, Any]
Change = Callable[[Config], Config]


class ForeignEntry(Exception):
    """Raised when another server is configured under our name."""


def has_server(config: Config, agent: Agent) -> bool:
    """Whether the configuration has an entry that starts this server."""
    entry = at(config, agent.servers, dict).get(NAME)
    if not isinstance(entry, dict):
        return False
    arguments = entry.get("args")
    words = [entry.get("command"), *(arguments if isinstance(arguments, list) else [])]
    names = {word.replace("\\", "/").rpartition("/")[2] for word in words if isinstance(word, str)}
    return bool(names & {"mcp-learning", "mcp-learning.exe", "mcp_learning"})


def with_server(config: Config, agent: Agent, entry: Config) -> Config:
    """The configuration with the server's entry; additions to an older entry stay.

    Raises:
        ForeignEntry: The name is taken by another server.
    """
    is_update, config = has_server(config, agent), deepcopy(config)
    servers = config.setdefault(agent.servers, {})
    if is_update:
        _update(servers[NAME], entry)
    elif NAME in servers:
        raise ForeignEntry
    else:
        servers[NAME] = entry
    return config


def without_server(config: Config, agent: Agent) -> Config:
    """The configuration without our entry, and without an empty object of servers."""
    is_there, config = has_server(config, agent), deepcopy(config)
    if is_there:
        del config[agent.servers][NAME]
    if not config.get(agent.servers):
        config.pop(agent.servers, None)
    return config


def at(config: Config, key: str, kind: type[Any]) -> Any:
    """The value at `key`, which has to be of `kind`; a new, empty one if the key is missing."""
    found = config.get(key, kind())
    if not isinstance(found, kind):
        raise BrokenText(f'"{key}" has to be {"an object" if kind is dict else "an array"}')
    return found


def _update(old: Config, entry: Config) -> None:
    for key, value in entry.items():
        if isinstance(value, dict) and isinstance(old.get(key), dict):
            _update(old[key], value)
        elif old.get(key, type(value)()) != value:  # what is empty may as well be missing
            old[key] = value
