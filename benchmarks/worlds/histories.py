"""Histories with the structure of real ones, replayed: are rates better than plain ones?

In a history of distinct tasks, each is done once with each of nine options, and one in four
succeeds. In one of repeated tasks, each of 80 is done five times with each of thirteen. Options
differ, and so do repositories, tasks of a kind, and above all single tasks: some are hard for every
option, and no text says so. In `rare` and `usual` histories nearly all fails, or succeeds. In
`soft` ones most outcomes are only observed, with a confidence: one of confidence c is recorded the
right way round with a probability of (1 + c) / 2, so that 0 says nothing.

Rates are read before a task is recorded, and compared with the plain rate of the option so far.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal, NamedTuple

import numpy as np

from benchmarks.worlds import families
from benchmarks.worlds.simulation import START, Texts
from mcp_learning.models.identifiers import task_key
from mcp_learning.recommend.belief import Floats, logistic
from mcp_learning.recommend.evidence import Ints
from mcp_learning.recommend.gather import Comparison
from mcp_learning.recommend.past import Past
from mcp_learning.recommend.scores import Bools, Scores, score
from mcp_learning.store.past_run import PastRun

Form = Literal["distinct", "sparse", "rare", "usual", "soft", "repeated"]
FORMS: tuple[Form, ...] = ("distinct", "sparse", "rare", "usual", "soft", "repeated")

LEAST_CONFIDENCE = 0.3

_MINUTE = timedelta(minutes=1)
_AVERAGED = 0.346
"""Of the variance that averages a logistic over a normal: 16·√3 / (15·π), squared."""


class Shape(NamedTuple):
    """How a history is made. Spreads are standard deviations of logits.

    Attributes:
        tasks: How many.
        options: How many.
        runs: Of each task with each option; 0: each task is done once, with any option.
        centre: Logit of the middle rate.
        of_options: Spread of options.
        of_repositories: Of repositories, and again of each option in them.
        of_kinds: Of kinds of tasks, which texts tell.
        of_tasks: Of single tasks.
        of_pairs: Of single tasks with an option.
        wrong: Share of the outcomes that are recorded the wrong way round.
        observed: Share of the outcomes that have a confidence, of `LEAST_CONFIDENCE` to 1.
    """

    tasks: int
    options: int
    runs: int
    centre: float
    of_options: float
    of_repositories: float
    of_kinds: float
    of_tasks: float
    of_pairs: float
    wrong: float
    observed: float = 0.0


SHAPES: dict[Form, Shape] = {
    "distinct": Shape(727, 9, 1, -1.4, 0.7, 0.35, 0.6, 1.1, 0.3, 0.0),
    "sparse": Shape(727, 9, 0, -1.4, 0.7, 0.35, 0.6, 1.1, 0.3, 0.05),
    "rare": Shape(400, 6, 1, -2.6, 0.7, 0.25, 0.5, 0.8, 0.3, 0.0),
    "usual": Shape(400, 6, 1, 2.8, 0.7, 0.25, 0.5, 0.8, 0.3, 0.02),
    "soft": Shape(400, 6, 1, -0.9, 0.7, 0.35, 0.6, 1.1, 0.3, 0.0, 0.6),
    "repeated": Shape(80, 13, 5, -0.3, 0.6, 0.0, 0.5, 1.8, 0.8, 0.0),
}


@dataclass(frozen=True)
class Replayed:
    """Predictions for n runs, and m recommendations that were followed.

    Attributes:
        predicted: (n,) rates, 0..1.
        plain: (n,) rates of the options so far, 0..1.
        happened: (n,) as recorded; of observed outcomes, as they were.
        covered: (n,) whether the 90 % interval has the true rate.
        gain: (m,) true rate of the option recommended first, less that of the best so far.
    """

    predicted: Floats
    plain: Floats
    happened: Bools
    covered: Bools
    gain: Floats

    @property
    def scores(self) -> tuple[Scores, Scores]:
        """Of the predictions, and of the plain rates."""
        return score(self.predicted, self.happened), score(self.plain, self.happened)


class History(NamedTuple):
    """n tasks with m options.

    Attributes:
        text: (n,) positions in `Texts`.
        repo: (n,) names.
        rates: (n, m) true rates, as recorded.
        runs: (k, 2) tasks and options, in the order in which they are done.
        success: (k,) as recorded.
        happened: (k,) the same, but of observed outcomes, as they were.
        confidence: (k,) 0..1, how sure each is.
        shown: (n, m) the rates that an interval has to have: the true ones where tasks repeat,
            else their mean over tasks whose texts say the same.
        each: How many runs are done before anything is asked again.
    """

    text: Ints
    repo: Sequence[str]
    rates: Floats
    runs: Ints
    success: Bools
    happened: Bools
    confidence: Floats
    shown: Floats
    each: int


def make(form: Form, seed: int, kinds: Ints, repos: Sequence[str]) -> History:
    """A history from a seed.

    Args:
        form: Its form.
        seed: Of everything.
        kinds: (t,) kind of each of t >= `Shape.tasks` texts.
        repos: (t,) repository of each.
    """
    shape, rng = SHAPES[form], np.random.default_rng(seed)
    text = rng.permutation(len(kinds))[: shape.tasks]
    repo = np.unique([repos[one] for one in text], return_inverse=True)[1]
    kind = np.unique(kinds[text], return_inverse=True)[1]

    def normal(spread: float, *size: int) -> Floats:
        return spread * rng.normal(size=size)

    told = shape.centre + normal(shape.of_options, shape.options)
    told = told + normal(shape.of_repositories, repo.max() + 1)[repo, None]
    told = told + normal(shape.of_repositories, repo.max() + 1, shape.options)[repo]
    told = told + normal(shape.of_kinds, kind.max() + 1)[kind, None]
    alone = normal(shape.of_tasks, shape.tasks, 1)
    alone = alone + normal(shape.of_pairs, shape.tasks, shape.options)
    spread = shape.of_tasks**2 + shape.of_pairs**2
    mean = logistic(told / np.sqrt(1 + _AVERAGED * spread))
    rates, mean = (
        one * (1 - 2 * shape.wrong) + shape.wrong for one in (logistic(told + alone), mean)
    )
    every = np.indices((shape.tasks, shape.options)).reshape(2, -1).T
    if not shape.runs:
        chosen = rng.integers(0, shape.options, shape.tasks)
        every = np.stack([np.arange(shape.tasks), chosen], axis=1)
    repeated = shape.runs > 1
    if repeated:
        every = rng.permutation(np.repeat(every, shape.runs, axis=0))
    happened = rng.random(len(every)) < rates[every[:, 0], every[:, 1]]
    confidence, success = _observed(happened, shape.observed, rng)
    each = 10 if repeated else shape.options if shape.runs else 1
    shown = rates if repeated else mean
    names = [repos[one] for one in text]
    return History(text, names, rates, every, success, happened, confidence, shown, each)


def _observed(happened: Bools, share: float, rng: np.random.Generator) -> tuple[Floats, Bools]:
    """How sure outcomes are, and as what they are recorded."""
    if not share:
        return np.ones(len(happened)), happened
    observed = rng.random(len(happened)) < share
    confidence = np.where(observed, rng.uniform(LEAST_CONFIDENCE, 1, len(happened)), 1.0)
    return confidence, happened ^ (rng.random(len(happened)) < (1 - confidence) / 2)


def replay(history: History, texts: Texts, half_life_days: float) -> Replayed:
    """Reads the rates of all options before each group of runs is recorded."""
    options = history.rates.shape[1]
    labels = tuple(f"option {number:02}" for number in range(options))
    past = Past("approach", texts.vectors.shape[1], texts.noise, half_life_days)
    won, seen = np.zeros(options), np.zeros(options)
    columns: list[tuple[Floats, Floats, Bools, Bools]] = []
    gain = []
    for start in range(0, len(history.runs), history.each):
        group = np.arange(start, min(start + history.each, len(history.runs)))
        task, option = history.runs[group].T
        run = _run(history, texts, int(task[0]), start)
        comparison = Comparison("approach", run.repo, None, options, labels)
        found = past.compare(*past.related(run), comparison).estimate
        plain = (won + 2 * (won.sum() + 1) / (seen.sum() + 2)) / (seen + 2)
        here = option[task == task[0]]
        covered = _covered(found.low, found.high, history.shown[task[0]])
        if start >= len(history.runs) // 10:
            ended = history.happened[group][task == task[0]]
            columns.append((found.mean[here], plain[here], ended, covered[here]))
            true = history.rates[task[0]]
            gain.append(true[found.order[0]] - true[plain.argmax()])
        past.record({int(at): _ended(history, texts, int(at), labels) for at in group})
        sure = history.confidence[group]
        won += np.bincount(option, sure * history.success[group], options)
        seen += np.bincount(option, sure, options)
    joined = [np.concatenate(column) for column in zip(*columns, strict=True)]
    return Replayed(joined[0], joined[1], joined[2], joined[3], np.array(gain))


def _covered(low: Floats, high: Floats, true: Floats) -> Bools:
    return np.asarray((low <= true) & (true <= high))


def _run(history: History, texts: Texts, task: int, number: int) -> PastRun:
    """A task that is about to be done."""
    text = int(history.text[task])
    at = START + number * _MINUTE
    return PastRun(
        recorded_at=at,
        updated_at=at,
        task_key=task_key(texts.texts[text]),
        repo=history.repo[task],
        task_type="",
        label="",
        success=None,
        texts=(texts.texts[text], None, None, None),
        vector=texts.vectors[text],
    )


def _ended(history: History, texts: Texts, number: int, labels: Sequence[str]) -> PastRun:
    task, option = history.runs[number].tolist()
    run = _run(history, texts, task, number)
    return replace(
        run,
        label=labels[option],
        success=bool(history.success[number]),
        confidence=float(history.confidence[number]),
    )


def kinds_and_repositories() -> tuple[Ints, list[str]]:
    """Of the texts of `families.descriptions`: the family, and one of eight repositories.

    The families of a repository differ, as they do between teams.
    """
    count = len(families.FAMILIES)
    kinds = np.repeat(np.arange(count), families.TEXTS)
    repos = [f"acme/{(kind + 3 * (at % 2)) % 8}" for at, kind in enumerate(kinds.tolist())]
    return kinds, repos
