"""`python -m benchmarks lessons`."""

from typing import Annotated

import typer

from benchmarks.lessons import simulation
from benchmarks.output import AsJson, console, print_json


def lessons(
    worlds: Annotated[int, typer.Option(min=1, help="Simulated worlds")] = 20,
    first_seed: Annotated[int, typer.Option(min=0, help="Other seeds make other worlds")] = 0,
    effect: Annotated[float, typer.Option(min=0, max=1, help="Size of the effects, 0..1")] = 0.25,
    follow: Annotated[
        float, typer.Option(min=0, max=1, help="How likely agents follow a lesson, 0..1")
    ] = 0.7,
    json: AsJson = False,
) -> None:
    """Simulate trials of helpful, useless and harmful lessons."""
    seeds = range(first_seed, first_seed + worlds)
    effects = (effect, 0.0, -effect)
    results = [one for seed in seeds for one in simulation.simulate(seed, follow, effects)]
    figures = simulation.summary(results, follow)
    if json:
        print_json(figures)
        return
    for name, value in figures.items():
        console.print(f"{name.replace('_', ' ')}: {value:g}", highlight=False)
