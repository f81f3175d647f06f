"""The type of a secret that was found."""

from typing import NamedTuple, TypeAlias

JSON: TypeAlias = "str | int | float | bool | list[JSON] | dict[str, JSON] | None"


class Secret(NamedTuple):
    """The position of a secret in a text, and its kind, such as `github-token`."""

    start: int
    end: int
    kind: str
