"""Tables from a calibration."""

from collections.abc import Mapping, Sequence

import numpy as np
from rich.table import Table
from rich.text import Text

from benchmarks.calibration import rankings
from benchmarks.calibration.regression import (
    CONSTANT_FLOOR,
    EMPTY,
    EMPTY_OF_LIKELY,
    SHIPPED,
    Calibration,
    Shares,
)
from mcp_learning.search import relevance


def coefficients(outcome: Calibration) -> Table:
    """The fit on all sets beside the constants in use."""
    made = Table(title=f"{outcome.model}: relevance", caption="see search/relevance.py")
    made.add_column("")
    for heading in ("fitted", "in use"):
        made.add_column(heading, justify="right")
    names = ["BIAS", "MEANING", "WORDS", "ROWS"]
    names += [f"LIKELY: {EMPTY_OF_LIKELY:.0%} of unrelated questions have none"]
    names += [f"POSSIBLE: {EMPTY:.0%} of them have no match at all"]
    fitted = [*outcome.coefficients, outcome.likely, outcome.possible]
    in_use = [*SHIPPED.tolist(), relevance.LIKELY, relevance.POSSIBLE]
    for name, *values in zip(names, fitted, in_use, strict=True):
        made.add_row(name, *(f"{value:.2f}" for value in values))
    return made


def shares(outcome: Calibration) -> Table:
    """Kept and empty by set and size, and their means."""
    made = Table(
        title="Possible matches: kept / empty",
        caption="kept: questions with an answer among the five best that is shown; empty: "
        "questions of other sets that get nothing; fitted: on the other sets alone",
    )
    for heading in ("set", "rows"):
        made.add_column(heading)
    for heading in ("fitted", "in use", f"constant threshold {CONSTANT_FLOOR}"):
        made.add_column(heading, justify="right")
    for row in outcome.rows:
        told = [_told([one]) for one in (row.fitted, row.shipped, row.constant)]
        made.add_row(row.store, row.size, *told)
    made.add_section()
    for size in ["all sizes", *dict.fromkeys(row.size for row in outcome.rows)]:
        rows = [row for row in outcome.rows if size in ("all sizes", row.size)]
        fitted, shipped = [one.fitted for one in rows], [one.shipped for one in rows]
        means = _told(fitted), _told(shipped), _told([one.constant for one in rows])
        made.add_row("mean", size, *means)
    return made


def comparison(compared: Mapping[str, Sequence[rankings.Row]]) -> Table:
    """One row per ranking, two columns for each set."""
    made = Table(title="Ways to rank", caption="bold: what searches do")
    made.add_column("")
    for name in compared:
        made.add_column(f"{name}: MRR", justify="right")
        made.add_column("Recall@10", justify="right")
    constants = ""
    for row, *others in zip(*compared.values(), strict=True):
        if row.constants != constants:
            made.add_section()
            constants = row.constants
        found = [one.quality for one in (row, *others)]
        cells = [f"{value:.3f}" for one in found for value in (one.mrr, one.recall)]
        made.add_row(Text(row.name), *cells, style="bold" if row.product else "")
    return made


def _told(values: Sequence[Shares | None]) -> str:
    known = [one for one in values if one is not None]
    if not known:
        return "-"
    kept, empty = np.mean([(one.kept, one.empty) for one in known], axis=0)
    return f"{kept:.3f} / {empty:.3f}"
