"""`mcp-learning judge`: corrects outcomes by reverted commits or by test results."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mcp_learning.cli.options import DataDir, Json, path_argument
from mcp_learning.cli.output import echo, print_json
from mcp_learning.cli.running import fail, load_settings, resolve, run, service
from mcp_learning.models.identifiers import short_id
from mcp_learning.models.wording import counted

if TYPE_CHECKING:
    from mcp_learning.models.corrections import Judged

_SHOWN = 10


def judge(
    path: Annotated[
        Path, path_argument("A git repository, or JUnit XML of a run of tests", "PATH")
    ],
    task: Annotated[
        str, typer.Option(help="For results of tests: id of the execution that was tested")
    ] = "",
    commit: Annotated[
        str, typer.Option(help="Or the commit that was tested; default: the one checked out here")
    ] = "",
    limit: Annotated[
        int, typer.Option(min=1, max=100_000, help="With git: latest commits to read")
    ] = 2_000,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Correct outcomes by later facts: reverted commits, test results."""
    if path.is_dir() and (task or commit):
        fail("--task and --commit go with results of tests; leave them out for a repository", 2)
    if task and commit:
        fail("give either --task or --commit", 2)
    if commit and not (len(commit) >= 7 and all(digit in "0123456789abcdef" for digit in commit)):
        fail(f"--commit: {commit!a} is not a hash; give at least its first seven digits", 2)
    settings = load_settings(data_dir, needs_database=True)

    async def work() -> "Judged":
        from anyio.to_thread import run_sync

        from mcp_learning.clients.judging import junit, repositories
        from mcp_learning.models.corrections import Judge

        if path.is_dir():
            known = await run_sync(repositories.history, path, limit)
            async with service(settings) as learning:
                return await repositories.judge_history(learning, known)
        results = await run_sync(junit.read, path)
        head, known_as = ("", []) if task else await run_sync(repositories.current_commit)
        async with service(settings) as learning:
            if task:
                chosen = results.judgement(await resolve(learning, task))
                return await learning.judge(Judge(judgements=[chosen]))
            return await repositories.judge_results(learning, results, known_as, commit or head)

    done = run(work, "judging", names={"repo": "PATH"})
    if json:
        print_json(done)
        return
    if not done.changed:
        echo("Nothing new: no outcome has changed.")
        return
    named = ", ".join(short_id(one) for one in done.changed[:_SHOWN])
    more = "" if len(done.changed) <= _SHOWN else " and more"
    echo(f"{counted(len(done.changed), 'execution')} judged: {named}{more}.")
    echo("`mcp-learning show ID` says what an outcome is based on.")
