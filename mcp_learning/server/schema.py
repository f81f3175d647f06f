"""Compact JSON schemas of models for clients, and argument errors in one line."""

from collections.abc import Callable
from datetime import datetime
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

_MAX_ERRORS = 3
_LONGEST_NAME = 60
_SHORT = 500  # longest limit, in characters, that the schema has; errors name longer ones
_NOISE = ("title", "additionalProperties")
_JSON_TYPES: dict[type, str] = {
    bool: "boolean",  # before int, of which it is a subclass
    int: "integer",
    float: "number",
    str: "string",
    UUID: "string",
    datetime: "string",
    list: "array",
    dict: "object",
    BaseModel: "object",
}

_PROBLEMS = {
    "missing": "is required",
    "string_type": "must be a string",
    "list_type": "must be a list",
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false"),
    **dict.fromkeys(("float_type", "float_parsing"), "must be a number"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "must be an integer"),
    "int_parsing_size": "is too large",
    "string_pattern_mismatch": "must match {pattern}",
    "literal_error": "must be {expected}",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "too_long": "has {actual_length} items; give at most {max_length}",
    "uuid_parsing": "is not a UUID; use one that record_execution or find_similar_tasks returned",
    "uuid_type": "is not a UUID; use one that record_execution or find_similar_tasks returned",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "recursion_depth_exceeded": "is nested too deeply; flatten it",
    "finite_number": "must be a finite number, not NaN or infinity",
    **dict.fromkeys(
        ("datetime_parsing", "datetime_from_date_parsing", "datetime_type", "timezone_aware"),
        "must be a time in ISO 8601, such as 2026-01-31T12:00:00Z",
    ),
    "value_error": "{error}",
}
"""Messages for pydantic's error types whose own messages are for programmers."""


def input_schema(model: type[BaseModel]) -> dict[str, Any]:
    """JSON schema of a tool's arguments: flat, without null unions or titles; required first."""
    whole = model.model_json_schema()
    schema = {"additionalProperties": False, **_compact(whole, whole.get("$defs", {}))}
    schema.pop("description", None)  # the model's docstring is for readers of the code
    properties, required = schema["properties"], schema.get("required", [])
    schema["properties"] = {name: properties[name] for name in required} | properties
    return schema


def output_schema(model: type[BaseModel]) -> dict[str, Any]:
    """JSON schema of a tool's structured content; absent values are left out, never null.

    It has the names, types and required fields of the first level only, since every client reads
    the schemas of all tools at every start. It is derived from the annotations, since pydantic's
    schemas of the results take 40 ms.
    """
    fields = model.model_fields.items()
    return {
        "type": "object",
        "properties": {name: {"type": _json_type(field.annotation)} for name, field in fields},
        "required": [name for name, field in fields if field.is_required()],
    }


def explain(
    error: ValidationError, model: type[BaseModel], name: Callable[[str], str] = str
) -> str:
    """What is wrong with the arguments and how to fix it, in one line that names each field.

    `name` maps a field to the name that the reader knows it by.
    """
    errors = error.errors(include_url=False)
    lines = [
        f"{name(_name(details, model))}: {_problem(details, model)}"
        for details in errors[:_MAX_ERRORS]
    ]
    if len(errors) > _MAX_ERRORS:
        lines.append(f"and {len(errors) - _MAX_ERRORS} more")
    return "; ".join(lines)


def first_problem(error: ValidationError, model: type[BaseModel]) -> tuple[str, str]:
    """The first field that `model` refuses, what is wrong with it, and how to fix it."""
    details = error.errors(include_url=False)[0]
    return _name(details, model), _problem(details, model)


def _compact(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_compact(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target = {**definitions[node["$ref"].rpartition("/")[2]]}
        target.pop("description", None)
        return _compact({**target, **{k: v for k, v in node.items() if k != "$ref"}}, definitions)
    if "anyOf" in node:
        present = [option for option in node["anyOf"] if option != {"type": "null"}]
        rest = {key: value for key, value in node.items() if key != "anyOf"}
        return _compact({**present[0], **rest} if len(present) == 1 else rest, definitions)
    kept = {}
    for key, value in node.items():
        if key == "properties":
            kept[key] = {name: _compact(part, definitions) for name, part in value.items()}
        elif not _is_noise(key, value):
            kept[key] = _compact(value, definitions)
    return kept


def _json_type(annotation: Any) -> str:
    """The JSON type of a field's values other than None, which is left out."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _json_type(arguments[0])
    if origin in (Union, UnionType):
        (annotation,) = (one for one in arguments if one is not NoneType)
        return _json_type(annotation)
    if origin is Literal:
        return _json_type(type(arguments[0]))
    return next(
        name for kind, name in _JSON_TYPES.items() if issubclass(origin or annotation, kind)
    )


def _is_noise(key: str, value: Any) -> bool:
    return (
        key in ("$defs", *_NOISE)
        or (key == "default" and (value is None or isinstance(value, (list, dict))))
        or (key == "minLength" and value == 1)
        or (key == "maxLength" and value <= _SHORT)
    )


def _problem(details: ErrorDetails, model: type[BaseModel]) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "extra_forbidden":
        return f"is not known here; known are {_siblings(details, model)}"
    if kind in ("string_too_long", "too_long") and isinstance(details["input"], str):
        length = len(details["input"])
        return f"has {length:,} characters; shorten it to at most {context['max_length']:,}"
    if details["input"] is None and kind in ("string_type", "list_type"):
        kind = "missing"  # clients send null for what they leave out
    if kind in _PROBLEMS:
        return _PROBLEMS[kind].format(**context)
    problem = details["msg"][0].lower() + details["msg"][1:]
    return problem.replace("input should be", "must be").removeprefix("input ")


def _name(details: ErrorDetails, model: type[BaseModel]) -> str:
    """Dotted path of the argument, down to an item of a list, not into free-form objects."""
    names: list[str] = []
    inside: type[BaseModel] | None = model
    for part in details["loc"]:
        if inside is None and not isinstance(part, int):
            break
        # Names of unknown arguments come from the client and may contain anything.
        text = "".join(c if c.isprintable() else "\ufffd" for c in str(part)[:_LONGEST_NAME])
        names.append(text)
        if inside is None:
            break
        inside = _inside(inside, part)
    return ".".join(names) or "arguments"


def _siblings(details: ErrorDetails, model: type[BaseModel]) -> str:
    for part in details["loc"][:-1]:
        model = _inside(model, part) or model
    return ", ".join(model.model_json_schema()["properties"])  # omits fields of repeated calls


def _inside(model: type[BaseModel], part: int | str) -> type[BaseModel] | None:
    """The model of a field or of its items, or None; a number is the index of an item."""
    if isinstance(part, int):
        return model
    field = model.model_fields.get(part)
    kinds: list[Any] = [field.annotation] if field else []
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
        kinds += get_args(kind)
    return None
