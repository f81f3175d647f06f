"""Parses a configuration text, JSON with comments or TOML, and edits it to hold another value.

A text that can't be parsed, holds no object or has a layout that can't be edited raises
`BrokenText`.
"""

import tomllib
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable

from mcp_learning.clients.install import jsonc
from mcp_learning.clients.install.jsonc import BrokenText

_EMPTY = "{}\n"  # replaces an empty JSON file


def load(text: str, *, toml: bool) -> dict[str, Any]:
    """The value of a configuration text; an empty text is an empty configuration."""
    if toml:
        try:
            return tomllib.loads(text.replace("\r\n", "\n"))
        except (ValueError, RecursionError) as error:
            raise BrokenText(str(error)) from error
    value = jsonc.loads(text if text.strip() else _EMPTY)
    if not isinstance(value, dict):
        raise BrokenText("line 1, column 1: the whole has to be an object, { … }")
    return value


def rewrite(text: str, value: dict[str, Any], *, toml: bool) -> str:
    """The text edited to hold `value`; parts that don't differ keep their formatting."""
    if load(text, toml=toml) == value:
        return text
    if not toml:
        return jsonc.rewrite(text if text.strip() else _EMPTY, value)
    try:
        document = tomlkit.parse(text)
        tables = _update(document, value)
        rewritten = tomlkit.dumps(document)
    except (TOMLKitError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise BrokenText(f"its layout can't be edited ({error}); change it by hand") from error
    newline = "\r\n" if "\r\n" in text else "\n"
    for table in tables:  # at the end, where they don't separate another table from its comments
        ended = rewritten + (newline if rewritten and not rewritten.endswith("\n") else "")
        block = tomlkit.dumps(table).replace("\n", newline)
        rewritten = ended + (newline if ended.strip() else "") + block
    if load(rewritten, toml=True) != value:
        raise BrokenText("its layout can't be edited; change it by hand")
    return rewritten


def _update(table: Any, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """Makes a table hold what is `wanted` but for new tables, which are returned."""
    for key in [key for key in table if key not in wanted]:
        del table[key]
    new = []
    for key, value in wanted.items():
        if isinstance(value, dict) and isinstance(table.get(key), dict):
            new += [{key: nested} for nested in _update(table[key], value)]
        elif isinstance(value, dict) and not isinstance(table, InlineTable):
            new.append({key: value})
        elif _with_newlines(table.get(key)) != value:
            table[key] = value
    return new


def _with_newlines(value: Any) -> Any:
    """A value of tomlkit, which keeps line ends within texts, as `load` returns it."""
    return value.replace("\r\n", "\n") if isinstance(value, str) else value
