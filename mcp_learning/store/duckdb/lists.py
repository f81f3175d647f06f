"""Lists of ids or numbers as one bound value: a text between commas, which the query splits.

Binding a list takes DuckDB's client many times as long. An empty text has to become NULL first:
splitting it gives one empty item, which is neither a UUID nor a number.
"""

from collections.abc import Iterable

UUIDS = "string_split(nullif(?, ''), ',')::UUID[]"
"""The UUIDs of a bound text that `joined` made; NULL if there are none."""

NUMBERS = "string_split(nullif(?, ''), ',')::BIGINT[]"
"""The same for numbers."""

AMONG_UUIDS = f"IN (SELECT unnest({UUIDS}))"
AMONG_NUMBERS = f"IN (SELECT unnest({NUMBERS}))"


def joined(values: Iterable[object]) -> str:
    """UUIDs or numbers as one text between commas."""
    return ",".join(map(str, values))
