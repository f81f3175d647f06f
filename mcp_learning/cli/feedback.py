"""`mcp-learning feedback`: stores a person's judgement of an execution."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from mcp_learning.cli.options import DataDir, Id, Json
from mcp_learning.cli.output import echo, print_json
from mcp_learning.cli.running import call, load_settings, request, resolve
from mcp_learning.models.identifiers import short_id
from mcp_learning.models.wording import counted

if TYPE_CHECKING:
    from mcp_learning.models.results import FeedbackStored
    from mcp_learning.service.protocol import Learning


def feedback(
    task_id: Id,
    rating: Annotated[int | None, typer.Option(min=1, max=5, help="1 to 5")] = None,
    accepted: Annotated[str, typer.Option(help="Was the result taken: yes or no")] = "",
    helpful: Annotated[str, typer.Option(help="Did recalling it help: yes or no")] = "",
    issue_type: Annotated[
        str, typer.Option(help="wrong_model, too_slow, poor_quality or other")
    ] = "",
    comment: Annotated[str, typer.Option(help="In your own words")] = "",
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Judge an execution: recommendations count it for more, or for less."""
    from mcp_learning.models.requests import SubmitFeedback

    said = request(
        SubmitFeedback,
        task_id=UUID(int=0),
        rating=rating,
        accepted=accepted,
        helpful=helpful,
        issue_type=issue_type,
        comment=comment,
    )
    settings = load_settings(data_dir, needs_database=True)

    async def work(learning: "Learning") -> "FeedbackStored":
        about = said.model_copy(update={"task_id": await resolve(learning, task_id)})
        return await learning.feedback(about.identified())

    done = call(settings, work, "writing")
    if json:
        print_json(done)
        return
    echo(f"Stored: {done.feedback_count:,} feedback on {short_id(done.task_id)}.")
    if done.redactions:
        echo(f"{counted(done.redactions, 'secret')} removed.")
