"""Tables and advice from a calibration."""

from itertools import zip_longest

from rich.table import Table
from rich.text import Text

from benchmarks.calibration.floors import WANTED_EMPTY, WANTED_KEPT, Calibration, FloorFigures

_SETTING = "MCP_LEARNING_MIN_SIMILARITY"


def table(outcome: Calibration) -> Table:
    """One row per floor; marks the one in use, and the lowest and highest that fit."""
    made = Table(
        title=f"{outcome.model}: {outcome.questions:,} questions, {outcome.records:,} records",
        caption="empty: share of questions without an answer that get none, from outside software "
        "and among generated tasks; kept: share of true matches among the ten best that stay",
    )
    made.add_column("floor")
    for heading in ("unrelated", "empty: outside", "empty: among others", "kept"):
        made.add_column(heading, justify="right")
    made.add_column("MRR", justify="right")
    made.add_column("Recall@10", justify="right")
    made.add_column("")
    for one in outcome.floors:
        shares = (one.unrelated, one.prose, one.foreign, one.kept)
        marks = {"in use": outcome.in_use, "least": _of(outcome.least)}
        marks |= {"greatest": _of(outcome.greatest)}
        remark = ", ".join(name for name, floor in marks.items() if floor == one.floor)
        cells = [f"{one.floor:.4g}", *(f"{share:.1%}" for share in shares)]
        cells += [f"{one.mrr:.3f}", f"{one.recall:.3f}", remark]
        made.add_row(*map(Text, cells), style="bold" if remark else "")
    return made


def comparison(outcome: Calibration) -> Table:
    """One row per ranking; two more columns for the paraphrases, if these were asked too."""
    made = Table(title="Ways to rank", caption="bold: what searches do")
    made.add_column("")
    for where in ("", " (short)") if outcome.short else ("",):
        made.add_column(f"MRR{where}", justify="right")
        made.add_column(f"Recall@10{where}", justify="right")
    constants = ""
    for row, short in zip_longest(outcome.compared, outcome.short):
        if row.constants != constants:
            made.add_section()
            constants = row.constants
        found = [row.quality, *([short.quality] if short else [])]
        cells = [f"{value:.3f}" for one in found for value in (one.mrr, one.recall)]
        made.add_row(Text(row.name), *cells, style="bold" if row.product else "")
    return made


def advice(outcome: Calibration) -> str:
    """Says which floors fit, whether the one in use does, and what to set otherwise."""
    least, greatest = outcome.least, outcome.greatest
    empty, kept = f"{WANTED_EMPTY:.0%}", f"{WANTED_KEPT:.0%}"
    told = (
        f"No floor up to {outcome.floors[-1].floor:.4g} leaves {empty} of what has no answer empty."
        if least is None
        else f"{least.floor:.4g} is the least floor that leaves {empty} of what has no answer "
        f"empty; it keeps {least.kept:.1%} of the true matches."
    )
    if greatest is None:
        return f"{told} None keeps {kept} of the true matches."
    told += f" {greatest.floor:.4g} is the greatest that keeps {kept} of them."
    if least is None or least.floor > greatest.floor:
        return f"{told} No floor does both; in use: {outcome.in_use:.4g}."
    fitting = min(max(outcome.in_use, least.floor), greatest.floor)
    if fitting == outcome.in_use:
        return f"{told} The floor in use, {outcome.in_use:.4g}, fits."
    if fitting == outcome.default:
        return f"{told} The default fits: unset {_SETTING} (in use: {outcome.in_use:.4g})."
    return f"{told} Set {_SETTING}={fitting:.4g} (in use: {outcome.in_use:.4g})."


def _of(one: FloorFigures | None) -> float | None:
    return one.floor if one else None
