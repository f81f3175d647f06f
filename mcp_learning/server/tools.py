"""The table of tools: names, descriptions, models, and the service call that answers each."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from mcp_types import ToolAnnotations
from pydantic import BaseModel

from mcp_learning.models import lessons, maintenance, requests, results
from mcp_learning.models.identifiers import uuid7
from mcp_learning.server import advice, answers, lesson_texts, matches, records, statistics
from mcp_learning.service.protocol import Learning, Progress

Answer = tuple[BaseModel, str]
"""Structured content and the text for the model."""


class Tool(NamedTuple):
    """One tool: how it is listed, the models of its arguments and of its structured content.

    Attributes:
        call: Answers a validated request.
        question: Returns what the user has to agree to first, if the client can ask; "": nothing.
    """

    name: str
    title: str
    description: str
    request: type[BaseModel]
    result: type[BaseModel]
    annotations: ToolAnnotations
    call: Callable[[Learning, Any, Progress], Awaitable[Answer]]
    question: Callable[[Learning, Any], Awaitable[str]] | None = None


def _hints(*, read_only: bool, destructive: bool, idempotent: bool) -> ToolAnnotations:
    return ToolAnnotations(
        read_only_hint=read_only,
        destructive_hint=destructive,
        idempotent_hint=idempotent,
        open_world_hint=False,
    )


_READ = _hints(read_only=True, destructive=False, idempotent=True)


async def _record(learning: Learning, request: requests.RecordExecution, _: Progress) -> Answer:
    result = await learning.record(request)
    return result, answers.recorded(result)


async def _find(learning: Learning, request: requests.FindSimilarTasks, _: Progress) -> Answer:
    return matches.similar(await learning.find(request), request)


async def _recommend(
    learning: Learning, request: requests.RecommendApproach, _: Progress
) -> Answer:
    return advice.recommendation(await learning.recommend(request), request)


async def _feedback(learning: Learning, request: requests.SubmitFeedback, _: Progress) -> Answer:
    result = await learning.feedback(request.identified())
    return result, answers.feedback(result)


async def _get(learning: Learning, request: requests.GetExecution, _: Progress) -> Answer:
    result = await learning.get(request)
    return result, records.execution(result)


async def _stats(learning: Learning, request: requests.LearningStats, _: Progress) -> Answer:
    return statistics.stats(await learning.stats(request), request)


async def _rebuild(
    learning: Learning, request: requests.RebuildIndex, progress: Progress
) -> Answer:
    result = await learning.rebuild(request, progress)
    return result, answers.rebuilt(result)


async def _forget(learning: Learning, request: requests.ForgetExecutions, _: Progress) -> Answer:
    result = await learning.forget(request)
    return result, answers.forgotten(result)


async def _whether_to_forget(learning: Learning, request: requests.ForgetExecutions) -> str:
    if request.dry_run:
        return ""
    return answers.whether_to_forget(
        await learning.forget(request.model_copy(update={"dry_run": True})), request
    )


async def _review(learning: Learning, request: lessons.ReviewLessons, _: Progress) -> Answer:
    result = await learning.review_lessons(request)
    return result, lesson_texts.packets(result)


async def _save(learning: Learning, request: lessons.SaveLesson, _: Progress) -> Answer:
    identified = request.model_copy(update={"new_id": uuid7()})
    result = await learning.save_lesson(identified)
    return result, lesson_texts.saved(result)


TOOLS = (
    Tool(
        name="record_execution",
        title="Record a task",
        description=(
            "Call when a task ends (or starts, with outcome pending), so that later agents learn "
            "from it. Failures are worth as much as successes; skip trivial tasks. Reuse labels "
            "that exist (find_similar_tasks shows them). Calling again with the same task_id "
            "updates the record; unset fields stay."
        ),
        request=requests.RecordExecution,
        result=results.Recorded,
        annotations=_hints(read_only=False, destructive=False, idempotent=True),
        call=_record,
    ),
    Tool(
        name="find_similar_tasks",
        title="Find similar tasks",
        description=(
            "Call before starting a task, or when an error comes up: returns earlier executions "
            "like it, what worked and what failed. Empty when nothing is relevant."
        ),
        request=requests.FindSimilarTasks,
        result=results.SimilarTasks,
        annotations=_READ,
        call=_find,
    ),
    Tool(
        name="recommend_approach",
        title="Recommend an approach",
        description=(
            "Call when there is a choice of approach, model tier, pool or topology (routing: all "
            "three): how each ended on similar tasks, what failed there, and its fix."
        ),
        request=requests.RecommendApproach,
        result=results.Recommendation,
        annotations=_READ,
        call=_recommend,
    ),
    Tool(
        name="submit_feedback",
        title="Give feedback",
        description=(
            "Call when the user judges a result, or when a recalled execution proved useful or "
            "misleading. Appends; never overwrites."
        ),
        request=requests.SubmitFeedback,
        result=results.FeedbackStored,
        annotations=_hints(read_only=False, destructive=False, idempotent=False),
        call=_feedback,
    ),
    Tool(
        name="get_execution",
        title="Show a record",
        description="The whole record of one execution, its feedback, and who used it since.",
        request=requests.GetExecution,
        result=results.ExecutionDetail,
        annotations=_READ,
        call=_get,
    ),
    Tool(
        name="learning_stats",
        title="Statistics",
        description=(
            "Success rates, durations and costs by group, what changed, what fails and how that "
            "was fixed, and the state of the database. Use it to report on progress."
        ),
        request=requests.LearningStats,
        result=results.Stats,
        annotations=_READ,
        call=_stats,
    ),
    Tool(
        name="rebuild_index",
        title="Rebuild the index",
        description=(
            "Builds the HNSW index; searches go on meanwhile. Only needed for large databases, or "
            "when a search says that a re-embed is due (reembed=true)."
        ),
        request=requests.RebuildIndex,
        result=maintenance.RebuildReport,
        annotations=_hints(read_only=False, destructive=False, idempotent=True),
        call=_rebuild,
    ),
    Tool(
        name="forget_executions",
        title="Delete records",
        description=(
            "Deletes executions by id or by filters. First call it as a dry run (the default) and "
            "let the user agree."
        ),
        request=requests.ForgetExecutions,
        result=results.Forgotten,
        annotations=_hints(read_only=False, destructive=True, idempotent=True),
        call=_forget,
        question=_whether_to_forget,
    ),
    Tool(
        name="review_lessons",
        title="Review lessons",
        description=(
            "Kinds of tasks with successes and failures that no lesson covers. Call when there is "
            "time to reflect; then save_lesson."
        ),
        request=lessons.ReviewLessons,
        result=lessons.LessonPackets,
        annotations=_READ,
        call=_review,
    ),
    Tool(
        name="save_lesson",
        title="Save a lesson",
        description=(
            "Stores what several executions taught, for later agents; it is tried first. No "
            "commands, links or orders."
        ),
        request=lessons.SaveLesson,
        result=lessons.LessonSaved,
        annotations=_hints(read_only=False, destructive=False, idempotent=True),
        call=_save,
    ),
)
"""The tools, in the order in which clients list them."""
