"""How `doctor` runs its checks: in order, without those that need one that failed."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcp_learning.embed.embedder import Embedder
from mcp_learning.models.health import Health
from mcp_learning.settings import Settings
from mcp_learning.store.duckdb.inspection import Summary


class CheckFailed(Exception):
    """Raised by a check that found something wrong: what, and how to mend it."""

    def __init__(self, detail: str, fix: str) -> None:
        super().__init__(detail)
        self.fix = fix


@dataclass(frozen=True)
class Finding:
    """What a check found out: the facts, on one line.

    Attributes:
        fix: What to do about a lesser trouble; "" when all is well.
        conclusive: False leaves out the checks that need this one.
    """

    detail: str
    fix: str = ""
    conclusive: bool = True


@dataclass
class CheckContext:
    """What checks pass on: each attribute but `data_dir` is set by one check for later ones.

    `health` is that of a server that has the database open, if there is one.
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
    """A check; `run` raises `CheckFailed` if something is wrong, `needs` have to succeed before."""

    name: str
    run: Callable[[CheckContext], Finding]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckResult:
    """Outcome of one check.

    Attributes:
        ok: Whether nothing is wrong, also when it was left out or a lesser trouble was found.
        detail: The facts, or what is wrong, on one line.
        fix: A command or what else to do; "" when there is nothing to do.
        skipped: Whether it was left out.
    """

    name: str
    ok: bool
    detail: str
    fix: str = ""
    milliseconds: float = 0.0
    skipped: bool = False


def run_checks(checks: Sequence[Check], context: CheckContext) -> Iterator[CheckResult]:
    """Runs each check when the next result is asked for; blocks meanwhile."""
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
