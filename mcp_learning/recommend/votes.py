"""The factor of votes in an execution's weight as evidence. Imports no numpy."""

from mcp_learning.store.types import Vote

SWAY = 2.0
"""Prior votes, each for and against, of every execution: a single vote changes a weight by 15 %."""


def weight_of(vote: Vote) -> float:
    """0.5..2; 1 without votes or with equally many for and against.

    2 to the power of twice the distance of the share of votes in favour from one half, where the
    share includes `SWAY` prior votes for and against.
    """
    share = (vote.pro + SWAY) / (vote.pro + vote.contra + 2 * SWAY)
    return round(float(2.0 ** (2 * share - 1)), 3)
