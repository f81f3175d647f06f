"""What the parts of the search for secrets share."""

from typing import NamedTuple, TypeAlias

JSON: TypeAlias = "str | int | float | bool | list[JSON] | dict[str, JSON] | None"


class Secret(NamedTuple):
    """Where a secret is in a text, and the kind that is written instead, such as `github-token`."""

    start: int
    end: int
    kind: str
