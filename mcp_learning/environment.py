"""Values that come from outside, as whoever wrote them means them.

An empty value is none. In a path, `~` and environment variables are expanded; a placeholder that a
client should have replaced is refused by name, and so is a path that can't be used. Settings and
hooks read the same values, and hooks can't wait for pydantic: this imports the standard library
alone. Problems are ValueErrors, whose text doesn't name the setting.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

PREFIX = "MCP_LEARNING_"
CONFIG_VARIABLE = "MCP_LEARNING_CONFIG"
DATA_DIR_VARIABLE = "MCP_LEARNING_DATA_DIR"

_VARIABLE = re.compile(r"\$\{(?P<braced>[^}]*)\}?|\$(?P<plain>[A-Za-z_]\w*)|^%(?P<percent>\w+)%")
_PLACEHOLDER = re.compile(r"\$\{[^}]*\}?|\{\{.*?\}\}|\A\$[A-Za-z_]\w*\Z|\A%\w+%")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_REFUSED = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_LESS_LIKELY = 0.6
"""Least similarity of two names, 0..1, at which one is taken for a misspelling of the other."""


def is_empty(value: object) -> bool:
    """Whether a value counts as unset: a text of nothing but white space."""
    return isinstance(value, str) and not value.strip()


def refuse_placeholder(text: str) -> None:
    """Refuses a text with a placeholder in it, such as `${user_config.x}`.

    Raises:
        ValueError: There is one; it is named.
    """
    if found := _PLACEHOLDER.search(text):
        raise ValueError(_not_replaced(found[0]))


def expanded(text: str) -> str:
    """The text with environment variables in the place of `$NAME` and `${NAME}`.

    Raises:
        ValueError: There is no such variable, or another kind of placeholder.
    """

    def value_of(match: re.Match[str]) -> str:
        name = match["braced"] or match["plain"] or match["percent"] or ""
        value = os.environ.get(name, "")
        if is_empty(value):
            raise ValueError(_not_replaced(match[0]))
        return value

    found = _VARIABLE.sub(value_of, text.strip())
    refuse_placeholder(found)
    return found


def path_of(value: str | os.PathLike[str]) -> Path:
    """The absolute path that a text means.

    Raises:
        ValueError: It means none, or one that can't be used.
    """
    text = expanded(os.fspath(value))
    if _ADDRESS.match(text):
        raise ValueError(f"{text} is an address; give a directory or file on this machine")
    if bad := _REFUSED.search(text):
        what = "is not UTF-8" if bad[0] >= "\ud800" else f"has the control character {bad[0]!a}"
        raise ValueError(f"{text!a} {what}; give another path")
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise ValueError(f"{text}: there is no home directory of that name") from None


def data_directory(value: str | os.PathLike[str]) -> Path:
    """The data directory that a text means.

    Raises:
        ValueError: As `path_of`; or a database can't be there.
    """
    path = path_of(value)
    if "?" in str(path):  # DuckDB reads options after it, and looks for the log elsewhere
        raise ValueError(f"{path} has a ? in it, with which no database can be opened; rename it")
    return path


def nearest_existing(path: Path) -> Path:
    """`path`, or the nearest directory above it that exists."""
    return next(one for one in (path, *path.parents) if one.exists())


def config_file() -> Path | None:
    """The TOML file that the environment names; None if it names none.

    Raises:
        ValueError: There is no such file. `os.devnull` is one, and has no settings.
    """
    value = os.environ.get(CONFIG_VARIABLE, "")
    if is_empty(value):
        return None
    path = path_of(value)
    if not path.exists():
        siblings = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
        raise ValueError(f"there is no file {path}{did_you_mean(path.name, siblings)}")
    if path.is_dir():
        raise ValueError(f"{path} is a directory; name a file in it")
    return path


def names_a_service() -> bool:
    """Whether libpq's own variable names a PostgreSQL service."""
    return not is_empty(os.environ.get("PGSERVICE", ""))


def refuse_unknown_variables(fields: Iterable[str]) -> None:
    """Refuses variables that begin like those of settings, but are none.

    Args:
        fields: Names of all settings.

    Raises:
        ValueError: There is one; each is named, with the setting that may be meant.
    """
    known = {CONFIG_VARIABLE, *(f"{PREFIX}{name.upper()}" for name in fields)}
    given = {name.upper() for name in os.environ if name.upper().startswith(PREFIX)}
    if unknown := sorted(given - known):
        raise ValueError(
            "; ".join(
                f"{name}: there is no such setting{did_you_mean(name, known) or '; unset it'}"
                for name in unknown
            )
        )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean …?` with the most similar of the known names; empty if none is similar."""
    from difflib import get_close_matches  # hooks run without it

    options = {one.removeprefix(PREFIX).lower(): one for one in known}
    wanted = name.removeprefix(PREFIX).lower()
    found = get_close_matches(wanted, options, n=1, cutoff=_LESS_LIKELY)
    return f"; did you mean {options[found[0]]}?" if found else ""


def _not_replaced(placeholder: str) -> str:
    return (
        f"{placeholder} was not replaced by a value, and no environment variable of that name is "
        "set; write the value itself"
    )
