"""Simulated worlds with known success rates, in which recommendations are followed.

A world has the twenty families of `families` and four options. Each family has a success rate of
its own for each option, and every task is done with the option that is recommended first. What is
recorded is the outcome, but in a share of the tasks the opposite of it (`NOISE`).

The texts are embedded and compared once, as searches do it: with words and meaning. From there on
the product's own functions decide: `kindred` for what is alike, `judge` for what is best.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.worlds import families
from mcp_learning.bench.growing import Growing
from mcp_learning.embed.embedder import Embedder
from mcp_learning.embed.recipe import embedding_text
from mcp_learning.recommend.changepoint import everywhere
from mcp_learning.recommend.estimate import judge
from mcp_learning.recommend.evidence import SUPERSEDED as SUPERSEDED_WEIGHT
from mcp_learning.recommend.evidence import Evidence, Ints, superseded
from mcp_learning.recommend.posterior import Floats
from mcp_learning.search import fusion
from mcp_learning.search.lexical.terms import TokenisedQuery, count_terms
from mcp_learning.search.lexical.word_index import WordIndex
from mcp_learning.settings import DEFAULT_MODEL

Kind = Literal["steady", "bursts", "outage", "broken", "swapped", "equal"]
DRIFTS: tuple[Kind, ...] = ("outage", "broken", "swapped")

OPTIONS = 4
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
    """All n descriptions, family by family, and their similarities.

    Attributes:
        similarity: (n, n) float32, 0..1, as searches have it.
        vectors: (n, dimension) float32, L2-normalised.
        noise: `Embedder.floor` of the model.
    """

    similarity: NDArray[np.float32]
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


def compare_texts(model_dir: Path, seed: int = 1) -> Texts:
    """Embeds and compares the descriptions of all families. Blocks for some seconds.

    Raises:
        EmbedderUnavailable: The bundled model can't be loaded.
    """
    texts = [text for family in families.descriptions(seed) for text in family]
    embedder = Embedder(DEFAULT_MODEL, cache_dir=model_dir)
    embedder.load()
    vectors = np.asarray(embedder.embed([embedding_text(text) for text in texts]))
    words = WordIndex()
    words.add([count_terms(text) for text in texts])
    similarity = np.empty((len(texts), len(texts)), np.float32)
    for row, text in enumerate(texts):
        scores = words.score(TokenisedQuery.of(text))
        similarity[row] = fusion.similarities(
            fusion.meaning(vectors @ vectors[row], embedder.floor),
            scores.coverage[: len(texts)],
            fusion.lexical_weight(scores),
        )
    np.fill_diagonal(similarity, 1.0)  # the same task
    return Texts(similarity, vectors, embedder.floor)


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
    option, success = np.zeros(count, np.int64), np.zeros(count, bool)
    predicted, covered = np.zeros(count), np.zeros((count, OPTIONS), bool)
    better, mistaken = np.zeros(count, bool), np.zeros(count, bool)
    regret, recorded = np.zeros(count), world.recorded_rates
    growing = Growing(texts.vectors, texts.noise)
    place = np.zeros(count, np.int64)
    for now in range(count):
        old = superseded(world.text[:now], place[:now], option[:now], success[:now])
        factor = np.where(old, SUPERSEDED_WEIGHT, 1.0)
        if told and world.drift is not None and now >= world.drift:
            before = np.arange(world.drift)
            factor[before[world.changed[before, option[before]]]] = 0.0
        kept = everywhere(
            option[:now],
            success[:now],
            lambda at: texts.vectors[world.text[at]],
            texts.noise,
            OPTIONS,
        )
        evidence = Evidence(
            option=option[:now],
            success=success[:now],
            similarity=growing.alike(
                texts.similarity[world.text[now], world.text[:now]],
                texts.vectors[world.text[now]],
                world.text[:now],
                world.text[:now],
            ),
            age_days=(now - np.arange(now)) / TASKS_A_DAY,
            factor=factor,
            kept=kept,
        )
        judged = judge(evidence, OPTIONS, half_life_days)
        first = int(judged.order[0])
        predicted[now], better[now] = judged.mean[first], judged.better
        covered[now] = (judged.low <= recorded[now]) & (recorded[now] <= judged.high)
        mistaken[now] = judged.better and _mistaken(recorded[now], judged.mean, judged.tried)
        regret[now] = world.rates[now].max() - world.rates[now, first]
        success[now] = (world.luck[now] < world.rates[now, first]) != world.wrong[now]
        option[now] = first
    return Trajectory(regret, predicted, success, covered, better, mistaken)


def regret_of_best_fixed(world: World, start: int, end: int) -> float:
    """Cumulative regret, over tasks `start` to `end`, of the one option that has the least."""
    rates = world.rates[start:end]
    return float((rates.max(axis=1, keepdims=True) - rates).sum(axis=0).min())


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
