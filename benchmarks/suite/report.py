"""The results of the suite as a table, as JSON and as a page of the docs."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from rich.table import Table
from rich.text import Text

from benchmarks.suite.measure import Plan
from benchmarks.targets import Measurement
from mcp_learning import __version__

PACKAGES = ("mcp", "duckdb", "fastembed", "onnxruntime", "numpy")

_PAGE = """# Benchmark

The targets of the product, and what was measured. This command wrote the page:

```
{command}
```

It ran mcp-learning {version} with {rows:,} generated executions in a temporary database and the
bundled model. Machine: {machine}. Measured: {day}.

In a checkout, run it on your own machine: `--check` makes it exit with 1 if a target is missed,
`--json` prints the figures, and `--quick` repeats less. [performance.md](performance.md) has larger
databases, up to a million executions.

{table}

Values are medians. "Beside" is what a relative target refers to, measured in turn with the value in
the same run; for absolute targets it is the bound. The ratio is the value divided by it.

## How it is measured

{how}
"""


def table(measurements: Sequence[Measurement], plan: Plan) -> Table:
    """One row per measurement: target, measured, beside, ratio, verdict."""
    made = Table(title=f"mcp-learning {__version__}, {plan.rows:,} executions, {machine()}")
    for number, heading in enumerate(_HEADINGS):
        made.add_column(heading, justify="right" if number in (2, 3, 4) else "left")
    for measurement in measurements:
        style = "green" if measurement.passed else "bold red"
        *cells, verdict = _cells(measurement)
        made.add_row(*map(Text, cells), Text(verdict, style=style))
    return made


def as_json(measurements: Sequence[Measurement], plan: Plan) -> dict[str, Any]:
    """Everything as JSON values; `results` by the targets' names."""
    return {
        "version": __version__,
        "rows": plan.rows,
        "machine": machine(),
        "packages": {name: version(name) for name in PACKAGES},
        "passed": all(measurement.passed for measurement in measurements),
        "results": {m.target.name: _result(m) for m in measurements},
    }


def markdown(measurements: Sequence[Measurement], plan: Plan, command: str) -> str:
    """The page of the docs; `command` is named as what wrote it."""
    rows = [_HEADINGS, ("---",) * len(_HEADINGS), *map(_cells, measurements)]
    return _PAGE.format(
        command=command,
        version=__version__,
        rows=plan.rows,
        machine=machine(),
        day=datetime.now(UTC).date(),
        table="\n".join(f"| {' | '.join(row)} |" for row in rows),
        how="\n".join(
            f"- **{m.target.title}**: {m.target.how} Samples: {m.samples}." for m in measurements
        ),
    )


def machine() -> str:
    """Processor architecture, CPUs, system and Python, in a few words."""
    cores = f"{os.cpu_count()} CPUs ({platform.machine()})"
    return f"{cores}, {platform.system()}, Python {platform.python_version()}"


_HEADINGS = ("measurement", "target", "measured", "beside", "ratio", "verdict")


def _cells(measurement: Measurement) -> tuple[str, ...]:
    target = measurement.target
    return (
        target.title,
        target.text,
        _value(measurement.measured, target.unit),
        _value(measurement.reference, target.unit),
        f"{measurement.ratio:.2f}",
        "pass" if measurement.passed else "FAIL",
    )


def _value(value: float, unit: str) -> str:
    return f"{value:,.2f} {unit}" if value < 100 else f"{value:,.0f} {unit}"


def _result(measurement: Measurement) -> dict[str, Any]:
    return {
        "title": measurement.target.title,
        "target": measurement.target.text,
        "unit": measurement.target.unit,
        "measured": round(measurement.measured, 3),
        "reference": round(measurement.reference, 3),
        "ratio": round(measurement.ratio, 4),
        "passed": measurement.passed,
        "samples": measurement.samples,
    }
