"""Edits JSON in place: comments, order, indentation and line ends of everything else stay.

Agent clients let people write their configuration by hand, several with comments and trailing
commas. A value is added where its object ends, in the object's own layout; taken out again, it
leaves the bytes that were there before. No library for Python edits such text, so this one does,
and its callers compare what comes out with what was meant.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

DEEPEST = 200
"""Levels of nesting beyond which a text is taken for broken."""

Step = str | int
"""A key of an object, or an index of an array."""

_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_SCALAR = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|(?:true|false|null)\b")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(name)


_PLAIN = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)


class BrokenText(Exception):
    """Raised when a text is not JSON with comments; says where and why."""


@dataclass
class Node:
    """A value and where it stands: `text[start:end]`.

    Attributes:
        value: As Python has it.
        parts: Elements of an object or array, in order; None for a scalar, and for what was read
            as a whole and has to be `opened` first.
        tail: With parts, the end of the last token before the closing bracket.
    """

    start: int
    end: int = 0
    value: Any = None
    parts: "list[Part] | None" = None
    tail: int = 0


@dataclass
class Part:
    """An element: its key in an object, where it begins, its comma, and the token before it."""

    start: int
    node: Node
    key: str | None = None
    comma: int | None = None
    before: int = 0


@dataclass
class _Reader:
    text: str
    at: int = 0
    token_end: int = field(default=0)

    def document(self) -> Node:
        self.skip()
        node = self.value(0)
        self.skip()
        if self.at < len(self.text):
            raise self.broken("there is more after the value")
        return node

    def value(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise self.broken(f"nested deeper than {DEEPEST} levels")
        opening = self.text[self.at : self.at + 1]
        if opening in ("{", "["):
            return (depth and self.plain()) or self.container(depth, opening)
        node = Node(self.at)
        if opening == '"':
            node.value = self.string()
        elif found := _SCALAR.match(self.text, self.at):
            node.value = self.scalar(found[0])
            self.take(found.end())
        else:
            raise self.broken("a value is missing" if opening in "]},:" else "not a JSON value")
        node.end = self.at
        return node

    def plain(self) -> Node | None:
        """A container without comments, read by the standard library: a hundred times as fast."""
        try:
            value, end = _PLAIN.raw_decode(self.text, self.at)
        except (ValueError, RecursionError):
            return None
        node = Node(self.at, end, value)
        self.take(end)
        return node

    def scalar(self, word: str) -> Any:
        try:
            return json.loads(word)
        except ValueError as error:
            raise self.broken("a number that is too long") from error

    def container(self, depth: int, opening: str) -> Node:
        closing = "}" if opening == "{" else "]"
        node = Node(self.at, parts=[])
        parts = node.parts = []
        self.take(self.at + 1)
        self.skip()
        while self.text[self.at : self.at + 1] != closing:
            if parts and parts[-1].comma is None:
                raise self.broken(f"',' or '{closing}' is missing")
            before = self.token_end
            start = self.at
            key = self.key() if opening == "{" else None
            parts.append(Part(start, self.value(depth + 1), key, before=before))
            self.skip()
            if self.text[self.at : self.at + 1] == ",":
                parts[-1].comma = self.at
                self.take(self.at + 1)
                self.skip()
        node.tail = self.token_end
        self.take(self.at + 1)
        node.end = self.at
        values = [part.node.value for part in parts]
        node.value = values if opening == "[" else self.mapping(parts)
        return node

    def mapping(self, parts: list[Part]) -> dict[str, Any]:
        found = {str(part.key): part.node.value for part in parts}
        if len(found) < len(parts):
            keys = [part.key for part in parts]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise self.broken(f'"{twice}" is there twice')
        return found

    def key(self) -> str:
        if self.text[self.at : self.at + 1] != '"':
            raise self.broken("a key in double quotes is missing")
        key = self.string()
        self.skip()
        if self.text[self.at : self.at + 1] != ":":
            raise self.broken("':' is missing")
        self.take(self.at + 1)
        self.skip()
        return key

    def string(self) -> str:
        found = _STRING.match(self.text, self.at)
        try:
            value = str(json.loads(found[0])) if found else None
        except ValueError:
            value = None
        if found is None or value is None:
            raise self.broken("a string doesn't end, or has an invalid character")
        self.take(found.end())
        return value

    def skip(self) -> None:
        """To the next token; comments count as the end of what is before them."""
        while True:
            found = _SPACE.match(self.text, self.at)
            self.at = found.end() if found else self.at
            if self.text.startswith("//", self.at):
                end = self.text.find("\n", self.at)
                end = len(self.text) if end < 0 else end
                self.take(end - self.text.startswith("\r", end - 1))
            elif self.text.startswith("/*", self.at):
                end = self.text.find("*/", self.at + 2)
                if end < 0:
                    raise self.broken("a comment doesn't end")
                self.take(end + 2)
            else:
                return

    def take(self, end: int) -> None:
        self.at = self.token_end = end

    def broken(self, problem: str) -> BrokenText:
        line = self.text.count("\n", 0, self.at) + 1
        column = self.at - self.text.rfind("\n", 0, self.at)
        return BrokenText(f"line {line}, column {column}: {problem}")


def parse(text: str) -> Node:
    """The value in a text, and where each part of it stands.

    Raises:
        BrokenText: It is not JSON with comments and trailing commas, or has a key twice.
    """
    return _Reader(text).document()


def opened(text: str, node: Node) -> Node:
    """The node with its parts, if it is an object or array."""
    if node.parts is None and isinstance(node.value, (dict, list)):
        return _Reader(text, node.start).container(0, text[node.start])
    return node


def put(text: str, path: Sequence[Step], value: Any) -> str:
    """Sets the value at `path`; objects that are missing on the way are made.

    Args:
        text: JSON, possibly with comments.
        path: Keys, and indices of arrays. The index just past an array's end appends to it.
        value: Anything that JSON has.

    Raises:
        BrokenText: The text is broken, or something on the way is neither object nor array.
    """
    node = parse(text)
    for depth, step in enumerate(path):
        if isinstance(step, int) and isinstance(node.value, list) and step == len(node.value):
            return _append(text, node, None, value)
        if isinstance(step, str) and isinstance(node.value, dict) and step not in node.value:
            for key in reversed(path[depth + 1 :]):
                value = {key: value} if isinstance(key, str) else [value]
            return _append(text, node, step, value)
        node = opened(text, _part(node, step).node)
    own = _indent_of_line(text, node.start)
    return text[: node.start] + _render(text, value, own) + text[node.end :]


def remove(text: str, path: Sequence[Step]) -> str:
    """Takes out what is at `path`, with its comma and the space before it.

    Raises:
        BrokenText: The text is broken, or there is no such thing.
    """
    node = parse(text)
    for step in path[:-1]:
        node = opened(text, _part(node, step).node)
    part = _part(node, path[-1])
    parts = node.parts or []
    index = parts.index(part)
    start, end = part.before, part.node.end if part.comma is None else part.comma + 1
    if len(parts) == 1 and not text[node.start + 1 : start].strip() and end > node.tail - 1:
        start, end = node.start + 1, node.end - 1
    elif _ends_in_line_comment(text, start) and text[end:].lstrip(" \t\r")[:1] not in ("\n", ""):
        start = text.index("\n", start) + 1
    shorter = text[:start] + text[end:]
    if part.comma is None and index > 0 and (comma := parts[index - 1].comma) is not None:
        shorter = shorter[:comma] + shorter[comma + 1 :]
    return shorter


def _part(node: Node, step: Step) -> Part:
    for index, part in enumerate(node.parts or []):
        if step == (index if part.key is None else part.key):
            return part
    raise BrokenText(f"there is no {step!r} in {json.dumps(node.value)[:40]}")


def _append(text: str, node: Node, key: str | None, value: Any) -> str:
    parts = node.parts or []
    last = parts[-1] if parts else None
    inside = text[node.start : node.end]
    name = "" if key is None else json.dumps(key, ensure_ascii=False) + ": "
    if last is not None and "\n" not in inside:
        compact = ": " not in inside and "{" in inside
        separators = (",", ":") if compact else (", ", ": ")
        rendered = json.dumps(value, ensure_ascii=False, separators=separators)
        rendered = (name.rstrip() if compact else name) + rendered
        if last.comma is not None:
            return text[: node.tail] + f" {rendered}," + text[node.tail :]
        return text[: last.node.end] + separators[0] + rendered + text[last.node.end :]
    newline = _newline(text)
    outer = _indent_of_line(text, node.start)
    indent = _indent_of_line(text, last.start) if last else outer + _unit(text)
    added = newline + indent + name + _render(text, value, indent)
    added += "," if last and last.comma is not None else ""
    rest = text[node.tail :]
    if "\n" not in text[node.tail : node.end - 1]:
        rest = newline + outer + text[node.end - 1 :]
    body = text[: node.tail]
    if last is not None and last.comma is None:
        body = body[: last.node.end] + "," + body[last.node.end :]
    return body + added + rest


def _render(text: str, value: Any, indent: str) -> str:
    lines = json.dumps(value, ensure_ascii=False, indent=_unit(text)).split("\n")
    return (_newline(text) + indent).join(lines)


def _newline(text: str) -> str:
    first = text.find("\n")
    return "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"


def _unit(text: str) -> str:
    """What one level is indented by: as the first line that is."""
    found = re.search(r"^([ \t]+)[^\s/*]", text, re.MULTILINE)
    return found[1] if found else "  "


def _indent_of_line(text: str, position: int) -> str:
    start = text.rfind("\n", 0, position) + 1
    found = re.compile(r"[ \t]*").match(text, start)
    return found[0] if found else ""


def _ends_in_line_comment(text: str, position: int) -> bool:
    """Whether the token that ends at `position` is a comment up to the end of its line."""
    line = text[text.rfind("\n", 0, position) + 1 : position]
    return "//" in line and text[position:].lstrip(" \t\r").startswith("\n")
