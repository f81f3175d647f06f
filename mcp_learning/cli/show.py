"""`mcp-learning show`: everything that is known of one execution."""

from typing import TYPE_CHECKING

from mcp_learning.cli.options import DataDir, Id, Json
from mcp_learning.cli.output import echo, fields_table, format_time, print_facts, print_json
from mcp_learning.cli.running import call, load_settings, resolve
from mcp_learning.models.identifiers import short_id
from mcp_learning.models.wording import counted

if TYPE_CHECKING:
    from mcp_learning.models.results import Execution, ExecutionDetail, Feedback
    from mcp_learning.service.protocol import Learning


def show(task_id: Id, data_dir: DataDir = None, json: Json = False) -> None:
    """Show everything that is known of an execution."""
    from mcp_learning.models.requests import GetExecution

    settings = load_settings(data_dir, needs_database=True)

    async def work(learning: "Learning") -> "ExecutionDetail":
        return await learning.inspect(GetExecution(task_id=await resolve(learning, task_id)))

    found = call(settings, work, "reading")
    if json:
        print_json(found)
    else:
        _print(found)


def _print(found: "ExecutionDetail") -> None:
    from mcp_learning.server.records import weight

    print_facts(fields_table(_values(found)))
    echo(f"\nShown to agents {counted(found.times_returned, 'time')}; {weight(found)}.")
    if found.used_task_ids:
        echo("It used " + ", ".join(map(short_id, found.used_task_ids)) + ".")
    if found.used_by:
        users = ", ".join(f"{short_id(one.task_id)} ({one.outcome})" for one in found.used_by)
        echo(f"Used by {users}.")
    for one in found.feedback:
        echo(f"Feedback of {format_time(one.submitted_at)}: {_feedback(one)}")


def _outcome(one: "Execution") -> str:
    """The outcome, with its basis and confidence unless it was told with certainty."""
    if one.outcome == "pending" or (one.outcome_basis == "told" and one.outcome_confidence == 1):
        return one.outcome
    return f"{one.outcome} (by {one.outcome_basis}, counts {one.outcome_confidence:g})"


def _values(found: "ExecutionDetail") -> dict[str, object]:
    from mcp_learning.models.characters import visible
    from mcp_learning.server.answers import span, usd

    one = found.execution
    shown: dict[str, object] = {
        "id": one.task_id,
        "recorded": format_time(one.recorded_at),
        "changed": format_time(one.updated_at) if one.updated_at != one.recorded_at else None,
        "type": one.task_type,
        "outcome": _outcome(one),
        "because": found.outcome_reason,
        "repo": one.repo,
        "approach": one.approach,
        "task": one.task_description,
        "solution": one.solution_summary,
        "error type": one.error_type,
        "error": one.error_message,
        "duration": None if one.duration_seconds is None else span(one.duration_seconds),
        "cost": None if one.cost_usd is None else f"{usd(one.cost_usd)} USD",
    }
    told = {*shown, "task_id", "recorded_at", "updated_at", "task_type", "task_description"}
    told |= {"solution_summary", "error_type", "error_message", "duration_seconds", "cost_usd"}
    told |= {"outcome_basis", "outcome_confidence"}
    rest = {name: value for name, value in dict(one).items() if name not in told}
    metadata = rest.pop("metadata", None) or {}
    shown |= {name.replace("_", " "): value for name, value in rest.items()}
    shown |= {f"metadata.{name}": value for name, value in metadata.items()}
    return {
        name: None if value is None else visible(str(value)).replace("\r", "")
        for name, value in shown.items()
    }


def _feedback(one: "Feedback") -> str:
    yes = {True: "yes", False: "no", None: None}
    values = {
        "rating": one.rating,
        "accepted": yes[one.accepted],
        "helpful": yes[one.helpful],
        "issue": one.issue_type,
        "comment": one.comment,
    }
    return ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)
