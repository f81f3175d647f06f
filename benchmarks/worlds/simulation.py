"""Simulated worlds with known success rates, in which recommendations are followed.

A world has the twenty families of `families` and four options. Each family has a success rate of
its own for each option, and every task is done with the option that is recommended first. What is
recorded is the outcome, but in a share of the tasks the opposite of it (`NOISE`).

The texts are embedded once. From there on the product's own functions decide: `Past` holds what
was recorded so far, finds the executions that are related to a task, and compares the options.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.worlds import families
from mcp_learning.embed.embedder import Embedder
from mcp_learning.embed.recipe import embedding_text
from mcp_learning.models.identifiers import task_key
from mcp_learning.recommend.belief import Floats
from mcp_learning.recommend.evidence import Ints
from mcp_learning.recommend.gather import Comparison
from mcp_learning.recommend.past import Past
from mcp_learning.settings import DEFAULT_MODEL
from mcp_learning.store.past_run import PastRun

Kind = Literal["steady", "bursts", "outage", "broken", "swapped", "equal"]
DRIFTS: tuple[Kind, ...] = ("outage", "broken", "swapped")

OPTIONS = 4
LABELS = tuple(f"option {number}" for number in range(OPTIONS))
START = datetime(2025, 1, 1)
"""UTC, of the first task."""

TASKS = 2_000
LAST = 1_000
"""Tasks at the end over which regret is summed up."""

NOISE = 0.1
"""Share of the tasks whose outcome is recorded the wrong way round."""

TASKS_A_DAY = 20.0
RATES = (0.1, 0.9)
"""Success rates are drawn uniformly from here; a world without differences has one per family."""

DRIFTING = 0.25
"""Share of the families in which options change at the moment of drift, but for an outage."""

BURST = 25
"""Tasks of one family in a row in a world of bursts."""

WARM_UP = 200
"""Tasks that don't count for calibration and coverage: nothing is known yet."""


@dataclass(frozen=True)
class Texts:
    """All n descriptions, family by family.

    Attributes:
        texts: The descriptions.
        vectors: (n, dimension) float32, L2-normalised.
        noise: `Embedder.floor` of the model.
    """

    texts: list[str]
    vectors: NDArray[np.float32]
    noise: float


@dataclass(frozen=True)
class World:
    """A sequence of n tasks with the true success rate of each option.

    Attributes:
        rates: (n, options) float64, the true success rate of each option on each task, 0..1.
        family: (n,) int64.
        text: (n,) int64, the position of the description in `Texts`.
        luck: (n,) float64, 0..1: a task succeeds if this is below the rate.
        wrong: (n,) bool: the outcome is recorded the wrong way round.
        drift: The task from which rates are others, or None.
        changed: (n, options) bool, whether the rate of an option on the task's family is another
            from then on.
    """

    rates: Floats
    family: Ints
    text: Ints
    luck: Floats
    wrong: NDArray[np.bool_]
    drift: int | None
    changed: NDArray[np.bool_]

    @property
    def recorded_rates(self) -> Floats:
        """(n, options) the rates of outcomes as they are recorded: what can be learned."""
        return self.rates * (1 - 2 * NOISE) + NOISE


@dataclass(frozen=True)
class Trajectory:
    """What following the recommendations led to, on n tasks.

    Attributes:
        regret: (n,) float64, the best rate less that of the option that was followed.
        predicted: (n,) float64, the expected rate of the option that was followed.
        succeeded: (n,) bool, as recorded.
        covered: (n, options) bool, whether the 90 % interval has the recorded rate.
        better: (n,) bool, whether an option was said to be better than the others.
        mistaken: (n,) bool, whether one was that isn't better than all others.
    """

    regret: Floats
    predicted: Floats
    succeeded: NDArray[np.bool_]
    covered: NDArray[np.bool_]
    better: NDArray[np.bool_]
    mistaken: NDArray[np.bool_]


def embed_texts(model_dir: Path, texts: list[str] | None = None) -> Texts:
    """Embeds descriptions, by default those of all families. Blocks for some seconds.

    Raises:
        EmbedderUnavailable: The bundled model can't be loaded.
    """
    if texts is None:
        texts = [text for family in families.descriptions(1) for text in family]
    embedder = Embedder(DEFAULT_MODEL, cache_dir=model_dir)
    embedder.load()
    vectors = np.asarray(embedder.embed([embedding_text(text) for text in texts]))
    return Texts(texts, vectors, embedder.floor)


def make(kind: Kind, seed: int, tasks: int = TASKS) -> World:
    """A world from a seed; the same seed gives the same world.

    Args:
        kind: `steady`; `bursts`: the same, but many tasks of one family follow each other; `equal`:
            in each family all options are equally good. After half of the tasks, `outage`: the best
            option of all becomes as bad as the worst in every family. Or, in some families only:
            `broken`: the best option becomes as bad as the worst; `swapped`: they change places, so
            that what failed most is to be chosen.
        seed: Of everything.
        tasks: How many, at least 1.
    """
    rng = np.random.default_rng(seed)
    count = len(families.FAMILIES)
    drawn = rng.uniform(*RATES, (count, OPTIONS))
    if kind == "equal":
        drawn = np.repeat(drawn[:, :1], OPTIONS, axis=1)
    family = rng.integers(0, count, tasks)
    if kind == "bursts":
        family = np.repeat(rng.integers(0, count, -(-tasks // BURST)), BURST)[:tasks]
    rates = drawn[family]
    drift = tasks // 2 if kind in DRIFTS else None
    later = drawn if drift is None else _drifted(kind, drawn, rng)
    rates[drift or tasks :] = later[family[drift or tasks :]]
    return World(
        rates=rates,
        family=family,
        text=family * families.TEXTS + rng.integers(0, families.TEXTS, tasks),
        luck=rng.random(tasks),
        wrong=rng.random(tasks) < NOISE,
        drift=drift,
        changed=(later != drawn)[family],
    )


def follow(world: World, texts: Texts, half_life_days: float, *, told: bool = False) -> Trajectory:
    """Takes the first recommendation on every task, and records its outcome.

    Args:
        world: Where.
        texts: Of the tasks.
        half_life_days: Age at which evidence counts half, in days.
        told: It is told at once which options changed on which families, and their evidence from
            before is void. Nobody can know that; it shows what is to be had by noticing it sooner.
    """
    count = len(world.family)
    predicted, covered = np.zeros(count), np.zeros((count, OPTIONS), bool)
    better, mistaken = np.zeros(count, bool), np.zeros(count, bool)
    regret, recorded = np.zeros(count), world.recorded_rates
    runs: list[PastRun] = []
    past = Past("approach", texts.vectors.shape[1], texts.noise, half_life_days)
    comparison = Comparison("approach", None, None, OPTIONS, LABELS)
    for now in range(count):
        if told and now == world.drift:
            past.record(_void(world, runs))
        run = _run(texts, int(world.text[now]), now)
        found = past.compare(*past.related(run), comparison).estimate
        first = int(found.order[0])
        predicted[now], better[now] = found.mean[first], found.better
        covered[now] = (found.low <= recorded[now]) & (recorded[now] <= found.high)
        mistaken[now] = found.better and _mistaken(recorded[now], found.mean, found.tried)
        regret[now] = world.rates[now].max() - world.rates[now, first]
        success = bool((world.luck[now] < world.rates[now, first]) != world.wrong[now])
        runs.append(replace(run, label=LABELS[first], success=success))
        past.record({now: runs[now]})
    succeeded = np.array([run.success for run in runs], bool)
    return Trajectory(regret, predicted, succeeded, covered, better, mistaken)


def regret_of_best_fixed(world: World, start: int, end: int) -> float:
    """Cumulative regret, over tasks `start` to `end`, of the one option that has the least."""
    rates = world.rates[start:end]
    return float((rates.max(axis=1, keepdims=True) - rates).sum(axis=0).min())


def _run(texts: Texts, text: int, now: int) -> PastRun:
    """A task that is about to be done."""
    at = START + timedelta(days=now / TASKS_A_DAY)
    return PastRun(
        recorded_at=at,
        updated_at=at,
        task_key=task_key(texts.texts[text]),
        repo="",
        task_type="",
        label="",
        success=None,
        texts=(texts.texts[text], None, None, None),
        vector=texts.vectors[text],
    )


def _void(world: World, runs: Sequence[PastRun]) -> dict[int, PastRun]:
    """Executions of options that have changed on their families, as if they hadn't ended."""
    return {
        number: replace(run, success=None)
        for number, run in enumerate(runs)
        if world.changed[number, LABELS.index(run.label)]
    }


def _drifted(kind: Kind, drawn: Floats, rng: np.random.Generator) -> Floats:
    """(families, options) success rates after the drift, from those before it."""
    later = drawn.copy()
    if kind == "outage":
        later[:, drawn.mean(axis=0).argmax()] = drawn.min(axis=1)
        return later
    some = rng.permutation(len(drawn))[: round(DRIFTING * len(drawn))]
    low, high = drawn[some].argmin(axis=1), drawn[some].argmax(axis=1)
    later[some, high] = drawn[some, low]
    if kind == "swapped":
        later[some, low] = drawn[some, high]
    return later


def _mistaken(rates: Floats, means: Floats, tried: NDArray[np.bool_]) -> bool:
    among: Sequence[int] = np.flatnonzero(tried).tolist()
    said = max(among, key=lambda option: float(means[option]))
    return any(rates[other] >= rates[said] for other in among if other != said)
