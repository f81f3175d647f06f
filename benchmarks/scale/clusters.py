"""Makes tasks for data sets of any size: real texts, and vectors that lie in clusters.

A few thousand generated tasks are embedded by the real model: the centres. They are stored as they
are. Every further task is a variant of a centre: its description under another ticket number, and
its vector with isotropic noise of length `NOISE` added, L2-normalised again (cosine to its centre
1 / sqrt(1 + NOISE²) = 0.91, between variants of one centre 0.83). Runs of one task share its
vector, as they do in a real database, so there are ties.

Queries in distribution are fresh variants. Queries out of distribution are embeddings of questions
from outside software (`prose`), of which the data hold nothing.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks import off_topic
from mcp_learning.synthetic.generator import RUNS_PER_TASK, GeneratedTask, make_tasks

NOISE = 0.45
"""Expected length of the noise; a vector's is 1."""

MAX_CENTRES = 4_000
"""Centres embedded at most; small data have one per four tasks."""

_SHORTEST_KNOWN_ITEM, _LONGEST_KNOWN_ITEM = 40, 100  # characters
_PREFIXES = ("OPS", "WEB", "CORE", "APP", "DATA")

Embed = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True)
class Clusters:
    """The tasks of a data set.

    Attributes:
        tasks: The centres, then their variants.
        vectors: (tasks, dimension) float32, L2-normalised.
        centres: How many of the tasks are centres.
    """

    tasks: list[GeneratedTask]
    vectors: NDArray[np.float32]
    centres: int


@dataclass(frozen=True)
class Queries:
    """Texts with their vectors, (n, dimension) float32, L2-normalised."""

    texts: list[str]
    vectors: NDArray[np.float32]


def make_clusters(rows: int, *, seed: int, embed: Embed) -> Clusters:
    """The tasks that `rows` executions are runs of.

    Args:
        rows: Executions, >= 1.
        seed: The same seed and model give the same tasks and vectors.
        embed: Texts to (n, dimension) float32, L2-normalised.
    """
    wanted = max(1, rows // RUNS_PER_TASK)
    centres = make_tasks(min(MAX_CENTRES, math.ceil(wanted / 4)), seed=seed)
    known = embed([task.description for task in centres])
    rng = np.random.default_rng([seed, 1])
    chosen = rng.integers(len(centres), size=max(0, wanted - len(centres)))
    variants = [_variant(centres[centre], number) for number, centre in enumerate(chosen)]
    vectors = np.concatenate([known, _around(known[chosen], rng)])
    return Clusters([*centres, *variants], vectors, len(centres))


def in_distribution(clusters: Clusters, count: int, *, seed: int) -> Queries:
    """Fresh variants of random centres, none of them stored."""
    rng = np.random.default_rng([seed, 2])
    chosen = rng.integers(clusters.centres, size=count)
    first = len(clusters.tasks)
    tasks = [_variant(clusters.tasks[one], first + n) for n, one in enumerate(chosen)]
    texts = [task.description for task in tasks]
    return Queries(texts, _around(clusters.vectors[chosen], rng))


def out_of_distribution(count: int, *, seed: int, embed: Embed) -> Queries:
    """Questions from outside software, with their real embeddings."""
    texts = off_topic.questions(count, seed=seed)
    return Queries(texts, embed(texts))


def known_items(clusters: Clusters) -> Iterator[str]:
    """Stored descriptions for known-item searches, short enough to be returned untrimmed."""
    for task in clusters.tasks[: clusters.centres]:
        if _SHORTEST_KNOWN_ITEM <= len(task.description) <= _LONGEST_KNOWN_ITEM:
            yield task.description


def _variant(centre: GeneratedTask, number: int) -> GeneratedTask:
    ticket = f"{_PREFIXES[number % len(_PREFIXES)]}-{1000 + number}"
    return replace(centre, description=f"{ticket}: {centre.description}")


def _around(vectors: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    noise = rng.standard_normal(vectors.shape, np.float32)
    noise *= NOISE / math.sqrt(vectors.shape[1])
    noise += vectors
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    return noise
