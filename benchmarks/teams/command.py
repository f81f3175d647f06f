"""`python -m benchmarks team`."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from benchmarks.output import AsJson, console, print_json
from benchmarks.teams import measure, parts
from benchmarks.teams.servers import TEAMS, postgres


def team(
    rows: Annotated[int, typer.Option(min=100, help="Of a first synchronisation")] = 4_000,
    rounds: Annotated[int, typer.Option(min=10, help="Records and searches of each host")] = 100,
    records: Annotated[int, typer.Option(min=10, help="That another host waits for")] = 40,
    writes: Annotated[int, typer.Option(min=10, help="Of each of sixteen writers")] = 100,
    part: Annotated[
        int,
        typer.Option(
            min=0,
            help="Executions of a team of which a host holds a part: measures this alone",
            show_default=False,
        ),
    ] = 0,
    held: Annotated[
        int | None, typer.Option(min=1, help="How many of them it holds", show_default="a tenth")
    ] = None,
    questions: Annotated[int, typer.Option(min=3, help="Of each of four kinds, for a part")] = 25,
    json: AsJson = False,
) -> None:
    """Measure a team's store: synchronisation, freshness, what calls cost, sixteen writers.

    With --part, instead: what a host finds that holds a part, and how long that takes.
    """
    if part:
        with postgres(vectors=True) as server, TemporaryDirectory(prefix="mcp-learning-") as place:
            found = parts.measure(server, Path(place), part, held or part // 10, questions)
    else:
        found = _whole(rows, rounds, records, writes)
    if json:
        print_json(found)
        return
    for name, value in found.items():
        shown = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
        console.print(f"{shown:>8}  {name}", markup=False, highlight=False)


def _whole(rows: int, rounds: int, records: int, writes: int) -> dict[str, float]:
    found: dict[str, float] = {}
    with postgres() as server, TemporaryDirectory(prefix="mcp-learning-") as scratch:
        directory = Path(scratch)
        for name, value in measure.bulk(server, directory / "bulk", rows).items():
            found[f"{name}, executions/s"] = value
        found |= measure.freshness(server, directory / "fresh", records)
        found |= measure.calls(server, directory / "calls", rounds)
        one, each = [TEAMS[3]] * len(TEAMS), TEAMS
        found["sixteen writers, one team, records/s"] = measure.writers(server, one, writes)
        found["sixteen writers, sixteen teams, records/s"] = measure.writers(server, each, writes)
    return found
