"""What votes on an execution make of its weight as evidence. Without numpy, so quick to import."""

from mcp_learning.store.types import Vote

SWAY = 2.0
"""Votes for and against that an execution is taken to have before any was given: a single vote
changes a weight by 15 %."""


def weight_of(vote: Vote) -> float:
    """0.5..2, 1 without votes or with equally many for and against.

    2 to the power of how far the share of votes in favour is from one half: the share shrunk by
    `SWAY` votes each way, so that no single vote dominates, and a hundred don't go beyond 2.
    """
    share = (vote.pro + SWAY) / (vote.pro + vote.contra + 2 * SWAY)
    return round(float(2.0 ** (2 * share - 1)), 3)
