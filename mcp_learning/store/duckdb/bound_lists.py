"""Lists of ids or numbers, and vectors, bound as one text that the query splits.

Binding a list takes DuckDB's client many times as long. An empty text becomes NULL first, since
splitting it gives one empty item.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UUIDS = "string_split(nullif(?, ''), ',')::UUID[]"
"""SQL: the UUIDs of a bound text that `joined` made; NULL if there are none."""

NUMBERS = "string_split(nullif(?, ''), ',')::BIGINT[]"  # the same for numbers

AMONG_UUIDS = f"IN (SELECT unnest({UUIDS}))"
AMONG_NUMBERS = f"IN (SELECT unnest({NUMBERS}))"


def joined(values: Iterable[object]) -> str:
    """UUIDs or numbers as one text between commas."""
    return ",".join(map(str, values))


def as_text(vector: "NDArray[np.float32]") -> str:
    """A vector as `[0.1,…]`: bound as text and cast, it costs 1 ms instead of 40."""
    return "[" + ",".join(map(repr, vector.tolist())) + "]"
