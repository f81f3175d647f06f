"""Lessons of experience alone: planted effects are found, and chance is not."""

from lessons.worlds import approaches, failures
from mcp_learning.lessons.recurrences import all_findings

SEEDS = range(12)


def test_four_of_five_planted_approaches_are_found_and_few_others() -> None:
    planted = hits = false = total = 0
    for seed in SEEDS:
        world = approaches(seed, effect=0.3)
        keys = {one.key for one in all_findings(world.experience)}
        types = {key.split(":")[2] for key in world.planted}
        planted += len(world.planted)
        hits += len(world.planted & keys)
        # Where one approach is better, the others are truly worse than the rest together.
        false += sum(key.split(":")[2] not in types for key in keys)
        total += len(keys)
    assert hits >= 0.8 * planted
    assert false <= 0.05 * total


def test_where_nothing_differs_hardly_anything_is_found() -> None:
    worlds = [all_findings(approaches(seed, effect=0.0).experience) for seed in range(40)]
    assert sum(bool(one) for one in worlds) <= 0.05 * len(worlds) + 1


def test_recurring_failures_are_found_with_what_ended_them_and_chance_is_not() -> None:
    planted = hits = total = 0
    for seed in SEEDS:
        world = failures(seed, real=True)
        keys = {one.key for one in all_findings(world.experience)}
        planted, hits, total = (
            planted + len(world.planted),
            hits + len(world.planted & keys),
            total + len(keys),
        )
    assert hits >= 0.8 * planted
    assert total - hits <= 0.05 * total
    assert sum(len(all_findings(failures(seed, real=False).experience)) for seed in SEEDS) <= 3
