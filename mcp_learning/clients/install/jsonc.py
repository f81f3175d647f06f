"""Parses JSON with comments, and edits single values without changing the rest of the text.

Comments and trailing commas are overwritten with spaces before the standard library parses, so that
positions in what it parses are positions in the text itself.
"""

import json
import re
from typing import Any, NamedTuple

_SPACE = " \t\r\n"
_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_COMMENT = re.compile(rf"{_STRING}|(//[^\r\n]*|/\*.*?\*/)", re.DOTALL)
_TRAILING_COMMA = re.compile(rf"{_STRING}|[\[{{,]\s*,|(,)(?=\s*[\]}}])", re.DOTALL)
_LINE_END = re.compile(r"[ \t]*(?://[^\r\n]*)?(?=\r?\n)")
_MOST_CHANGES = 1_000


class BrokenText(Exception):
    """Raised when a text can't be read or edited; the message says where and why."""


class _Element(NamedTuple):
    """A member of an object or array, with the positions of its start and of its value.

    Keys in an array are indexes from its end, so that they stay when a member is inserted first.
    """

    key: str | int
    value: Any
    start: int
    value_start: int
    end: int


def loads(text: str) -> Any:
    """The value of a JSON text that may have comments and trailing commas.

    Raises:
        BrokenText: It is not JSON, has a key twice, or is nested too deep.
    """
    try:
        return json.loads(_plain(text), object_pairs_hook=_unique, parse_constant=_not_json)
    except json.JSONDecodeError as error:
        raise BrokenText(f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise BrokenText(str(error)) from error


def rewrite(text: str, value: Any) -> str:
    """The text edited to hold `value`, which has to be an object or array as before.

    Parts that don't differ keep their formatting. A new member is inserted first in its object and
    formatted like the next one; a removed member is removed with its comma.

    Raises:
        BrokenText: The text is not JSON, or its layout can't be edited.
    """
    for _ in range(_MOST_CHANGES):
        if loads(text) == value:
            return text
        plain = _plain(text)
        text = _make_one_change(text, plain, _skip_space(plain, 0), value)
    raise BrokenText("its layout can't be edited; change it by hand")


def _kept(elements: list[_Element], wanted: list[Any]) -> dict[Any, Any]:
    """The elements that a shorter list still has, as often as it has them, by key."""
    left, kept = list(wanted), {}
    for element in elements:
        if element.value in left:
            left.remove(element.value)
            kept[element.key] = element.value
    return kept


def _make_one_change(text: str, plain: str, start: int, wanted: Any) -> str:
    """The text with one difference fewer between `wanted` and the value at `start`."""
    elements, close = _elements(plain, start)
    if isinstance(wanted, list) and len(wanted) < len(elements):
        wanted = _kept(elements, wanted)
    elif isinstance(wanted, list):
        wanted = {index - len(wanted): item for index, item in enumerate(wanted)}
    for index, (key, value, _, value_start, end) in enumerate(elements):
        if key not in wanted:
            return _without(text, start, elements, index, close)
        if value != wanted[key]:
            if isinstance(value, dict | list) and type(value) is type(wanted[key]):
                return _make_one_change(text, plain, value_start, wanted[key])
            rendered = _rendered(text, wanted[key], _indent(text, value_start))
            return text[:value_start] + rendered + text[end:]
    present = {element.key for element in elements}
    for key in reversed(wanted):
        if key not in present:
            return _with(text, start, elements, key, wanted[key])
    raise BrokenText("its layout can't be edited; change it by hand")


def _with(text: str, start: int, elements: list[_Element], key: str | int, value: Any) -> str:
    """The text with a new first member in the object or array at `start`."""
    name = "" if isinstance(key, int) else json.dumps(key, ensure_ascii=False) + ": "
    head, tail = text[: start + 1], text[start + 1 :]
    line_end = _LINE_END.match(text, start + 1)
    if elements and line_end is None:
        space = tail[: len(tail) - len(tail.lstrip(_SPACE))]
        return head + space + name + json.dumps(value, ensure_ascii=False) + "," + tail
    newline, outer = _newline(text), _indent(text, start)
    indent = _indent(text, elements[0].start) if elements else outer + _unit(text)
    member = newline + indent + name + _rendered(text, value, indent) + ("," if elements else "")
    if line_end is None:
        return head + member + newline + outer + tail.lstrip(_SPACE)
    return text[: line_end.end()] + member + text[line_end.end() :]


def _without(text: str, start: int, elements: list[_Element], index: int, close: int) -> str:
    """The text without a member of the object or array at `start`."""
    begin, end = elements[index].start, elements[index].end
    head = text[:begin].rstrip(_SPACE)
    space = text[len(head) : begin]
    following = elements[index + 1].start if index + 1 < len(elements) else close
    after = _blanked(_COMMENT, text[end:following])
    if "," in after:
        end += after.index(",") + 1
    elif index:
        previous = elements[index - 1].end
        comma = previous + _blanked(_COMMENT, text[previous:begin]).index(",")
        head = head[:comma] + head[comma + 1 :]
    if len(head) == start + 1 and not text[end:close].strip(_SPACE):
        return head + text[close:]
    if "\n" in space and not text[end:].lstrip(" \t\r").startswith("\n"):
        head += space  # a line comment before it has to end there
    return head + text[end:]


def _elements(plain: str, start: int) -> tuple[list[_Element], int]:
    """The members of the object or array at `start`, and where its closing bracket is."""
    decode = json.JSONDecoder().raw_decode
    elements: list[_Element] = []
    at = _skip_space(plain, start + 1)
    while plain[at] not in "]}":
        begin = at
        key: str | int = 0
        if plain[start] == "{":
            key, at = decode(plain, at)
            at = _skip_space(plain, _skip_space(plain, at) + 1)
        value, end = decode(plain, at)
        elements.append(_Element(key, value, begin, at, end))
        at = _skip_space(plain, end)
        if plain[at] == ",":
            at = _skip_space(plain, at + 1)
    if plain[start] == "[":
        count = len(elements)
        elements = [element._replace(key=i - count) for i, element in enumerate(elements)]
    return elements, at


def _plain(text: str) -> str:
    return _blanked(_TRAILING_COMMA, _blanked(_COMMENT, text))


def _blanked(pattern: re.Pattern[str], text: str) -> str:
    """The text with what the pattern's group matches overwritten with spaces."""

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\r\n]", " ", match[1]) if match[1] else match[0]

    return pattern.sub(blank, text)


def _skip_space(plain: str, position: int) -> int:
    while position < len(plain) and plain[position] in _SPACE:
        position += 1
    return position


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f'"{key}" occurs twice')
        found[key] = value
    return found


def _not_json(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _rendered(text: str, value: Any, indent: str) -> str:
    lines = json.dumps(value, ensure_ascii=False, indent=_unit(text)).split("\n")
    return (_newline(text) + indent).join(lines)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _unit(text: str) -> str:
    """One level of indentation: that of the first line that has any."""
    found = re.search(r"^([ \t]+)[^\s/*]", text, re.MULTILINE)
    return found[1] if found else "  "


def _indent(text: str, position: int) -> str:
    """The indentation of the line at `position`."""
    line = text[text.rfind("\n", 0, position) + 1 : position]
    return line[: len(line) - len(line.lstrip(" \t"))]
