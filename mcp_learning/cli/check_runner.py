"""Runs the checks of `doctor` in order; a check is skipped if one that it needs has failed."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcp_learning.embed.embedder import Embedder
from mcp_learning.models.health import Health
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb.inspection import Summary


class CheckFailed(Exception):
    """Raised by a check that fails: the message says what is wrong, `fix` how to fix it."""

    def __init__(self, detail: str, fix: str) -> None:
        super().__init__(detail)
        self.fix = fix


@dataclass(frozen=True)
class Facts:
    """The result of a check that passed.

    Attributes:
        detail: What was found, on one line.
        fix: How to remove what the check warns of; "" without a warning.
        conclusive: If False, the checks that need this one are skipped.
    """

    detail: str
    fix: str = ""
    conclusive: bool = True


@dataclass
class CheckContext:
    """Values that checks pass to later checks: all but `data_dir` are set by a check.

    Attributes:
        stored: Summary of the database file; zeros until it was read.
        health: Health of the server that has the database open; None: there is none.
    """

    data_dir: Path | None
    settings: Settings
    embedder: Embedder
    schema_version: int
    stored: Summary
    health: Health | None = None

    def __init__(self, data_dir: Path | None) -> None:
        self.data_dir = data_dir
        self.stored = Summary(0, None)


@dataclass(frozen=True)
class Check:
    """A check: `run` raises `CheckFailed` on failure; `needs` names checks that must pass first."""

    name: str
    run: Callable[[CheckContext], Facts]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckResult:
    """Outcome of one check.

    Attributes:
        ok: False only if the check failed; a warning or a skipped check is True.
        detail: What was found, or what is wrong, on one line.
        fix: What to do about it; "" if there is nothing to do.
        skipped: Whether it was not run, since one that it needs failed.
    """

    name: str
    ok: bool
    detail: str
    fix: str = ""
    milliseconds: float = 0.0
    skipped: bool = False


def run_checks(checks: Sequence[Check], context: CheckContext) -> Iterator[CheckResult]:
    """Yields the result of each check, which runs when its result is requested; blocks."""
    inconclusive: set[str] = set()
    for check in checks:
        missing = [name for name in check.needs if name in inconclusive]
        if missing:
            inconclusive.add(check.name)
            yield CheckResult(check.name, True, f"left out: needs {missing[0]}", skipped=True)
            continue
        result, conclusive = _run(check, context)
        if not conclusive:
            inconclusive.add(check.name)
        yield result


def _run(check: Check, context: CheckContext) -> tuple[CheckResult, bool]:
    begin = time.perf_counter()
    ok = conclusive = False
    try:
        finding = check.run(context)
        ok, conclusive, detail, fix = True, finding.conclusive, finding.detail, finding.fix
    except CheckFailed as failure:
        detail, fix = str(failure), failure.fix
    except Exception as error:  # noqa: BLE001 - whatever it is, the other checks are still run
        detail = f"{type(error).__name__}: {error}"
        fix = "pip install --force-reinstall mcp-learning"
    milliseconds = round(1000 * (time.perf_counter() - begin), 1)
    return CheckResult(check.name, ok, " ".join(detail.split()), fix, milliseconds), conclusive
