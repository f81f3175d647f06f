"""Parses a page's parameters into requests of the service."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from mcp_learning.errors import InvalidInput
from mcp_learning.server.schema import explain, first_problem

R = TypeVar("R", bound=BaseModel)


def parse_request(model: type[R], values: Mapping[str, object]) -> R:
    """A request made of values; an empty value counts as absent.

    Raises:
        InvalidInput: The model refuses a value.
    """
    try:
        return model.model_validate({name: value for name, value in values.items() if value != ""})
    except ValidationError as error:
        field, _ = first_problem(error, model)
        raise InvalidInput(field, explain(error, model).removeprefix(f"{field}: ")) from None
