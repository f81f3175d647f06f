"""Requests of the service from what a page sends."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from mcp_learning.errors import InvalidInput
from mcp_learning.server.schema import explain

R = TypeVar("R", bound=BaseModel)


def asked(model: type[R], values: Mapping[str, object]) -> R:
    """A request from values; an empty one is an absent one.

    Raises:
        InvalidInput: One of them can't be accepted.
    """
    try:
        return model.model_validate({name: value for name, value in values.items() if value != ""})
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"])
        raise InvalidInput(field, explain(error, model)) from None
