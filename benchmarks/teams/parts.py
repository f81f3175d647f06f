"""A host that holds a part of its team's executions, beside one that holds all of them."""

import random
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import numpy as np
from numpy.typing import NDArray
from team.server import PostgresServer

from benchmarks.mcp_client import Connection
from benchmarks.scale.clusters import make_clusters
from benchmarks.teams.servers import REPO, ROLES, TEAMS, host, settings
from benchmarks.timing import percentiles
from mcp_learning.embed.embedder import Embedder
from mcp_learning.embed.recipe import embedding_text
from mcp_learning.models.team import ExchangeWithTeam
from mcp_learning.service.indexer import Indexer
from mcp_learning.settings import Settings
from mcp_learning.store import open_store
from mcp_learning.synthetic.generator import (
    RUNS_PER_TASK,
    GeneratedTask,
    Run,
    make_runs,
    make_tasks,
)
from mcp_learning.synthetic.loading import CHUNK, EMBED_CHUNK, embed_passages, insert
from mcp_learning.team.service import SharedLearning
from mcp_learning.team.setup import upgrade

SEED = 20_262
MOST_EMBEDDED = 150_000
"""Executions up to which every description is embedded; of more, most are variants of few."""

TOP = 5
_TEAM = TEAMS[4]
_TABLES = ("executions", "vectors", "searched", "near", "near_by_meaning")


class Shared(NamedTuple):
    """Executions that both hosts' team has.

    Attributes:
        descriptions: Of the tasks.
        errors: Error messages, each of them once.
        found: Seconds and megabytes that sharing them took, by what took them.
    """

    descriptions: Sequence[str]
    errors: Sequence[str]
    found: dict[str, float]


def measure(
    server: PostgresServer, directory: Path, rows: int, held: int, questions: int, seed: int = SEED
) -> dict[str, float]:
    """Times of searches in milliseconds, and the share of the top five that both hosts find.

    Args:
        server: With pgvector.
        directory: For the hosts' data; empty.
        rows: Executions of the team.
        held: How many of them the second host holds.
        questions: Of each kind.
        seed: Of executions and questions.
    """
    shared = anyio.run(_share, server, directory, rows, held, seed)
    urls = [server.url("teams", role) for role in ROLES]
    few = {"TEAM_REPLICA_MAX_ROWS": str(held)}
    with (
        host(directory / ROLES[0], urls[0], _TEAM) as whole,
        host(directory / ROLES[1], urls[1], _TEAM, few) as partial,
    ):
        return shared.found | _compared(whole, partial, _questions(shared, questions, seed))


def _compared(
    whole: Connection, partial: Connection, questions: Sequence[tuple[str, str]]
) -> dict[str, float]:
    seconds: dict[str, list[float]] = {}
    same: dict[str, list[float]] = {}
    in_full: list[bool] = []
    for kind, text in questions:
        answers = []
        for name, one in (("all is held", whole), ("new", partial), ("asked again", partial)):
            took, answer = one.call("find_similar_tasks", {"task_description": text, "limit": TOP})
            seconds.setdefault(name, []).append(took)
            answers.append({match["task_id"] for match in answer["matches"]})
            if name == "new":
                in_full.append(not answer["search"]["degraded"])
        if answers[0]:
            same.setdefault(kind, []).append(len(answers[0] & answers[1]) / len(answers[0]))
    found = {"new questions answered in full, %": 100 * float(np.mean(in_full))}
    for name, values in seconds.items():
        timing = percentiles(values)
        found |= {f"find, {name}, p50, ms": timing.p50, f"find, {name}, p95, ms": timing.p95}
    for kind, shares in same.items():
        found[f"top five as of all, {kind}, %"] = 100 * float(np.mean(shares))
    return found


def _questions(shared: Shared, count: int, seed: int) -> list[tuple[str, str]]:
    """Of each kind, in turn."""
    at_random = random.Random(seed)
    stored, halved = (at_random.sample(shared.descriptions, count) for _ in range(2))
    kinds = {
        "generated": [one.description for one in make_tasks(count, seed=seed + 1)],
        "descriptions": stored,
        "halves of descriptions": [text[: len(text) // 2] for text in halved],
        "error messages": at_random.sample(shared.errors, min(count, len(shared.errors))),
    }
    asked = [(kind, text) for kind, texts in kinds.items() for text in texts]
    at_random.shuffle(asked)
    return asked


async def _share(
    server: PostgresServer, directory: Path, rows: int, held: int, seed: int
) -> Shared:
    """Records executions on the first host, sends them, and has the second one pull its part."""
    model = Embedder(cache_dir=directory / "no other model")
    model.load()
    found: dict[str, float] = {}
    tasks, vectors = _tasks(rows, seed, model)
    further = await embed_passages(model, _long(tasks, rows), lambda *_: None)
    whole, partial = (
        _service(settings(server, role, _TEAM, directory / role, **given), model)
        for role, given in zip(ROLES, ({}, {"team_replica_max_rows": held}), strict=True)
    )
    errors: dict[str, None] = {}
    runs = make_runs(tasks, rows, seed=seed, until=datetime.now(UTC))
    while chunk := [_not_generated(one) for one in islice(runs, CHUNK)]:
        errors |= dict.fromkeys(x.execution.error_message or "" for x in chunk)
        await insert(whole.store, chunk, vectors, model.fingerprint, further)
    await _timed(found, "push, s", whole.exchange(ExchangeWithTeam(direction="push", fill=True)))
    owner = settings(server, "app", _TEAM)
    await _timed(found, "upgrade, s", upgrade(owner, contract=False))
    for name in _TABLES:
        ((size,),) = server.execute("teams", f"SELECT pg_total_relation_size('mcpl.{name}')")
        found[f"{name}, MB"] = int(str(size)) / 1e6
    await _timed(found, "join a part, s", partial.exchange(ExchangeWithTeam(direction="pull")))
    for one in (whole, partial):
        await one.close()
    del errors[""]
    return Shared([one.description for one in tasks], list(errors), found)


def _long(tasks: Sequence[GeneratedTask], rows: int) -> list[str]:
    """Descriptions whose further passages are embedded; hosts embed those of all others."""
    return [] if rows > MOST_EMBEDDED else [one.description for one in tasks]


def _not_generated(run: Run) -> Run:
    """The run without the note that it is generated, with which it would not be shared."""
    noted = {k: v for k, v in (run.execution.metadata or {}).items() if k != "generated"}
    return run._replace(execution=run.execution.model_copy(update={"metadata": noted or None}))


def _service(given: Settings, model: Embedder) -> SharedLearning:
    store = open_store(given)
    return SharedLearning(given, store, Indexer(given, store, model))


async def _timed(found: dict[str, float], name: str, work: Any) -> None:
    begun = time.perf_counter()
    await work
    found[name] = time.perf_counter() - begun


def _tasks(
    rows: int, seed: int, model: Embedder
) -> tuple[list[GeneratedTask], NDArray[np.float32]]:
    """Tasks of one repository, and their vectors, (tasks, dimension) float32."""

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        given = [embedding_text(text) for text in texts]
        chunks = range(0, len(given), EMBED_CHUNK)
        return np.concatenate([model.embed(given[at : at + EMBED_CHUNK]) for at in chunks])

    if rows > MOST_EMBEDDED:
        made = make_clusters(rows, seed=seed, embed=embed)
        return [replace(one, repo=REPO) for one in made.tasks], made.vectors
    tasks = make_tasks(rows // RUNS_PER_TASK, seed=seed, repos=(REPO,))
    return tasks, embed([one.description for one in tasks])
