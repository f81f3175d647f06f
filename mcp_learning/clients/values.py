"""Parses values in files of other programs: texts, times, ids, paths, JSON.

Imports only the standard library and `models.characters`, since hooks run while a person waits.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from mcp_learning.models import characters


def clean(text: str, limit: int) -> str:
    """A text without control characters and terminal colours, at most `limit` characters."""
    return truncate(characters.clean(text).strip(" \t\r\n"), limit)


def truncate(text: str, limit: int) -> str:
    """A text of at most `limit` characters; one that was cut ends with an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def stable_id(source: str, name: str) -> UUID:
    """The task_id of what `source` calls `name`: UUID version 5 of `mcp-learning:SOURCE:NAME`."""
    return uuid5(NAMESPACE_URL, characters.SURROGATE.sub("\ufffd", f"mcp-learning:{source}:{name}"))


def parse_time(value: object) -> datetime | None:
    """A time in ISO 8601, in UTC where it has no offset; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def as_text(value: object) -> str:
    """The value if it is a text, otherwise an empty one."""
    return value if isinstance(value, str) else ""


def as_object(value: object) -> dict[str, Any]:
    """The value if it is a JSON object, otherwise an empty one."""
    return value if isinstance(value, dict) else {}


def as_objects(value: object) -> list[dict[str, Any]]:
    """The objects in a JSON array; empty for any other value."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def parse_json(text: str, default: object) -> Any:
    """The value of a JSON text; `default` if it is invalid."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return default


def home_directory(variable: str, default: str) -> Path:
    """The directory in an environment variable, or without it `default` in the home directory."""
    moved = os.environ.get(variable)
    return Path(moved) if moved else Path.home() / default


def as_number(value: object) -> float:
    """A number in [0, 1e15); 0 for any other value."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e15:
        return 0
    return value
