"""The change to a client's configuration text: the server's entry and hooks, put in or taken out.

Every edit is checked before it is handed on: read again, the text has to mean what the old one
meant, with that one change.
"""

import tomllib
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from mcp_learning.clients.install import jsonc
from mcp_learning.clients.install.agents import NAME, Agent, is_ours
from mcp_learning.clients.install.jsonc import BrokenText, Step

HOOK_EVENTS = ("UserPromptSubmit", "Stop", "SessionEnd")
"""Of Claude Code: before a prompt is answered, after each answer, and when a session ends."""

HOOK_SECONDS = 5
"""After so long Claude Code may end a hook; ours is done in a fraction of a second."""

Path = tuple[Step, ...]

_ABSENT = object()


class ForeignEntry(Exception):
    """Raised when the name is taken by another server."""


def install_server(text: str, agent: Agent, entry: dict[str, Any]) -> str:
    """The text with the server's entry; one that is there is brought up to date.

    What a person added to an entry (a timeout, more variables) stays.

    Raises:
        BrokenText: The text can't be read, or not be edited in place.
        ForeignEntry: The name is taken by another server.
    """
    value = _read(text, agent)
    old = _object(value, agent.servers).get(NAME)
    if old is None:
        return _checked(text, agent, _added(text, agent, entry), (agent.servers, NAME), entry)
    if not isinstance(old, dict) or not is_ours(old.get("command"), old.get("args")):
        raise ForeignEntry
    for path, wanted in _leaves((agent.servers, NAME), entry):
        at: Any = _read(text, agent)
        for step in path:
            at = at.get(step, _ABSENT) if isinstance(at, dict) else _ABSENT
        if at != wanted:
            text = _checked(text, agent, _set(text, agent, path, wanted), path, wanted)
    return text


def uninstall_server(text: str, agent: Agent) -> str:
    """The text without the server's entry; as it is, if there is none of ours.

    Raises:
        BrokenText: The text can't be read, or not be edited in place.
    """
    old = _object(_read(text, agent), agent.servers).get(NAME)
    if not isinstance(old, dict) or not is_ours(old.get("command"), old.get("args")):
        return text
    path = (agent.servers, NAME)
    return _checked(text, agent, _without(text, agent, path), path)


def remove_if_empty(text: str, agent: Agent, path: Path) -> str:
    """The text without the object or array at `path`, if that is there and empty.

    Raises:
        BrokenText: The text can't be read, or not be edited in place.
    """
    value: Any = _read(text, agent)
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    if value not in ({}, []) or not path or agent.toml:
        return text
    return _checked(text, agent, jsonc.remove(_filled(text), path), path)


def has_json(text: str, path: Path) -> bool:
    """Whether a JSON text has something at `path`."""
    value = jsonc.parse(text).value
    for step in path:
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    return True


def install_hooks(text: str, agent: Agent, command: str) -> str:
    """The text of Claude Code's settings with the hooks that run `command`, one for each event.

    Raises:
        BrokenText: The text can't be read, or not be edited in place.
    """
    hook = {"type": "command", "command": command, "timeout": HOOK_SECONDS}
    for event in HOOK_EVENTS:
        value = _read(text, agent)
        groups = _array(_object(value, "hooks"), event)
        found = list(_our_hooks(groups))
        path: Path
        if found:
            path = ("hooks", event, found[0][0], "hooks", found[0][1], "command")
            if groups[found[0][0]]["hooks"][found[0][1]].get("command") == command:
                continue
            text = _checked(text, agent, jsonc.put(text, path, command), path, command)
        else:
            path = ("hooks", event, len(groups))
            group = {"hooks": [hook]}
            text = _checked(text, agent, jsonc.put(_filled(text), path, group), path, group)
    return text


def uninstall_hooks(text: str, agent: Agent) -> str:
    """The text without our hooks, and without the groups that held nothing else.

    Raises:
        BrokenText: The text can't be read, or not be edited in place.
    """
    for event in HOOK_EVENTS:
        while found := list(_our_hooks(_array(_object(_read(text, agent), "hooks"), event))):
            group, index = found[-1]
            groups = _read(text, agent)["hooks"][event]
            alone = len(groups[group]["hooks"]) == 1
            path: Path = ("hooks", event, group, *(() if alone else ("hooks", index)))
            text = _checked(text, agent, jsonc.remove(text, path), path)
    return text


def _leaves(path: tuple[str, ...], entry: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in entry.items():
        if isinstance(value, dict):
            yield from _leaves((*path, key), value)
        else:
            yield (*path, key), value


def _our_hooks(groups: list[Any]) -> list[tuple[int, int]]:
    """Where our hooks are: index of the group, and in it."""
    return [
        (number, index)
        for number, group in enumerate(groups)
        if isinstance(group, dict) and isinstance(group.get("hooks"), list)
        for index, hook in enumerate(group["hooks"])
        if isinstance(hook, dict) and _is_our_hook(hook.get("command"))
    ]


def _is_our_hook(command: object) -> bool:
    if not isinstance(command, str) or "hook claude-code" not in command:
        return False
    return "mcp-learning" in command or "mcp_learning" in command


def _read(text: str, agent: Agent) -> dict[str, Any]:
    if agent.toml:
        try:
            return tomllib.loads(text.replace("\r\n", "\n"))
        except (ValueError, RecursionError) as error:
            raise BrokenText(str(error)) from error
    value = jsonc.parse(_filled(text)).value
    if not isinstance(value, dict):
        raise BrokenText("line 1, column 1: the whole has to be an object, { … }")
    return value


def _filled(text: str) -> str:
    """An empty file stands for an empty object."""
    return text if text.strip() else "{}\n"


def _object(value: dict[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key, {})
    if not isinstance(found, dict):
        raise BrokenText(f'"{key}" has to be an object, {{ … }}')
    return found


def _array(value: dict[str, Any], key: str) -> list[Any]:
    found = value.get(key, [])
    if not isinstance(found, list):
        raise BrokenText(f'"{key}" has to be an array, [ … ]')
    return found


def _added(text: str, agent: Agent, entry: dict[str, Any]) -> str:
    if not agent.toml:
        return jsonc.put(_filled(text), (agent.servers, NAME), entry)
    newline = "\r\n" if "\r\n" in text else "\n"
    table = tomlkit.table()
    for key, value in entry.items():
        table[key] = _toml(value)
    block = f"[{agent.servers}.{NAME}]\n{tomlkit.dumps(table)}".replace("\n", newline)
    if isinstance(tomlkit.parse(text).get(agent.servers), tomlkit.items.InlineTable):
        return _set(text, agent, (agent.servers, NAME), entry)
    ended = text if not text or text.endswith("\n") else text + newline
    return ended + (newline if text.strip() else "") + block


def _set(text: str, agent: Agent, path: tuple[str, ...], value: Any) -> str:
    if not agent.toml:
        return jsonc.put(text, path, value)
    return _with_tomlkit(text, path, lambda table: table.__setitem__(path[-1], _toml(value)))


def _without(text: str, agent: Agent, path: tuple[str, ...]) -> str:
    if not agent.toml:
        return jsonc.remove(text, path)
    return _with_tomlkit(text, path, lambda table: table.__delitem__(path[-1]))


def _with_tomlkit(text: str, path: tuple[str, ...], change: Callable[[Any], None]) -> str:
    try:
        document = tomlkit.parse(text)
        table: Any = document
        for step in path[:-1]:
            if step not in table:
                table[step] = tomlkit.inline_table()
            table = table[step]
        change(table)
        return tomlkit.dumps(document)
    except (TOMLKitError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise BrokenText(f"its layout can't be edited ({error}); do it by hand") from error


def _toml(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inline = tomlkit.inline_table()
    inline.update(value)
    return inline


def _checked(old: str, agent: Agent, new: str, path: Sequence[Step], value: Any = _ABSENT) -> str:
    """`new`, if it means what `old` did with `value` at `path`, or nothing there any more."""
    wanted = _read(old, agent)
    at: Any = wanted
    for step, following in pairwise(path):
        if isinstance(at, dict):
            at = at.setdefault(step, [] if isinstance(following, int) else {})
        else:
            at = at[step]
    if value is _ABSENT:
        del at[path[-1]]
    elif isinstance(at, list) and path[-1] == len(at):
        at.append(value)
    else:
        at[path[-1]] = value
    try:
        found = _read(new, agent)
        empty = value is _ABSENT and agent.toml and not wanted.get(agent.servers)
        same = found == wanted or (
            empty and found == {k: v for k, v in wanted.items() if k != agent.servers}
        )
    except BrokenText:
        same = False
    if not same:
        raise BrokenText("its layout can't be edited in place; change it by hand")
    return new
