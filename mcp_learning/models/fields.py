"""Field types shared by the requests: text that can be stored and shown, labels, identifiers."""

import json
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    model_validator,
)

from mcp_learning.models.characters import CONTROL, SURROGATE

MAX_METADATA_BYTES = 20_000
MAX_METADATA_DEPTH = 32


def _printable(text: str) -> str:
    if found := CONTROL.search(text):
        raise ValueError(
            f"has the control character U+{ord(found[0]):04X} at position {found.start()}; "
            "remove it"
        )
    if found := SURROGATE.search(text):
        raise ValueError(
            f"has a lone surrogate, which is not text, at position {found.start()}; remove it"
        )
    return text


def _json_sized(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if _depth(value) > MAX_METADATA_DEPTH:
        raise ValueError(f"is nested deeper than {MAX_METADATA_DEPTH} levels; flatten it")
    try:
        size = len(json.dumps(value, allow_nan=False, ensure_ascii=False).encode())
    except UnicodeEncodeError:
        raise ValueError("has a lone surrogate; remove it") from None
    except ValueError:
        raise ValueError("has NaN or infinity, which JSON can't hold; leave it out") from None
    if size > MAX_METADATA_BYTES:
        raise ValueError(f"has {size:,} bytes as JSON; at most {MAX_METADATA_BYTES:,} are kept")
    return value


def _depth(value: JsonValue) -> int:
    """How many objects and lists are around the innermost value; without recursion."""
    depth, level = 0, [value]
    while level := [
        child
        for node in level
        if isinstance(node, (dict, list))
        for child in (node.values() if isinstance(node, dict) else node)
    ]:
        depth += 1
    return depth


Printable = Annotated[str, AfterValidator(_printable)]

Label = Annotated[Printable, Field(min_length=1, max_length=100)]
LongText = Annotated[Printable, Field(min_length=1, max_length=20_000)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Unit = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Metadata = Annotated[dict[str, JsonValue], AfterValidator(_json_sized)]
OptionalLabel = Label | None
Repo = Annotated[Printable, Field(min_length=1, max_length=500)] | None


class Model(BaseModel):
    """Base of all models: immutable, and unknown fields are refused by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Request(Model):
    """Base of all requests: texts are stripped, and null or blank means that there is none."""

    @model_validator(mode="before")
    @classmethod
    def _stripped(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        stripped = {n: v.strip(" \t\r\n") if isinstance(v, str) else v for n, v in values.items()}
        optional = {name for name, field in cls.model_fields.items() if not field.is_required()}
        return {n: v for n, v in stripped.items() if n not in optional or v not in (None, "")}
