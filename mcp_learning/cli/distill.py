"""`mcp-learning distill`: runs an installed agent to write the lessons that are due."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mcp_learning.cli.options import DataDir, DryRun, Json, Repo, TaskType
from mcp_learning.cli.output import echo, print_json
from mcp_learning.cli.running import error_text, fail, load_settings, request, run, service
from mcp_learning.models.wording import counted

if TYPE_CHECKING:
    from mcp_learning.models.lessons import Packet
    from mcp_learning.service.protocol import Learning


def distill(
    agent: Annotated[
        str, typer.Option("--with", metavar="AGENT", help="claude or codex; default: the one here")
    ] = "",
    packets: Annotated[int, typer.Option(min=1, max=10, help="Most packets")] = 3,
    max_tokens: Annotated[
        int, typer.Option(min=100, max=1_000_000, help="Most tokens of questions and answers")
    ] = 20_000,
    repo: Repo = "",
    task_type: TaskType = "",
    dry_run: DryRun = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Let an agent that you have write lessons: `claude -p` or `codex exec`, on your account."""
    from mcp_learning.clients import headless
    from mcp_learning.errors import InvalidInput
    from mcp_learning.models.lessons import ReviewLessons

    settings = load_settings(data_dir, needs_database=True)
    try:
        name = headless.available(agent)
    except InvalidInput as error:
        fail(error_text(error), 2)
    budget = min(1_500 * packets, 10_000)  # the limit of `ReviewLessons`
    review = request(
        ReviewLessons, repo=repo, task_type=task_type, limit=packets, max_tokens=budget
    )

    async def work() -> dict[str, Any]:
        async with service(settings) as learning:
            due = (await learning.review_lessons(review)).packets
            return await _distilled(learning, due, name, max_tokens, dry_run=dry_run)

    report = run(work, f"asking {name}")
    if json:
        print_json(report)
        return
    for one in report["packets"]:
        echo(f"{one['kind']}: {one['result']}")
        if question := one.get("question"):
            echo(question)
    spent = f"{report['tokens']:,} tokens, estimated"
    echo(f"{counted(len(report['packets']), 'packet')} for {name}; {spent}.")


async def _distilled(
    learning: "Learning", due: "list[Packet]", name: str, max_tokens: int, *, dry_run: bool
) -> dict[str, Any]:
    import anyio.to_thread

    from mcp_learning.clients import headless
    from mcp_learning.errors import LearningError

    done: list[dict[str, Any]] = []
    spent = 0
    for packet in due:
        question = headless.prompt(packet)
        if spent + headless.tokens(question) > max_tokens:
            done.append({"kind": packet.kind, "result": "left out: --max-tokens is reached"})
            break
        spent += headless.tokens(question)
        if dry_run:
            done.append({"kind": packet.kind, "result": "would be asked", "question": question})
            continue
        try:
            answer, tokens = await anyio.to_thread.run_sync(headless.ask, name, question)
            spent += tokens
            done.append({"kind": packet.kind, **await _saved(learning, packet, answer)})
        except LearningError as error:
            done.append({"kind": packet.kind, "result": f"nothing saved: {error}"})
    return {"agent": name, "tokens": spent, "packets": done}


async def _saved(learning: "Learning", packet: "Packet", answer: dict[str, Any]) -> dict[str, Any]:
    from pydantic import ValidationError

    from mcp_learning.models.lessons import SaveLesson
    from mcp_learning.server.schema import explain

    if "when" not in answer:
        return {"result": f"nothing to learn: {answer.get('skip', 'no reason given')}"}
    allowed = {str(one.task_id) for one in (*packet.successes, *packet.failures)}
    given = answer.get("evidence")
    named = [one for one in given if str(one) in allowed] if isinstance(given, list) else []
    fields = {name: answer.get(name) for name in ("when", "do", "avoid")}
    fields |= {"repo": packet.repo, "task_type": packet.task_type, "evidence": named}
    try:
        saved = await learning.save_lesson(SaveLesson.model_validate(fields))
    except ValidationError as error:
        return {"result": f"nothing saved: {explain(error, SaveLesson)}"}
    verb = "merged" if saved.merged_with else "saved"
    return {"result": f"{verb} as {saved.status}", "lesson_id": str(saved.lesson_id)}
