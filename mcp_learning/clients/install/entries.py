"""What a client's configuration holds with the server, and without it.

Every function leaves what it is given as it is, and raises `BrokenText` if something else than an
object of servers is in their place.
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
    """The configuration with the server's entry; what a person added to an older one stays.

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
    """The configuration without an entry of ours, and without an object that holds no server."""
    is_there, config = has_server(config, agent), deepcopy(config)
    if is_there:
        del config[agent.servers][NAME]
    if not config.get(agent.servers):
        config.pop(agent.servers, None)
    return config


def at(config: Config, key: str, kind: type[Any]) -> Any:
    """What is at `key`, an object or an array as `kind` says; a new one if there is nothing."""
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
