"""`python -m benchmarks team`."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from benchmarks.output import AsJson, console, print_json
from benchmarks.teams import measure
from benchmarks.teams.servers import TEAMS, postgres


def team(
    rows: Annotated[int, typer.Option(min=100, help="Of a first synchronisation")] = 4_000,
    rounds: Annotated[int, typer.Option(min=10, help="Records and searches of each host")] = 100,
    records: Annotated[int, typer.Option(min=10, help="That another host waits for")] = 40,
    writes: Annotated[int, typer.Option(min=10, help="Of each of sixteen writers")] = 100,
    json: AsJson = False,
) -> None:
    """Measure a team's store: synchronisation, freshness, what calls cost, sixteen writers."""
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
    if json:
        print_json(found)
        return
    for name, value in found.items():
        shown = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
        console.print(f"{shown:>8}  {name}", markup=False, highlight=False)
