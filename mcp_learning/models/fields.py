"""Field types shared by the requests: text that can be stored and shown, labels, identifiers."""

import json
from functools import cache, partial
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    model_validator,
)

from mcp_learning.models.characters import clean
from mcp_learning.models.folding import as_label

MAX_METADATA_BYTES = 20_000
MAX_STORED_METADATA_BYTES = 250_000
"""Includes what is added on storing: up to 100 files, verdicts, and names of told fields."""

MAX_METADATA_DEPTH = 32


def _cleaned(value: Any) -> Any:
    if isinstance(value, (dict, list)) and depth(value) > MAX_METADATA_DEPTH:
        raise ValueError(f"is nested deeper than {MAX_METADATA_DEPTH} levels; flatten it")
    return clean_values(value)


def clean_values(value: Any) -> Any:
    """A JSON value with all its texts, names of objects among them, cleaned."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean_values(name): clean_values(part) for name, part in value.items()}
    return [clean_values(part) for part in value] if isinstance(value, list) else value


def _json_sized(value: dict[str, JsonValue], most: int) -> dict[str, JsonValue]:
    try:
        size = len(json.dumps(value, allow_nan=False, ensure_ascii=False).encode())
    except ValueError:
        raise ValueError("has NaN or infinity, which JSON can't hold; leave it out") from None
    if size > most:
        raise ValueError(f"has {size:,} bytes as JSON; at most {most:,} are kept")
    return value


def _label(value: Any) -> Any:
    return as_label(value) if isinstance(value, str) else value


def depth(value: Any) -> int:
    """How deeply objects and lists are nested, 0 for a scalar; computed without recursion."""
    depth, level = 0, [value]
    while level := [
        child
        for node in level
        if isinstance(node, (dict, list))
        for child in (node.values() if isinstance(node, dict) else node)
    ]:
        depth += 1
    return depth


LabelText = Annotated[str, BeforeValidator(_label)]
"""A value that executions are grouped and filtered by, folded so that lookalikes are equal."""

Label = Annotated[LabelText, Field(min_length=1, max_length=100)]
LongText = Annotated[str, Field(min_length=1, max_length=20_000)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Unit = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
_JsonObject = Annotated[dict[str, JsonValue], BeforeValidator(_cleaned)]
Metadata = Annotated[_JsonObject, AfterValidator(partial(_json_sized, most=MAX_METADATA_BYTES))]
StoredMetadata = Annotated[
    _JsonObject, AfterValidator(partial(_json_sized, most=MAX_STORED_METADATA_BYTES))
]
OptionalLabel = Label | None
Approach = Annotated[LabelText, Field(min_length=1, max_length=200)] | None
Repo = Annotated[LabelText, Field(min_length=1, max_length=500)] | None


class Model(BaseModel):
    """Base of all models: immutable; unknown fields are refused by name.

    Validators are built on first use: building all of them would take a tenth of the start-up time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Request(Model):
    """Base of all requests: tolerates the different ways in which clients send a value.

    Texts are cleaned (`characters.clean`) and stripped, so that stored values and filters match;
    those in arrays are only cleaned. Null or blank means absent. An array or an object may come as
    a text with its JSON. True is no number, though pydantic would take it for 1.
    """

    @model_validator(mode="before")
    @classmethod
    def _normalised(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        fields = _fields(cls)
        given = {}
        for name, value in values.items():
            if isinstance(value, str):
                value = clean(value).strip(" \t\r\n")
                if name in fields.structured:
                    value = array_or_object(value)
            if isinstance(value, (list, tuple)):
                value = [clean(one) if isinstance(one, str) else one for one in value]
            if isinstance(value, bool) and name in fields.numbers:
                value = str(value)
            if value not in (None, "") or name not in fields.optional:
                given[name] = value
        return given


class _Fields(NamedTuple):
    optional: frozenset[str]
    structured: frozenset[str]
    numbers: frozenset[str]


@cache
def _fields(model: type[BaseModel]) -> _Fields:
    """Which fields of a model may be absent, are arrays or objects, or are numbers."""
    fields = model.model_fields.items()
    return _Fields(
        frozenset(name for name, field in fields if not field.is_required()),
        frozenset(name for name, field in fields if _is_structured(field.annotation)),
        frozenset(name for name, field in fields if _is_number(field.annotation)),
    )


def _is_structured(annotation: Any) -> bool:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _is_structured(parts[0])
    if origin in (Union, UnionType):
        return str not in parts and any(map(_is_structured, parts))
    is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return is_model or (origin or annotation) in (list, dict)


def _is_number(annotation: Any) -> bool:
    return annotation in (int, float) or any(map(_is_number, get_args(annotation)))


def array_or_object(text: str) -> Any:
    """The array, object or null that a text holds as JSON; any other text unchanged."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if value is None or isinstance(value, (list, dict)) else text
