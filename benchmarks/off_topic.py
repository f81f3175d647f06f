"""Questions that have nothing to do with software, which no execution answers."""

from collections.abc import Iterator
from itertools import product
from random import Random

_TEMPLATES = (
    "How long does {thing} need before {moment}, and who {doer} should I ask?",
    "My neighbour says that {thing} is best {moment}; a {doer} told me the opposite",
    "Write a short poem about {thing} and a {doer}, to be read {moment}",
    "Which {doer} was the first to describe {thing}, {moment} or at any other time?",
    "A gift for a {doer} who loves {thing} but has nothing planned {moment}",
    "What would it cost to share {thing} with a {doer} {moment}?",
    "The {doer} dreamt of {thing} {moment} and woke up laughing",
)
_THINGS = (
    "sourdough bread", "a bed of tulips", "the migration of storks", "a cello suite",
    "volcanic soil", "a wooden sailing boat", "goat cheese", "a chess endgame", "alpine hiking",
    "the rings of Saturn", "hand-knitted socks", "a marathon in the rain", "medieval castles",
    "olive trees", "a jar of honey", "the tango", "a litter of kittens", "glacier water",
    "stained glass", "mushroom picking",
)  # fmt: skip
_DOERS = (
    "baker", "gardener", "astronomer", "violinist", "fisherman", "historian", "midwife",
    "mountain guide", "potter", "beekeeper", "ballet dancer", "veterinarian",
)  # fmt: skip
_MOMENTS = (
    "in early spring", "on a cold morning", "before the wedding", "during the harvest",
    "after the first snow", "on the train to Lisbon", "at the end of the holidays",
    "by candlelight",
)  # fmt: skip


def questions(count: int, *, seed: int) -> list[str]:
    """Different questions about food, nature, music and the like; none is about software.

    Args:
        count: How many, 0..10,000.
        seed: The same seed gives the same questions.
    """
    made = list(_all())
    return Random(seed).sample(made, count)


def _all() -> Iterator[str]:
    for template, thing, doer, moment in product(_TEMPLATES, _THINGS, _DOERS, _MOMENTS):
        yield template.format(thing=thing, doer=doer, moment=moment)
