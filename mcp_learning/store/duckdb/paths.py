"""Escapes paths for DuckDB, which interprets some characters in them.

A relative path may begin with a prefix that means another kind of database (`md:`) or one in
memory, so all are made absolute. A path that can't be escaped is refused.
"""

from pathlib import Path

from mcp_learning.errors import StoreError

_WILDCARDS = "*?["


def database_name(path: Path) -> str:
    """The path of a database for `duckdb.connect`; raises StoreError if it can't be escaped."""
    text = _text(path)
    if "?" in text:
        raise StoreError(
            f"{path}: a database can't have ? in its path, where DuckDB reads options after it; "
            "rename the file or the directory"
        )
    return text


def database_literal(path: Path) -> str:
    """The same in SQL, for ATTACH, which takes no parameters."""
    return _quoted(database_name(path))


def file_literal(path: Path) -> str:
    """The path of a file to write, in SQL: COPY takes no parameters."""
    return _quoted(_text(path))


def pattern(path: Path) -> str:
    """A pattern that matches this path alone, for functions that read files.

    Raises:
        StoreError: There is none: next to a wildcard a backslash separates directories.
    """
    text = _text(path)
    if not any(one in text for one in _WILDCARDS):
        return text
    if "\\" in text and Path(text).as_posix() == text:
        raise StoreError(
            f"{path} can't be read with both a backslash and one of * ? [ in its path; rename the "
            "file or the directory"
        )
    return "".join(f"[{one}]" if one in _WILDCARDS else one for one in text)


def pattern_literal(path: Path) -> str:
    """The same in SQL, for statements that take no parameters."""
    return _quoted(pattern(path))


def identifier(name: str) -> str:
    """A name of a table, column or database between double quotes, to put into a query."""
    return '"' + name.replace('"', '""') + '"'


def _text(path: Path) -> str:
    text = str(path.absolute())
    try:
        text.encode()
    except UnicodeEncodeError:
        raise StoreError(f"{text!a}: a path that is not UTF-8 can't be used; rename it") from None
    return text


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
