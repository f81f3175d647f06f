"""Interprets values of environment variables and settings, such as paths.

An empty value counts as unset. In a path, `~` and environment variables are expanded; a placeholder
that a client should have replaced is refused, and so is a path that can't be used. Hooks read the
same values as the settings but can't wait for pydantic, so this module imports the standard library
only. Problems are raised as ValueErrors, whose text doesn't name the setting.
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
_LEAST_SIMILARITY = 0.6
"""Least similarity of two names, 0..1, at which one is taken for a misspelling of the other."""


def is_empty(value: object) -> bool:
    """Whether a value counts as unset: an empty text, or one of white space only."""
    return isinstance(value, str) and not value.strip()


def refuse_placeholder(text: str) -> None:
    """Refuses a text that contains a placeholder, such as `${user_config.x}`.

    Raises:
        ValueError: It contains one; the message names it.
    """
    if found := _PLACEHOLDER.search(text):
        raise ValueError(_not_replaced(found[0]))


def expanded(text: str) -> str:
    """The text with `$NAME`, `${NAME}` and a leading `%NAME%` replaced by environment variables.

    Raises:
        ValueError: A variable isn't set, or there is another kind of placeholder.
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
    """The absolute path that a setting's value stands for.

    Raises:
        ValueError: The value isn't a path, or the path can't be used.
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
    """The data directory that a setting's value stands for.

    Raises:
        ValueError: As `path_of`; or DuckDB can't open a database there.
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
        ValueError: There is no such file. (`os.devnull` is accepted, as a file without settings.)
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
    """Whether libpq's variable PGSERVICE is set."""
    return not is_empty(os.environ.get("PGSERVICE", ""))


def refuse_unknown_variables(fields: Iterable[str]) -> None:
    """Refuses environment variables that have the prefix of the settings but name none of them.

    Args:
        fields: Names of all settings.

    Raises:
        ValueError: There are some; each is named, with the setting that may be meant.
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
    found = get_close_matches(wanted, options, n=1, cutoff=_LEAST_SIMILARITY)
    return f"; did you mean {options[found[0]]}?" if found else ""


def _not_replaced(placeholder: str) -> str:
    return (
        f"{placeholder} was not replaced by a value, and no environment variable of that name is "
        "set; write the value itself"
    )
