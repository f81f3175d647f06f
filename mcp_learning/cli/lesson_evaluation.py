"""`mcp-learning evaluate --lessons`: replays a history with the lessons of its time."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from mcp_learning.cli.output import echo, print_json
from mcp_learning.cli.running import run, service

if TYPE_CHECKING:
    from mcp_learning.settings import Settings
    from mcp_learning.store.lesson_protocol import Experience
    from mcp_learning.store.past_run import PastRun


def evaluate_lessons(settings: "Settings", most: int, *, json: bool) -> None:
    """Replays the latest `most` executions, and prints how useful lessons would have been."""
    past = run(lambda: _replayed(settings, most), "replaying")
    if json:
        print_json({"replay": past})
        return
    echo(
        f"Replay: of {past['failures']:,} failures among {past['executions']:,} executions, "
        f"lessons of their time named {past['failures_named']:,}; {past['lessons']} lessons in the "
        "end."
    )
    for name in ("followed", "warned", "others"):
        echo(f"    {name}: {past[name]['success']} succeeded, {past[name]['failure']} failed")


async def _replayed(settings: "Settings", most: int) -> dict[str, Any]:
    import anyio.to_thread

    from mcp_learning.service.history import latest, unpacked

    async with service(settings) as learning:
        _, entries = await latest(learning, "approach", most)

    def work() -> dict[str, Any]:
        from mcp_learning.lessons.replay import replay

        runs = [unpacked(entry) for entry in entries]
        ended = [
            _experience(n, one)
            for n, one in enumerate(runs)
            if one.success is not None and one.confidence >= 0.5
        ]
        return replay(ended).as_json()

    return await anyio.to_thread.run_sync(work)


def _experience(number: int, one: "PastRun") -> "Experience":
    from datetime import UTC

    from mcp_learning.models.error_messages import normal_form
    from mcp_learning.store.lesson_protocol import Experience

    description, solution, error_type, message = (text or "" for text in one.texts)
    return Experience(
        task_id=UUID(int=number),
        recorded_at=one.recorded_at.replace(tzinfo=UTC),
        task_key=one.task_key,
        repo=one.repo,
        task_type=one.task_type,
        approach=one.label,
        success=bool(one.success),
        description=description,
        solution=solution,
        error_type=error_type,
        error_message=message,
        error_text=normal_form(message) if message else "",
        files=one.files,
        recovered=one.recovered,
    )
