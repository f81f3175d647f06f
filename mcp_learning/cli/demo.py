"""`mcp-learning demo`: records a repository's commits with a real server, then searches them.

The server process has a temporary database, and the demo asks it three questions. The user's
database isn't touched.
"""

import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import anyio.to_thread
import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mcp_learning.cli.options import Json, data_dir_option, path_option
from mcp_learning.cli.output import console, echo, print_json
from mcp_learning.cli.progress import counted_progress
from mcp_learning.cli.running import is_attended, load_settings, run
from mcp_learning.cli.similar import matches_table
from mcp_learning.clients.transfer import commits, git
from mcp_learning.clients.transfer.commit_history import CommitHistory
from mcp_learning.errors import LearningError
from mcp_learning.models.characters import visible
from mcp_learning.models.requests import RecordExecution
from mcp_learning.models.wording import counted
from mcp_learning.redaction.exclusion import is_excluded
from mcp_learning.server.answers import structured

if TYPE_CHECKING:
    from mcp_learning.cli.demo_client import Answer, Recording

_FEWEST_COMMITS = 10  # with fewer in the current repository the sample is shown instead
_ABOUT = {
    "tried in two ways": "a task that was tried in two ways, in other words: which one to take",
    "unrelated": "about nothing that was recorded",
}
"""Descriptions of the questions that aren't about a particular task."""


@dataclass(frozen=True)
class DemoSource:
    """The demo's tasks: commits of a repository, or those of the sample with runs of agents."""

    name: str
    tasks: Sequence[RecordExecution]
    sample: bool
    why: str = ""
    runs: Sequence[RecordExecution] = ()

    @property
    def recorded(self) -> list[RecordExecution]:
        """All tasks, in the order in which they are recorded."""
        return [*self.tasks, *self.runs]


def demo(
    repo: Annotated[
        Path | None,
        path_option(
            "--repo", "DIRECTORY", "Git repository to learn from; default: this one, or a sample"
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Latest commits to record")] = 60,
    data_dir: Annotated[
        Path | None, data_dir_option("Keep the demo's database here; default: a temporary one")
    ] = None,
    json: Json = False,
) -> None:
    """Record a repository's commits with a real server, then search among them."""
    begin = time.perf_counter()
    source = choose(repo, limit, load_settings(None).excluded_repos)
    # On Windows, a server that was killed may still have files open: the system removes them later.
    scratch = tempfile.TemporaryDirectory(prefix="mcp-learning-", ignore_cleanup_errors=True)
    with scratch as directory, Path(directory, "server.log").open("w") as log:
        if not json:
            _print_source(source)
        home = load_settings(data_dir).data_dir if data_dir else Path(directory, "data")
        report = run(lambda: _shown(source, home, log, begin, silent=json))
    if json:
        print_json(report)
        return
    kept = f" The database is kept in {data_dir}." if data_dir else ""
    console.print(Text(f"\nDone in {report['seconds']:.1f} s.{kept}", style="bold"))
    next_one = "`mcp-learning import git` keeps this history for them"
    if source.sample:
        next_one = "`mcp-learning demo` in a repository of yours learns from that"
    echo(f"Next: `mcp-learning install --all` adds it to the agents found here; {next_one}.")


async def _shown(
    source: DemoSource, home: Path, log: TextIO, begin: float, *, silent: bool
) -> dict[str, Any]:
    """Records the tasks and asks the questions; unless `silent`, prints both and asks for more."""
    from mcp_learning.cli.demo_client import Question, connected, questions

    async with connected(home, log) as client:
        with counted_progress(quiet=silent, begin="starting the server") as progress:
            recording = await client.record(source.recorded, progress)
        asked = questions(source.recorded, sample=source.sample)
        answers = [await client.ask(question) for question in asked]
        report = _as_json(source, recording, answers, time.perf_counter() - begin)
        if not silent:
            _print_recorded(source, recording)
            for number, answer in enumerate(answers, 1):
                _print_answer(number, answer)
        while not silent and (
            text := await anyio.to_thread.run_sync(_own_question, abandon_on_cancel=True)
        ):
            _print_answer(0, await client.ask(Question("yours", text)))
    return report


def _own_question() -> str:
    """Prompts on a terminal for a question; "" ends the demo."""
    if not (is_attended() and console.is_terminal):
        return ""
    try:
        return console.input("\nYour own question (Enter: that's all): ").strip()
    except EOFError:
        return ""


def choose(repo: Path | None, limit: int, excluded_repos: str) -> DemoSource:
    """The repository to read, or the sample if the current one has too few commits.

    Raises:
        LearningError: `repo` was given and can't be read, or is excluded.
    """
    if repo is not None:
        history = _history(repo, limit, excluded_repos)
        tasks = commits.executions(history)
        if not tasks:
            raise LearningError(f"{repo} has no commits but reverts; raise --limit")
        return DemoSource(history.name, tasks, sample=False)
    try:
        history = _history(Path.cwd(), limit, excluded_repos)
        tasks = commits.executions(history)
        if len(tasks) >= min(_FEWEST_COMMITS, limit):
            return DemoSource(history.name, tasks, sample=False)
        why = f"this repository has only {counted(len(tasks), 'commit')} to learn from"
    except _Excluded:
        why = "this repository is excluded (excluded_repos)"
    except LearningError:
        why = "there is no git history here"
    from mcp_learning.cli.demo_client import RUNS

    history = git.sample()
    tasks = commits.executions(history)[-limit:]
    return DemoSource(history.name, tasks, sample=True, why=why, runs=RUNS)


class _Excluded(LearningError):
    """Raised when the setting `excluded_repos` covers a repository."""


def _history(directory: Path, limit: int, excluded_repos: str) -> CommitHistory:
    history = git.read(directory, limit)
    if is_excluded(history.name, excluded_repos, history.known_as):
        raise _Excluded(f"{directory} is excluded by excluded_repos; give another repository")
    return history


def _print_source(source: DemoSource) -> None:
    commits_of = f"{counted(len(source.tasks), 'commit')} of {visible(source.name)}"
    line = Text("Learning from ").append(commits_of, style="bold")
    if source.sample:
        line.append(f" and {counted(len(source.runs), 'run')} of agents", style="bold")
        line.append(f", a sample shipped with the package, since {source.why} (try --repo PATH)")
    console.print(line)


def _print_recorded(source: DemoSource, recording: "Recording") -> None:
    counts = Counter((task.task_type, task.outcome) for task in source.tasks)
    types = Counter(task.task_type for task in source.tasks)
    table = Table("task type", box=None, padding=(0, 3, 0, 0), header_style="dim")
    for column in ("commits", "with tests", "reverted or fixed"):
        table.add_column(column, justify="right")
    for task_type, commits_of_it in types.most_common():
        ended = (counts[task_type, outcome] for outcome in ("success", "failure"))
        shown = [str(number) if number else "" for number in ended]
        table.add_row(Text(task_type), str(commits_of_it), *shown)
    console.print()
    console.print(Padding.indent(table, 2))
    console.print()
    secrets = counted(recording.redactions, "secret") if recording.redactions else "no secrets"
    console.print(
        f"Server started in {recording.start_ms:.0f} ms. "
        f"{counted(len(source.recorded), 'task')} recorded, each durable after "
        f"{recording.record_p50_ms:.1f} ms (median), {secrets} removed. "
        f"All embedded {recording.ready_ms / 1000:.1f} s later, loading the model included.",
        markup=False,
        highlight=False,
    )


def _print_answer(number: int, answer: "Answer") -> None:
    asked = visible(answer.question.text)
    if number:
        console.print(Text(f'\n{number}. "{asked}"', style="bold cyan"))
    if answer.question.about == "yours":
        what = counted(len(answer.found.matches), "match")
    elif answer.question.expected is None:
        what = _ABOUT[answer.question.about]
    else:
        place = "not among the first" if answer.rank is None else f"found as no. {answer.rank}"
        what = f"a task {answer.question.about}: {place}"
    console.print(Text(f"   {what}  {answer.milliseconds:.1f} ms", style="dim"))
    console.print(Padding.indent(matches_table(answer.found), 3))
    if answer.advice:
        console.print(Padding.indent(Text(answer.advice), 3))


def _as_json(
    source: DemoSource, recording: "Recording", answers: "list[Answer]", seconds: float
) -> dict[str, Any]:
    return {
        "source": "sample" if source.sample else "git",
        "repo": source.name,
        "recorded": len(source.recorded),
        "task_types": dict(Counter(task.task_type for task in source.recorded).most_common()),
        "outcomes": dict(Counter(task.outcome for task in source.recorded)),
        "redactions": recording.redactions,
        "start_ms": round(recording.start_ms, 1),
        "record_p50_ms": round(recording.record_p50_ms, 2),
        "record_max_ms": round(max(recording.record_ms), 2),
        "ready_ms": round(recording.ready_ms, 1),
        "searches": [_search_as_json(answer) for answer in answers],
        "seconds": round(seconds, 2),
    }


def _search_as_json(answer: "Answer") -> dict[str, Any]:
    expected = answer.question.expected
    return {
        "query": answer.question.text,
        "about": answer.question.about,
        "expected_task_id": None if expected is None else str(expected.task_id),
        "rank": answer.rank,
        "milliseconds": round(answer.milliseconds, 2),
        "advice": answer.advice,
        **structured(answer.found),
    }
