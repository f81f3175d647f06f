"""What the texts of answers say: where a match is from, how to find more, and a whole record."""

from typing import Any

import pytest
from mcp.client.client import Client
from mcp_types import TextContent
from server.conftest import connected, recorded, text_of
from service.examples import LOGIN, record
from services import opened

from mcp_learning.models.lessons import ChangeLesson, SaveLesson
from mcp_learning.models.requests import FindSimilarTasks, RecommendApproach
from mcp_learning.server import advice, answers, matches
from mcp_learning.service.learning import LearningService
from mcp_learning.settings import Settings

pytestmark = pytest.mark.anyio

TASK = {
    "task_type": "bug_fix",
    "task_description": "Fix the login redirect loop on the checkout page after the session ended",
    "outcome": "success",
    "repo": "acme/webshop",
    "approach": "expire the cookie with the session",
    "model_tier": "large",
    "duration_seconds": 1_500,
    "cost_usd": 0.25,
    "solution_summary": "The cookie outlived the server's session. " * 10
    + "Then clear the cookie.",
}


async def say(client: Client, tool: str, **arguments: Any) -> str:
    """The text of an answer."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, text_of(result)
    return text_of(result)


async def test_a_match_tells_when_and_where_it_was_and_detailed_tells_more(client: Client) -> None:
    task_id = await recorded(client, TASK)
    record = await client.call_tool("get_execution", {"task_id": task_id})
    date = (record.structured_content or {})["execution"]["recorded_at"][:10]
    question = {"task_description": "login redirect loop"}

    concise = await say(client, "find_similar_tasks", **question)
    detailed = await say(client, "find_similar_tasks", **question, response_format="detailed")

    for text in (concise, detailed):
        assert f', {date}, type "bug_fix", repo "acme/webshop"; ' in text
        assert text.endswith(f"[{task_id}]")
    assert "Then clear the cookie" not in concise
    assert "25 min" not in concise
    assert "Then clear the cookie" in detailed
    assert 'model tier: "large"' in detailed
    assert "took 25 min; cost 0.25 USD" in detailed


async def test_an_empty_answer_says_how_to_widen_the_search(client: Client) -> None:
    cake = {"task_description": "bake a chocolate cake"}
    assert await say(client, "find_similar_tasks", **cake) == "Nothing is recorded yet."
    await client.call_tool("record_execution", TASK)

    unlike = await say(client, "find_similar_tasks", **cake)
    assert "Nothing relevant among 1 execution; to widen: give min_similarity=0" in unlike
    filtered = await say(
        client, "find_similar_tasks", **cake, repo="acme/shop", outcome="failure", since_days=3
    )
    assert filtered.startswith(
        "Nothing relevant among 0 executions that pass the filters; "
        "to widen: leave out repo or outcome or since_days."
    )
    widest = await say(client, "find_similar_tasks", **cake, min_similarity=0)
    assert "acme/webshop" in widest


async def test_a_record_is_told_whole(client: Client) -> None:
    long = "word " * 3_900 + "the end"
    details = {"quality_score": 80, "user_accepted": True, "metadata": {'a"\nb': ["c", {"d": 1}]}}
    given = TASK | {"task_description": long, "details": details}
    first = await recorded(client, given)
    used_by = await recorded(client, TASK | {"used_task_ids": [first]})
    await client.call_tool("submit_feedback", {"task_id": first, "rating": 4, "comment": "good"})

    lines = (await say(client, "get_execution", task_id=first)).splitlines()

    told = dict(line.partition(": ")[::2] for line in lines)
    assert told["task_id"] == first
    assert told["task_description"] == f'"{long}"'
    assert told["solution_summary"] == f'"{TASK["solution_summary"]}"'
    assert told["duration_seconds"] == "1500.0"
    assert told["quality_score"] == "80.0"
    assert told["user_accepted"] == "true"
    assert "['c', {'d': 1}]" in told["metadata"]
    assert 'rating 4, comment "good"' in told["feedback"]
    assert told["used by"] == f"{used_by} (success)"
    assert lines[-1].startswith("Shown in 0 answers; counts ")

    pending = await recorded(client, TASK | {"outcome": "pending"})
    told_last = await say(client, "get_execution", task_id=pending)
    assert told_last.endswith("Shown in 0 answers; doesn't count in recommendations.")


async def test_one_who_used_others_names_them(client: Client) -> None:
    ids: list[str] = []
    for used in ([], [0], [0, 1]):
        task = TASK | {"used_task_ids": [ids[number] for number in used]}
        ids.append(await recorded(client, task))

    told = await say(client, "get_execution", task_id=ids[2])

    (line,) = (line for line in told.splitlines() if line.startswith("used: "))
    assert set(line.removeprefix("used: ").split(", ")) == set(ids[:2])


async def test_a_recommendation_counts_these_tasks_and_has_units(client: Client) -> None:
    for _ in range(3):
        await client.call_tool("record_execution", TASK)
        free = TASK | {"approach": "ask the local model", "cost_usd": 0, "duration_seconds": 60}
        await client.call_tool("record_execution", free | {"outcome": "failure"})

    question = str(TASK["task_description"])
    text = await say(client, "recommend_approach", task_description=question)

    (line,) = (line for line in text.splitlines() if line.startswith("1. "))
    assert line.startswith('1. "expire the cookie with the session": ')
    assert "% succeed (90 % interval " in line
    assert "3 of these tasks, 25 min, $0.25" in line
    assert "3 of these tasks, 60 s, $0.00" in text


def test_amounts_and_durations_are_short_and_say_how_much_it_is() -> None:
    amounts = [0, 0.00042, 0.05, 0.5, 1_250, 1e300]
    shown = ["0.00", "0.00042", "0.05", "0.50", "1,250.00", "1e+300"]
    assert [answers.usd(amount) for amount in amounts] == shown
    assert [answers.span(one) for one in (3.21, 1_500, 400_000, 1e300)] == [
        *("3.2 s", "25 min", "5 days", "1.16e+295 days"),
    ]


async def test_a_likely_match_shows_a_long_solution_from_where_it_answers_on(
    client: Client,
) -> None:
    task = "the importer drops rows whose date has no time zone"
    settled = "Dates without a time zone are read as UTC, and the importer keeps such rows."
    told = {"task_type": "bug_fix", "task_description": task, "outcome": "success"}
    long = (
        f"{'I looked at several other modules before. ' * 40}{settled} {'Then I tidied up. ' * 20}"
    )
    await client.call_tool("record_execution", {**told, "solution_summary": long})
    await client.call_tool("record_execution", {**told, "task_description": "rows have colours"})

    answer = await client.call_tool("find_similar_tasks", {"task_description": task})

    first = (answer.structured_content or {})["matches"][0]
    assert settled in first["solution_summary"]
    assert len(first["solution_summary"]) <= 800


async def test_what_selects_nothing_says_so_and_how_to_select_more(client: Client) -> None:
    await client.call_tool("record_execution", TASK)
    statistics = await say(client, "learning_stats", task_type="docs")
    assert statistics.startswith("0 executions in 30 days.\nThere are executions outside")
    kept = await say(client, "forget_executions", task_type="docs")
    assert kept == "No execution matches; nothing to delete."
    statistics = await say(client, "learning_stats")
    assert '- task_type "bug_fix": 1 execution, 100% succeeded' in statistics


async def test_lessons_leave_room_for_the_rest_of_a_small_answer(service: LearningService) -> None:
    task_id = (await record(service, LOGIN, approach="expire the cookie")).task_id
    taught = SaveLesson(when=LOGIN, do="wait " * 50, evidence=[task_id])
    saved = await service.save_lesson(taught)
    decision = ChangeLesson(lesson_id=str(saved.lesson_id), action="approve")
    await service.change_lesson(decision)
    for max_tokens, shown in ((300, 0), (2_000, 1)):
        asked = {"task_description": LOGIN, "max_tokens": max_tokens}
        request = FindSimilarTasks.model_validate(asked)
        found, text = matches.similar(await service.find(request), request)
        assert (len(found.lessons), bool(found.matches)) == (shown, True)
        assert answers.tokens(answers.structured(found), text) <= max_tokens
        question = RecommendApproach.model_validate(asked)
        advised, text = advice.recommendation(await service.recommend(question), question)
        assert (len(advised.lessons), bool(advised.options)) == (shown, True)
        assert answers.tokens(answers.structured(advised), text) <= max_tokens


async def test_a_prompt_that_recalls_and_recommends_tells_a_lesson_once(
    settings: Settings,
) -> None:
    async with opened(settings) as service:
        taught = await record(service, solution_summary="clear the cookie")
        lesson = {"when": LOGIN, "do": "clear the cookie first", "evidence": [taught.task_id]}
        saved = await service.save_lesson(SaveLesson.model_validate(lesson))
        decision = ChangeLesson(lesson_id=str(saved.lesson_id), action="approve")
        await service.change_lesson(decision)
    async with connected(settings) as client:
        prompt = await client.get_prompt("start_task", {"task_description": LOGIN})
    (message,) = prompt.messages
    assert isinstance(message.content, TextContent)
    assert message.content.text.count("clear the cookie first") == 1


async def test_a_budget_that_is_too_small_for_a_packet_does_not_look_as_if_none_were_due(
    client: Client,
) -> None:
    for number, outcome in enumerate(("failure", "success") * 3):
        words = "long " * 60 + str(number)
        told = {"task_description": words, "solution_summary": words, "outcome": outcome}
        await say(client, "record_execution", **TASK | told | {"repo": "acme/shop"})
    assert await say(client, "review_lessons", max_tokens=300) == (
        "1 packet is due; none fits into max_tokens, raise it."
    )
    assert "succeeded:" in await say(client, "review_lessons")
    assert await say(client, "review_lessons", repo="acme/other") == "No lesson is due."


async def test_the_page_of_lessons_has_all_that_are_in_use(client: Client) -> None:
    evidence = [await recorded(client, TASK)]
    told = {"when": LOGIN, "do": "clear the cookie", "evidence": evidence}
    for number in range(101):  # of a type each, where there is a place to try it
        await say(client, "save_lesson", **told, task_type=f"type {number}")
    (page,) = (await client.read_resource("learning://lessons")).contents
    assert page.model_dump()["text"].count("## When") == 101
