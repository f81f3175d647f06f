"""What commands print on stdout."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from rich.console import Console

console = Console()


def print_json(result: BaseModel | Mapping[str, Any] | Sequence[Any]) -> None:
    """Prints one JSON value; of a model, without the values that are absent."""
    from mcp_learning.server import answers

    values = answers.structured(result) if isinstance(result, BaseModel) else result
    console.file.write(json.dumps(values, indent=2) + "\n")
