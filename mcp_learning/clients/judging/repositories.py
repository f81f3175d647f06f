"""Judges the recorded executions of a repository, by its git history or by test results.

Errors of the database are raised as `StoreError`.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from mcp_learning.clients.judging import commits
from mcp_learning.clients.judging.junit import Results
from mcp_learning.clients.transfer import git, git_program
from mcp_learning.clients.transfer.commit_history import CommitHistory
from mcp_learning.errors import InvalidInput, LearningError
from mcp_learning.models.corrections import Judge, Judged
from mcp_learning.models.dashboard import ListExecutions
from mcp_learning.models.listed import Listed
from mcp_learning.redaction import working_copies
from mcp_learning.service.protocol import Learning

_MOST_EXECUTIONS = 1_000  # latest executions of a repository that are judged
_LATEST_COMMITS = 200  # commits that are read when a session begins
SECONDS = 10
"""Timeout for reading and judging them."""

_LONGEST_LABEL = 500


history = partial(git.read, with_functions=False)
"""Reads the latest commits of a repository, as `git.read`, but not what they changed in files."""


def current_commit() -> tuple[str, list[str]]:
    """Hash of the commit checked out in the current directory, and the repository's names; blocks.

    Raises:
        InvalidInput: It is in no repository, or one without commits.
        LearningError: There is no git program, or it took too long.
    """
    directory = Path.cwd()
    try:
        hash_ = git_program.run(directory, "rev-parse", "HEAD").strip()
    except InvalidInput as error:
        raise InvalidInput(
            "task",
            "name the execution that was tested, or run this in the repository that was tested "
            f"({error.problem.partition(';')[0]})",
        ) from error
    return hash_, working_copies.spellings(str(directory))


async def judge_history(learning: Learning, known: CommitHistory) -> Judged:
    """Judges the latest executions of a repository by its history."""
    executions = await _executions(learning, [known.name, *known.known_as])
    made = commits.judgements(known, executions)
    return await learning.judge(Judge(judgements=made))


async def judge_by_latest_commits(learning: Learning, directory: Path) -> Judged | None:
    """As `judge_history`, by the latest commits; None without a repository, or after `SECONDS`."""
    with anyio.move_on_after(SECONDS):
        try:
            known = await anyio.to_thread.run_sync(
                history, directory, _LATEST_COMMITS, abandon_on_cancel=True
            )
        except LearningError:  # it is no repository, for instance
            return None
        return await judge_history(learning, known)
    return None


async def judge_results(
    learning: Learning, results: Results, known_as: Iterable[str], commit: str
) -> Judged:
    """Judges the executions that made a commit by its test results.

    Args:
        learning: The learning service.
        results: Of the tests of the commit.
        known_as: Spellings of the repository.
        commit: At least seven digits of the hash.

    Raises:
        InvalidInput: No execution made this commit.
    """
    executions = await _executions(learning, known_as)
    mine = [one for one in executions if any(_is_same(commit, made) for made in one.commits)]
    if not mine:
        problem = f"no execution made commit {commit[:7]}; name the one that was tested with --task"
        raise InvalidInput("path", problem)
    return await learning.judge(Judge(judgements=[results.judgement(one.task_id) for one in mine]))


async def _executions(learning: Learning, spellings: Iterable[str]) -> list[Listed]:
    found: dict[object, Listed] = {}
    for spelling in dict.fromkeys(one[:_LONGEST_LABEL] for one in spellings if one):
        asked = ListExecutions(repo=spelling, limit=_MOST_EXECUTIONS)
        page = await learning.listing(asked)
        found |= {one.task_id: one for one in page.executions}
    return list(found.values())[:_MOST_EXECUTIONS]


def _is_same(one: str, other: str) -> bool:
    return min(len(one), len(other)) >= 7 and (one.startswith(other) or other.startswith(one))
