"""Which option goes first by what it costs, and which one is tried when it fails."""

from collections.abc import Mapping, Sequence
from math import inf
from typing import NamedTuple

import numpy as np

from mcp_learning.models.requests import Objective
from mcp_learning.recommend.belief import Belief
from mcp_learning.recommend.estimate import Estimate

LEAST_CHANCE = 0.01
"""Least probability of being drawn, before normalisation: the weight 1/p of rare draws in a later
evaluation would be unbounded."""

_LEAST_RATE = 0.01


def drawn(order: Sequence[int], estimated: Estimate) -> tuple[int, float] | None:
    """An option, drawn with the probability that it is the best one, and that probability.

    This is Thompson sampling (W. Thompson, Biometrika 25, 1933, 285-294). Since the probability of
    each draw is known, outcomes can be evaluated without bias later. None without options.
    """
    if not order:
        return None
    among = list(order)
    logit, own, shared = estimated.belief
    chances = Belief(logit[among], own[among], shared).chance_of_best()
    chances = np.maximum(chances, LEAST_CHANCE)
    chances /= chances.sum()
    one = int(np.random.default_rng().choice(len(among), p=chances))
    return among[one], round(float(chances[one]), 6)


class Escalation(NamedTuple):
    """What to try when an option fails.

    Attributes:
        to: Number of the other option.
        success_rate: Probability that one of the two succeeds, 0..1.
        cost_usd: Expected cost of both; None: unknown.
    """

    to: int
    success_rate: float
    cost_usd: float | None


def ordered(
    order: Sequence[int], estimated: Estimate, costs: Mapping[int, float], objective: Objective
) -> list[int]:
    """The options in the order in which to try them.

    For `cost`, the cheapest that isn't shown to be worse than the first goes first; for `balanced`,
    the one with the least cost for each success. Those whose cost isn't known follow, then those
    that are worse.

    Args:
        order: Best first by quality.
        estimated: The estimate of their rates.
        costs: Expected costs in dollars, where known.
        objective: What to optimise.
    """
    if objective == "quality":
        return list(order)

    def key(number: int) -> tuple[bool, float]:
        cost = costs.get(number, inf)
        rate = 1.0 if objective == "cost" else max(float(estimated.mean[number]), _LEAST_RATE)
        return bool(estimated.worse[number]), cost / rate

    return sorted(order, key=key)


def shown(order: Sequence[int], estimated: Estimate) -> list[int]:
    """The options to show: the known ones, and at most one that is worth trying.

    That is the first other one whose upper bound exceeds the best known rate. If no option is
    known, all are shown.
    """
    known = [number for number in order if estimated.known[number]]
    if not known:
        return list(order)
    to_beat = estimated.mean[known].max()
    others = [number for number in order if number not in known]
    worth = [number for number in others if estimated.high[number] > to_beat][:1]
    return [number for number in order if number in known or number in worth]


def escalation(
    number: int,
    order: Sequence[int],
    rate: float,
    rates: Sequence[float],
    costs: Mapping[int, float],
) -> Escalation | None:
    """The option most likely to succeed after another has failed; None if there is no other.

    The failure indicates a hard task, which makes all others less likely to succeed, too.

    Args:
        number: The option that fails.
        order: Options to consider, best first.
        rate: Success rate of the option, 0..1.
        rates: (m,) success rates of all options after the failure.
        costs: Expected costs in dollars, where known.
    """
    others = [other for other in order if other != number]
    if not others:
        return None
    to = max(others, key=lambda other: rates[other])
    failing = 1 - rate
    both = None
    if number in costs and to in costs:
        both = round(costs[number] + failing * costs[to], 4)
    return Escalation(to, round(1 - failing * (1 - rates[to]), 3), both)
