"""What the parts of the search for secrets share."""

from typing import NamedTuple, TypeAlias

__all__ = ["JSON", "Secret"]

JSON: TypeAlias = "str | int | float | bool | list[JSON] | dict[str, JSON] | None"


class Secret(NamedTuple):
    """Where a secret is in a text, and what kind of secret.

    Attributes:
        start: Position of its first character.
        end: Position after its last character.
        kind: What is written in its place, such as `github-token`.
    """

    start: int
    end: int
    kind: str
