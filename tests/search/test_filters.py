"""Every combination of filters against brute force, while executions come, change and go."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from anyio.from_thread import BlockingPortal
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from search.world import (
    TASKS,
    World,
    ask,
    assert_exact,
    description_of,
    hours_ago,
    like,
    opened,
    recalled,
)
from store import rows
from store.rows import OUTCOMES, execution

from mcp_learning.models.requests import Filters
from mcp_learning.models.results import Execution
from mcp_learning.search import scan
from mcp_learning.search.lexical.terms import TokenisedQuery
from mcp_learning.search.row_table import Upkeep
from mcp_learning.search.scorer import Query, Scorer

BASE = 1_000
"""Executions in the prepared index: two runs of each of half of the tasks."""

few = st.sampled_from([None, "a", "b", "it's"])
attributes = st.fixed_dictionaries(
    {
        "outcome": st.sampled_from(OUTCOMES),
        "repo": few,
        "task_type": st.sampled_from(["a", "b"]),
        "approach": few,
        "model_tier": few,
        "recorded_at": st.integers(0, 9 * 24).map(hours_ago),
        "solution_summary": st.sampled_from([None, "cleared the cache", "set ERR_4012 aside"]),
        "error_message": st.sampled_from([None, None, "ERR_4012 in src/billing/invoice.py"]),
    }
)
tasks = st.integers(0, 9)
spelt = st.sampled_from([str, str.upper, lambda text: f"  {text}"])
descriptions = st.builds(lambda task, spell: spell(description_of(task)), tasks, spelt)
numbers = st.integers(0, BASE)
step = (
    st.tuples(st.just("record"), descriptions, attributes)
    | st.tuples(st.just("record again"), numbers, st.tuples(descriptions, attributes))
    | st.tuples(st.just("describe"), numbers, descriptions)
    | st.tuples(st.just("change"), numbers, attributes)
    | st.tuples(st.just("delete"), numbers, st.integers(1, 4))
    | st.tuples(st.sampled_from(["embed", "compact", "restart"]), st.none(), st.none())
    | st.tuples(st.just("search"), st.none(), st.none())
)
questions = descriptions | st.sampled_from(
    ["parseConfig", "the invoice export breaks with ERR_4012", "cache", "unheard of", "the"]
)
queries = st.builds(
    ask,
    text=questions,
    vector=st.none() | st.builds(like, tasks, st.integers(0, 4)),
    filters=rows.filters,
    limit=st.sampled_from([1, 2, 5, 50]),
    floor=st.sampled_from([None, 0.0, 0.25, 0.5, 1.0]),
    noise=st.sampled_from([0.3, 0.5]),
)
near = st.builds(
    ask,
    text=questions,
    vector=st.builds(like, tasks, st.integers(0, 2)),
    limit=st.sampled_from([1, 2, 5]),
    floor=st.sampled_from([None, 0.0, 0.6]),
)
EARLY = Upkeep(min_unsaved=2, min_dead=2, min_bounded=2)
"""A few rows are worth the upkeep that usually thousands are."""

wide = st.builds(Filters, repo=few) | st.builds(Filters, task_type=st.sampled_from(["a", "b"]))
"""Filters that most of the prepared executions pass, or many of them."""


@pytest.fixture(scope="module")
def indexed(
    portal: BlockingPortal, empty: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[Execution]]:
    """`BASE` executions in a database and in an index."""
    random = np.random.default_rng(0)

    def one(number: int) -> Execution:
        labels = [(None, "a", "b", "it's")[choice] for choice in random.integers(0, 4, 3)]
        names = ("repo", "approach", "model_tier")
        return execution(
            task_description=description_of(number % (TASKS // 2)),
            task_type="ab"[number % 2],
            outcome=OUTCOMES[number % 5 % 3],
            recorded_at=hours_ago(int(random.integers(0, 9 * 24))),
            **dict(zip(names, labels, strict=True)),
        )

    directory = tmp_path_factory.mktemp("index")
    base = [one(number) for number in range(BASE)]
    with opened(portal, empty, directory, "hnsw", upkeep=EARLY) as world:
        world.fill(base)
        world.install()
        world.find("anything", None)
        world.compact()  # saves the words
    return directory, base


def take(world: World, step: tuple[str, Any, Any], gone: list[Any]) -> None:
    """Does one step; `gone` are the ids that were deleted."""
    kind, first, second = step
    ids = list(world.rows)
    if kind == "record":
        world.record(0, task_description=first, **second)
    elif kind == "record again" and gone:
        text, values = second
        task_id = gone.pop(first % len(gone))
        world.record(0, task_id=task_id, task_description=text, **values)
    elif kind == "describe" and ids:
        world.change(ids[first % len(ids)], task_description=second)
    elif kind == "change" and ids:
        world.change(ids[first % len(ids)], **second)
    elif kind == "delete" and ids:
        chosen = ids[first % len(ids) :][:second]
        world.delete(*chosen)
        gone += chosen
    elif kind == "embed":
        world.embed()
    elif kind == "compact":
        world.compact()
    elif kind == "restart":
        world.load()


@given(steps=st.lists(step, max_size=25), query=queries)
@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_an_exact_search_equals_brute_force_whatever_came_changed_or_went(
    portal: BlockingPortal,
    empty: Path,
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[str, Any, Any]],
    query: Query,
) -> None:
    gone: list[Any] = []
    with opened(portal, empty, tmp_path_factory.mktemp("exact"), upkeep=EARLY) as world:
        for step in [*steps, ("search", None, None)]:
            take(world, step, gone)
            if step[0] == "search":
                assert_exact(world, query, world.search(query))


def contenders_of(world: World, query: Query) -> int:
    """How many rows an exact search compares."""
    snapshot = world.retriever.rows.snapshot(query.filters, query.now)
    scorer = Scorer(snapshot, query, snapshot.words.score(TokenisedQuery.of(query.text)))
    floor = scorer.least_similarity if query.floor is None else query.floor
    rows = scan.contenders(snapshot, scorer, query.limit, floor)
    return len(snapshot.view) if rows is None else len(rows)


def test_a_search_among_many_equals_brute_force_though_bounds_rule_most_of_them_out(
    portal: BlockingPortal,
    indexed: tuple[Path, list[Execution]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    compared: list[int] = []
    directory, base = indexed

    @given(steps=st.lists(step, max_size=8), query=near, wide=wide)
    @settings(deadline=None, max_examples=20, phases=[Phase.explicit, Phase.reuse, Phase.generate])
    def check(steps: list[tuple[str, Any, Any]], query: Query, wide: Filters) -> None:
        gone: list[Any] = []
        scratch = tmp_path_factory.mktemp("exact")
        with opened(portal, directory, scratch, rows=base, upkeep=EARLY) as world:
            world.compact()
            for step in [*steps, ("search", None, None)]:
                take(world, step, gone)
                if step[0] == "search":
                    for asked in (query, replace(query, filters=wide)):
                        assert_exact(world, asked, world.search(asked))
                        compared.append(contenders_of(world, asked))

    check()
    assert sum(rows < BASE for rows in compared) >= 10


def test_a_filtered_search_by_index_is_complete_true_and_finds_the_best(
    portal: BlockingPortal,
    indexed: tuple[Path, list[Execution]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    directory, base = indexed
    wanted, hits, filtered = 0, 0, 0

    @given(
        steps=st.lists(step, max_size=8),
        text=questions,
        vector=st.builds(like, tasks, st.integers(0, 4)),
        filters=rows.filters | wide,
    )
    @settings(deadline=None, max_examples=20, phases=[Phase.explicit, Phase.reuse, Phase.generate])
    def check(steps: list[tuple[str, Any, Any]], text: str, vector: Any, filters: Filters) -> None:
        nonlocal wanted, hits, filtered
        query = ask(text, vector, filters=filters, limit=10)
        gone: list[Any] = []
        scratch = tmp_path_factory.mktemp("hnsw")
        options = {"few_passing": 0, "upkeep": EARLY}  # else so few rows are all compared
        with opened(portal, directory, scratch, "hnsw", rows=base, **options) as world:
            for step in [*steps, ("search", None, None)]:
                take(world, step, gone)
                if step[0] != "search":
                    continue
                found = world.search(query)
                assert found.candidates == world.eligible(filters)
                assert found.mode == ("hnsw" if found.candidates else "exact")
                wanted += len(found.ranked)
                hits += recalled(world, query, found)
                filtered += filters.active and len(found.ranked) == 10

    check()
    assert filtered
    assert hits >= 0.95 * wanted
