"""What regret learners have after a drift that know more than any recommender can.

    python tools/drift_reference.py

Worlds are those of `mcp-learning evaluate --worlds`, but the families of tasks are known, so
nothing is left to find out but rates. Each learner has the exact posterior of every rate under a
prior about as wide as the truth, and after the drift knows (`told`) which families changed, or
(`moment`) when, and in which share of them, or (`nothing`) neither. It takes the option with the
highest mean, or with the highest sum of mean and `bonus` standard deviations. None looks further
ahead than that: they are points of reference, not a proven bound.

Printed: mean regret over 200 tasks, as a share of what the best fixed option has after the drift,
from 200 tasks before the drift on.
"""

from math import lgamma

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FAMILIES, OPTIONS, TASKS, WORLDS = 20, 4, 2_000, 400
DRIFT, SHARE, NOISE, WINDOW = 1_000, 0.25, 0.1, 200
PRIOR = 1.5
_LOG_GAMMA = np.array([lgamma(PRIOR + n) for n in range(TASKS + 1)])
_LOG_GAMMA_2 = np.array([lgamma(2 * PRIOR + n) for n in range(TASKS + 1)])


def log_beta(won: NDArray[np.int64], lost: NDArray[np.int64]) -> Floats:
    """Log B(PRIOR + won, PRIOR + lost), element by element."""
    return np.asarray(_LOG_GAMMA[won] + _LOG_GAMMA[lost] - _LOG_GAMMA_2[won + lost])


def rates_of_worlds(kind: str, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Rates before and after the drift, (worlds, families, options), and what changed, 0 or 1."""
    before = rng.uniform(0.1, 0.9, (WORLDS, FAMILIES, OPTIONS))
    changed = np.argsort(rng.random((WORLDS, FAMILIES)), axis=1) < round(SHARE * FAMILIES)
    world, family = np.nonzero(changed)
    best, worst = before.argmax(axis=2)[changed], before.argmin(axis=2)[changed]
    after = before.copy()
    after[world, family, best] = before[world, family, worst]
    if kind == "swapped":
        after[world, family, worst] = before[world, family, best]
    return before, after, changed.astype(np.float64)


def optimistic(counts: NDArray[np.int64], bonus: float) -> Floats:
    """Mean of a rate's posterior and `bonus` standard deviations, from counts (..., 2)."""
    size = 2 * PRIOR + counts.sum(axis=-1)
    mean = (PRIOR + counts[..., 0]) / size
    return np.asarray(mean + bonus * np.sqrt(mean * (1 - mean) / (size + 1)))


def chance_of_change(old: NDArray[np.int64], new: NDArray[np.int64]) -> Floats:
    """(worlds,) from counts (worlds, options, 2) before and after the moment of the drift."""
    both = old + new
    same = log_beta(both[..., 0], both[..., 1]) - log_beta(old[..., 0], old[..., 1])
    nothing = np.zeros(1, np.int64)
    fresh = log_beta(new[..., 0], new[..., 1]) - log_beta(nothing, nothing)
    odds = np.exp(np.clip((same - fresh).sum(axis=1), -50, 50))
    return np.asarray(SHARE / (SHARE + (1 - SHARE) * odds))


def follow(kind: str, knows: str, bonus: float) -> list[float]:
    """Regret in windows of tasks, from the one before the drift on."""
    rng = np.random.default_rng(0)
    before, after, changed = rates_of_worlds(kind, rng)
    family = rng.integers(0, FAMILIES, (WORLDS, TASKS))
    worlds = np.arange(WORLDS)
    counts = np.zeros((2, WORLDS, FAMILIES, OPTIONS, 2), np.int64)
    regret = np.zeros((WORLDS, TASKS))
    for now in range(TASKS):
        drifted = now >= DRIFT
        kinds = family[:, now]
        rates = (after if drifted else before)[worlds, kinds]
        old, new = counts[0, worlds, kinds], counts[1, worlds, kinds]
        kept = optimistic(old + new, bonus)
        void = optimistic(new, bonus)
        if not drifted or knows == "nothing":
            doubt = np.zeros(WORLDS)
        else:
            doubt = changed[worlds, kinds] if knows == "told" else chance_of_change(old, new)
        value = doubt[:, None] * void + (1 - doubt[:, None]) * kept
        taken = (value + 1e-9 * rng.random(value.shape)).argmax(axis=1)
        rate = rates[worlds, taken]
        regret[:, now] = rates.max(axis=1) - rate
        succeeded = (rng.random(WORLDS) < rate) != (rng.random(WORLDS) < NOISE)
        counts[int(drifted), worlds, kinds, taken, (~succeeded).astype(np.int64)] += 1
    later = after[worlds[:, None], family[:, DRIFT:]]
    fixed = (later.max(axis=2, keepdims=True) - later).mean(axis=1).min(axis=1)
    starts = range(DRIFT - WINDOW, TASKS, WINDOW)
    return [float((regret[:, at : at + WINDOW].mean(axis=1) / fixed).mean()) for at in starts]


def main() -> None:
    """Prints a line for each kind of drift, knowledge and bonus."""
    print("drift    knows     bonus  before  0-200  200-400  400-600  600-800  800-1000")
    for kind in ("broken", "swapped"):
        for knows in ("told", "moment", "nothing"):
            for bonus in (0.0, 0.5, 1.0):
                figures = "    ".join(f"{one:.3f}" for one in follow(kind, knows, bonus))
                print(f"{kind:8} {knows:9} {bonus:<5}  {figures}", flush=True)


if __name__ == "__main__":
    main()
