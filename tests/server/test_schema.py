"""Argument errors as the agent reads them: one line that names the field and the fix."""

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mcp_learning.server import schema
from mcp_learning.server.tools import TOOLS

REQUESTS = {tool.name: tool.request for tool in TOOLS}
ID = "01a205cd-bc2b-7552-b855-cb78666bdacf"
SECRET = "hunter2-secret"  # must never come back in a message
RECORD = {"task_type": "bug_fix", "task_description": "fix it", "outcome": "success"}
FIND = {"task_description": "fix it"}
FEEDBACK = {"task_id": ID, "rating": 3}


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


def refusal(tool: str, arguments: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as refused:
        REQUESTS[tool].model_validate(arguments)
    return schema.explain(refused.value, REQUESTS[tool])


def table(tool: str, base: dict[str, Any], *rows: tuple[dict[str, Any], str, str]) -> list[Any]:
    return [
        pytest.param(tool, base | bad, field, fix, id=f"{tool} {field} {fix[:20]}")
        for bad, field, fix in rows
    ]


NOT_A_UUID = "is not a UUID; use one that record_execution or find_similar_tasks returned"
CASES = [
    *table(
        "record_execution",
        RECORD,
        ({"task_description": ""}, "task_description", "must not be empty"),
        ({"task_description": " \n "}, "task_description", "must not be empty"),
        ({"task_description": "\x00\x1b[31m"}, "task_description", "must not be empty"),
        ({"approach": "\u200b"}, "approach", "must not be empty"),
        ({"task_description": None}, "task_description", "is required"),
        ({"task_description": 5}, "task_description", "must be a string"),
        ({"task_description": ["x"]}, "task_description", "must be a string"),
        ({"task_description": "x" * 20_001}, "task_description", "20,001 characters; shorten"),
        ({"task_description": SECRET * 80_000}, "task_description", "at most 20,000"),
        ({"task_type": ""}, "task_type", "must not be empty"),
        ({"task_type": "x" * 65}, "task_type", "65 characters; shorten it to at most 64"),
        ({"details": {"file_count": 1e20}}, "details.file_count", "is too large"),
        (
            {"details": {"files": [{"path": "a", "commit": "xyz"}]}},
            "details.files.0.commit",
            "must",
        ),
        ({"details": {"files": [{}]}}, "details.files.0.path", "is required"),
        (
            {"details": {"files": [{"path": "a", "sha": "1"}]}},
            "details.files.0.sha",
            "is not known here; known are path, commit",
        ),
        ({"outcome": SECRET}, "outcome", "must be 'success', 'failure' or 'pending'"),
        ({"outcome": None}, "outcome", "must be 'success'"),
        ({"outcome": True}, "outcome", "must be 'success'"),
        ({"task_id": SECRET}, "task_id", NOT_A_UUID),
        ({"task_id": 17}, "task_id", NOT_A_UUID),
        ({"approach": "x" * 201}, "approach", "at most 200"),
        ({"solution_summary": "x" * 8_001}, "solution_summary", "at most 8,000"),
        ({"duration_seconds": -1}, "duration_seconds", "greater than or equal to 0"),
        ({"duration_seconds": math.nan}, "duration_seconds", "finite number, not NaN"),
        ({"cost_usd": math.inf}, "cost_usd", "finite number, not NaN or infinity"),
        ({"cost_usd": True}, "cost_usd", "must be a number"),
        ({"cost_usd": SECRET}, "cost_usd", "must be a number"),
        ({"used_task_ids": ID}, "used_task_ids", "list"),
        ({"used_task_ids": [ID, SECRET]}, "used_task_ids.1", NOT_A_UUID),
        ({"used_task_ids": [ID] * 51}, "used_task_ids", "51 items; give at most 50"),
        ({"feeling": SECRET}, "feeling", "is not known here; known are task_type, task_des"),
        ({"details": {"mood": SECRET}}, "details.mood", "not known here; known are file_count"),
        ({"details": SECRET}, "details", "object"),
        ({"details": {"quality_score": 101}}, "details.quality_score", "less than or equal to 100"),
        ({"details": {"quality_score": math.nan}}, "details.quality_score", "finite number"),
        ({"details": {"file_count": -1}}, "details.file_count", "greater than or equal to 0"),
        ({"details": {"file_count": 1.5}}, "details.file_count", "integer"),
        ({"details": {"file_count": 2**40}}, "details.file_count", "less than or equal to"),
        ({"details": {"routing_confidence": 2}}, "details.routing_confidence", "equal to 1"),
        ({"details": {"user_rating": 6}}, "details.user_rating", "less than or equal to 5"),
        ({"details": {"uploaded_at": SECRET}}, "details.uploaded_at", "ISO 8601"),
        ({"details": {"metadata": [1]}}, "details.metadata", "object"),
        ({"details": {"metadata": {"a": "x" * 20_001}}}, "details.metadata", "at most 20,000 are"),
        (
            {"details": {"metadata": {"a": math.inf}}},
            "details.metadata",
            "which JSON can't hold; leave it out",
        ),
        ({"details": {"metadata": deep(5_000)}}, "details.metadata", "deep"),
    ),
    ("record_execution", {}, "task_type", "is required"),
    *table(
        "find_similar_tasks",
        FIND,
        ({"task_description": ""}, "task_description", "must not be empty"),
        ({"limit": 0}, "limit", "greater than or equal to 1"),
        ({"limit": 51}, "limit", "less than or equal to 50"),
        ({"limit": "many"}, "limit", "integer"),
        ({"limit": 10**30}, "limit", "50"),
        ({"min_similarity": 1.01}, "min_similarity", "less than or equal to 1"),
        ({"min_similarity": math.nan}, "min_similarity", "finite number"),
        ({"since_days": 0}, "since_days", "greater than or equal to 1"),
        ({"max_tokens": 199}, "max_tokens", "greater than or equal to 200"),
        ({"outcome": "won"}, "outcome", "must be 'any', 'success', 'failure' or 'pending'"),
        ({"response_format": "long"}, "response_format", "must be 'concise' or 'detailed'"),
        ({"query": SECRET}, "query", "is not known here; known are"),
    ),
    ("find_similar_tasks", {"query": SECRET}, "task_description", "is required"),
    *table(
        "submit_feedback",
        FEEDBACK,
        ({"rating": 0}, "rating", "greater than or equal to 1"),
        ({"rating": 6}, "rating", "less than or equal to 5"),
        ({"rating": True}, "rating", "must be an integer"),
        ({"accepted": True}, "accepted", "must be 'yes' or 'no'"),
        ({"helpful": "maybe"}, "helpful", "must be 'yes' or 'no'"),
        ({"issue_type": SECRET}, "issue_type", "must be 'wrong_model', 'too_slow'"),
        ({"comment": "x" * 2_001}, "comment", "at most 2,000"),
        ({"rating": None}, "arguments", "give at least one of rating, accepted, helpful"),
    ),
    ("get_execution", {}, "task_id", "is required"),
    ("get_execution", {"task_id": ""}, "task_id", NOT_A_UUID),
    ("get_execution", {"task_id": [ID]}, "task_id", NOT_A_UUID),
    ("learning_stats", {"days": 0}, "days", "greater than or equal to 1"),
    ("learning_stats", {"group_by": "mood"}, "group_by", "must be 'task_type', 'repo'"),
    ("rebuild_index", {"preset": "best"}, "preset", "must be 'fast', 'balanced'"),
    ("rebuild_index", {"preset": "custom", "m": 8}, "arguments", "both m and ef_construction"),
    ("rebuild_index", {"m": 8}, "arguments", "go with preset custom only"),
    ("rebuild_index", {"preset": "custom", "m": 1, "ef_construction": 9}, "m", "equal to 2"),
    ("rebuild_index", {"reembed": SECRET}, "reembed", "must be true or false"),
    ("forget_executions", {}, "arguments", "give task_ids, or at least one of repo"),
    ("forget_executions", {"repo": "  "}, "arguments", "give task_ids, or at least one of repo"),
    ("forget_executions", {"task_ids": [ID], "repo": "a"}, "arguments", "not both"),
    ("forget_executions", {"task_ids": [SECRET]}, "task_ids.0", NOT_A_UUID),
    ("forget_executions", {"older_than_days": -1}, "older_than_days", "equal to 0"),
    ("forget_executions", {"repo": "a", "dry_run": "perhaps"}, "dry_run", "must be true or false"),
]


@pytest.mark.parametrize(("tool", "arguments", "field", "fix"), CASES)
def test_a_bad_argument_is_named_in_one_line_with_the_fix(
    tool: str, arguments: dict[str, Any], field: str, fix: str
) -> None:
    line = refusal(tool, arguments)

    assert f"{field}: " in line
    assert fix in line.partition(f"{field}: ")[2]
    assert "\n" not in line
    assert "pydantic" not in line
    assert SECRET not in line
    assert len(line) < 700
    assert line.isprintable()


def test_arguments_that_are_not_for_agents_are_not_named_to_them() -> None:
    assert "new_id" not in refusal(
        "save_lesson", {"when": "x", "do": "y", "evidence": [ID], "z": 1}
    )


def test_several_bad_arguments_are_named_together_up_to_three() -> None:
    line = refusal("record_execution", {"outcome": "won", "cost_usd": -1, "task_id": "x"})
    assert line.count("; ") >= 3
    assert line.startswith("task_type: is required; task_description: is required; outcome: must")
    assert line.endswith("and 2 more")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(sorted(REQUESTS)), st.data())
@settings(max_examples=150, deadline=None)
def test_whatever_is_sent_is_accepted_or_explained_in_one_line(tool: str, data: Any) -> None:
    request = REQUESTS[tool]
    names = st.sampled_from(sorted(request.model_fields)) | st.text(max_size=10)
    arguments = data.draw(st.dictionaries(names, JSON, max_size=6))
    try:
        request.model_validate(arguments)
    except ValidationError as error:
        line = schema.explain(error, request)
        assert ": " in line
        assert "pydantic" not in line
        assert len(line.splitlines()) == 1


UNLISTED = {"since", "mode", "traceparent", "new_id"}
"""Arguments that people's commands have and agents aren't told of: each costs tokens."""


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_input_schemas_are_flat_and_plain(tool: Any) -> None:
    listed = schema.input_schema(tool.request)

    text = json.dumps(listed)
    for word in ("anyOf", "oneOf", "allOf", "$ref", "$defs", "null", "title"):
        assert f'"{word}"' not in text
    assert listed["type"] == "object"
    assert listed["additionalProperties"] is False
    assert list(listed["properties"]) != []
    assert listed["properties"].keys() | UNLISTED == tool.request.model_fields.keys() | UNLISTED
    assert all("type" in part for part in listed["properties"].values())
    required = [name for name, f in tool.request.model_fields.items() if f.is_required()]
    assert listed.get("required", []) == required


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_output_schemas_name_every_field(tool: Any) -> None:
    listed = schema.output_schema(tool.result)
    assert listed["type"] == "object"
    assert set(listed["properties"]) == set(tool.result.model_fields)
    assert "null" not in json.dumps(listed)
