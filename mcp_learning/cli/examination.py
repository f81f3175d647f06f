"""How `doctor` examines: layers are checked in order, and what needs a failed one is left out."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcp_learning.embed.embedder import Embedder
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb.inspection import Summary


class Failure(Exception):
    """Raised by a check that found something wrong: what, and how to mend it."""

    def __init__(self, detail: str, fix: str) -> None:
        super().__init__(detail)
        self.fix = fix


@dataclass(frozen=True)
class Finding:
    """What a check found out.

    Attributes:
        detail: The facts, on one line.
        fix: What to do about a lesser trouble; "" when all is well.
        conclusive: False leaves out the checks that need this one.
    """

    detail: str
    fix: str = ""
    conclusive: bool = True


@dataclass
class CheckContext:
    """What is examined. Each attribute but the first is set by a check, for those that need it."""

    data_dir: Path | None
    settings: Settings
    embedder: Embedder
    schema_version: int
    stored: Summary

    def __init__(self, data_dir: Path | None) -> None:
        self.data_dir = data_dir


@dataclass(frozen=True)
class Layer:
    """A check, its name, and the names of those without which it makes no sense."""

    name: str
    check: Callable[[CheckContext], Finding]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """Outcome of one layer.

    Attributes:
        name: The layer's.
        ok: Whether nothing is wrong, also when it was left out or a lesser trouble was found.
        detail: The facts, or what is wrong, on one line.
        fix: A command or what else to do; "" when there is nothing to do.
        milliseconds: How long the check took.
        skipped: Whether it was left out.
    """

    name: str
    ok: bool
    detail: str
    fix: str = ""
    milliseconds: float = 0.0
    skipped: bool = False


def examine(layers: Sequence[Layer], patient: CheckContext) -> Iterator[Result]:
    """Checks each layer when the next result is asked for; blocks meanwhile."""
    inconclusive: set[str] = set()
    for layer in layers:
        missing = [name for name in layer.needs if name in inconclusive]
        if missing:
            inconclusive.add(layer.name)
            yield Result(layer.name, True, f"left out: needs {missing[0]}", skipped=True)
            continue
        result, conclusive = _check(layer, patient)
        if not conclusive:
            inconclusive.add(layer.name)
        yield result


def _check(layer: Layer, patient: CheckContext) -> tuple[Result, bool]:
    begin = time.perf_counter()
    ok = conclusive = False
    try:
        finding = layer.check(patient)
        ok, conclusive, detail, fix = True, finding.conclusive, finding.detail, finding.fix
    except Failure as failure:
        detail, fix = str(failure), failure.fix
    except Exception as error:  # noqa: BLE001 - whatever it is, the other layers are still checked
        detail = f"{type(error).__name__}: {error}"
        fix = "pip install --force-reinstall mcp-learning"
    milliseconds = round(1000 * (time.perf_counter() - begin), 1)
    return Result(layer.name, ok, " ".join(detail.split()), fix, milliseconds), conclusive
