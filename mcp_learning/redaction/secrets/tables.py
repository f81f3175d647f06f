"""Finds secrets in columns with secret names: in Markdown, CSV and SQL."""

import re
from collections.abc import Iterator

from mcp_learning.redaction.secrets.names import meaning_of
from mcp_learning.redaction.secrets.patterns import pattern
from mcp_learning.redaction.secrets.types import Secret
from mcp_learning.redaction.secrets.values import is_complex, is_reference

_RULE = pattern(r"\n[ \t>]{0,20}\|?[ \t]{0,20}:?-{2,100}:?[ \t]{0,20}\|[-:| \t]{0,400}\n")
_CSV_HEAD = pattern(
    r"^\"?[\w.-]{1,40}\"?"
    r"(?P<separator>[,;\t])\"?[\w.-]{1,40}\"?(?:(?P=separator)\"?[\w.-]{1,40}\"?){0,30}\r?\n",
    re.MULTILINE,
)
_INSERT = pattern(
    r"\binsert into [^\s(]{1,100}[ \t]*\((?P<columns>[^()]{1,1000})\)\s{0,20}values\s{0,20}\(",
    re.IGNORECASE,
)
_ITEM = pattern(r"[ \t]*(?:'(?P<quoted>(?:[^'\\\n]|\\.|''){0,400})'|[^,()'\n]{1,200})(?P<end>[,)])")
_MOST_ROWS = 200
_MARKS = " \t\r\n`*\"'"


def find_in_tables(text: str) -> Iterator[Secret]:
    """The cells of columns with secret names, except prose."""
    if "|" in text:
        for rule in _RULE.finditer(text):
            start = text.rfind("\n", max(0, rule.start() - 1_000), rule.start()) + 1
            yield from _rows(text, text[start : rule.start()], rule.end(), "|")
    for head in _CSV_HEAD.finditer(text):
        yield from _rows(text, head[0], head.end(), head["separator"])


def find_in_inserts(text: str) -> Iterator[Secret]:
    """The values of columns with secret names in an `INSERT` statement."""
    for statement in _INSERT.finditer(text):
        position = statement.end()
        for column in statement["columns"].split(","):
            item = _ITEM.match(text, position)
            if item is None:
                break
            meaning = meaning_of(column.strip(_MARKS))
            if meaning and item["quoted"] and len(item["quoted"]) >= 4:
                yield Secret(*item.span("quoted"), meaning.kind)
            position = item.end()


def _rows(text: str, head: str, start: int, separator: str) -> Iterator[Secret]:
    meanings = [meaning_of(cell.strip(_MARKS)) for cell in head.split(separator)]
    if not any(meanings):
        return
    for _ in range(_MOST_ROWS):
        end = text.find("\n", start, start + 2_000)
        end = min(len(text), start + 2_000) if end < 0 else end
        row = text[start:end]
        if row.count(separator) < (1 if separator == "|" else len(meanings) - 1):
            break
        for meaning, (cell, position) in zip(meanings, _cells(row, start, separator), strict=False):
            if meaning and is_complex(cell) and len(cell) >= 6 and not is_reference(cell):
                yield Secret(position, position + len(cell), meaning.kind)
        start = end + 1


def _cells(row: str, position: int, separator: str) -> Iterator[tuple[str, int]]:
    for cell in row.split(separator):
        value = cell.strip(_MARKS)
        yield ("" if " " in value else value), position + len(cell) - len(cell.lstrip(_MARKS))
        position += len(cell) + 1
