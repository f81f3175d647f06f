"""Arguments of the tools: what is accepted, and what absent, blank and null mean."""

import json
import math
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from mcp_learning.models.fields import MAX_METADATA_BYTES
from mcp_learning.models.lessons import SaveLesson
from mcp_learning.models.requests import (
    Details,
    Filters,
    FindSimilarTasks,
    ForgetExecutions,
    GetExecution,
    LearningStats,
    RebuildIndex,
    RecommendApproach,
    RecordExecution,
    SubmitFeedback,
)

ID = "01a205cd-bc2b-7552-b855-cb78666bdacf"
LEAST: dict[type[BaseModel], dict[str, Any]] = {
    RecordExecution: {"task_type": "bug_fix", "task_description": "fix it", "outcome": "success"},
    FindSimilarTasks: {"task_description": "fix it"},
    SubmitFeedback: {"task_id": ID, "rating": 3},
    RecommendApproach: {"task_description": "fix it"},
    GetExecution: {"task_id": ID},
    LearningStats: {},
    RebuildIndex: {},
    ForgetExecutions: {"task_ids": [ID]},
}
"""The fewest arguments that each request accepts."""

OPTIONAL_TEXTS = [
    (model, name)
    for model, names in {
        RecordExecution: "task_id repo approach model_tier pool_type swarm_topology "
        "solution_summary error_type error_message",
        FindSimilarTasks: "repo task_type approach model_tier",
        SubmitFeedback: "accepted helpful issue_type comment",
        LearningStats: "repo task_type",
        ForgetExecutions: "repo task_type",
    }.items()
    for name in names.split()
]
OPTIONAL_OTHERS = [
    (model, name)
    for model, names in {
        RecordExecution: "duration_seconds cost_usd used_task_ids details",
        FindSimilarTasks: "since_days min_similarity",
        RebuildIndex: "m ef_construction",
        ForgetExecutions: "older_than_days",
    }.items()
    for name in names.split()
]


def made(model: type[BaseModel], **arguments: Any) -> BaseModel:
    return model.model_validate(LEAST[model] | arguments)


@pytest.mark.parametrize("model", LEAST)
def test_the_fewest_arguments_are_accepted(model: type[BaseModel]) -> None:
    assert isinstance(made(model), model)


@pytest.mark.parametrize(("model", "name"), OPTIONAL_TEXTS)
@pytest.mark.parametrize("blank", ["", "  \n\t ", None])
def test_a_blank_text_or_null_means_that_there_is_none(
    blank: str | None, model: type[BaseModel], name: str
) -> None:
    assert made(model, **{name: blank}) == made(model)


@pytest.mark.parametrize(("model", "name"), OPTIONAL_OTHERS)
def test_null_means_that_there_is_none(model: type[BaseModel], name: str) -> None:
    assert made(model, **{name: None}) == made(model)


def test_texts_lose_the_blanks_around_them_only() -> None:
    request = RecordExecution.model_validate(
        {
            "task_type": " bug_fix ",
            "task_description": "\n two\n\tlines \n",
            "outcome": "pending",
            "approach": "  a  b  ",
        }
    )
    assert (request.task_type, request.task_description, request.approach) == (
        ("bug_fix", "two\n\tlines", "a  b")
    )


@pytest.mark.parametrize(
    ("model", "name", "longest"),
    [
        (RecordExecution, "task_type", 64),
        (RecordExecution, "task_description", 20_000),
        (RecordExecution, "approach", 200),
        (RecordExecution, "solution_summary", 8_000),
        (RecordExecution, "error_message", 20_000),
        (FindSimilarTasks, "task_description", 20_000),
        (SubmitFeedback, "comment", 2_000),
    ],
)
def test_texts_may_be_as_long_as_the_contract_says(
    model: type[BaseModel], name: str, longest: int
) -> None:
    assert len(getattr(made(model, **{name: "ü" * longest}), name)) == longest
    with pytest.raises(ValidationError):
        made(model, **{name: "ü" * (longest + 1)})


@pytest.mark.parametrize(
    ("model", "name", "lowest", "highest"),
    [
        (FindSimilarTasks, "limit", 1, 50),
        (FindSimilarTasks, "max_tokens", 200, 50_000),
        (FindSimilarTasks, "since_days", 1, 36_500),
        (FindSimilarTasks, "min_similarity", 0, 1),
        (SubmitFeedback, "rating", 1, 5),
        (LearningStats, "days", 1, 36_500),
        (ForgetExecutions, "older_than_days", 0, 36_500),
    ],
)
def test_numbers_are_accepted_up_to_their_bounds(
    model: type[BaseModel], name: str, lowest: int, highest: int
) -> None:
    base = {} if name == "older_than_days" else LEAST[model]
    for value in (lowest, highest):
        assert getattr(model.model_validate(base | {name: value}), name) == value
    for value in (lowest - 1, highest + 1):
        with pytest.raises(ValidationError):
            model.model_validate(base | {name: value})


@pytest.mark.parametrize("name", ["duration_seconds", "cost_usd"])
@pytest.mark.parametrize("bad", [-1e-9, math.nan, math.inf, -math.inf])
def test_measures_are_finite_and_not_negative(name: str, bad: float) -> None:
    assert getattr(made(RecordExecution, **{name: 0}), name) == 0
    with pytest.raises(ValidationError):
        made(RecordExecution, **{name: bad})


def test_defaults_are_those_of_the_contract() -> None:
    find = FindSimilarTasks(task_description="x")
    assert (find.limit, find.outcome, find.response_format, find.max_tokens) == (
        (5, "any", "concise", 2_000)
    )
    assert (LearningStats().days, LearningStats().group_by) == (30, "task_type")
    assert (RebuildIndex().preset, RebuildIndex().reembed) == ("balanced", False)
    assert made(ForgetExecutions).dry_run is True  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        ({"preset": "fast"}, (8, 50)),
        ({}, (16, 100)),
        ({"preset": "high_recall"}, (32, 200)),
        ({"preset": "custom", "m": 7, "ef_construction": 70}, (7, 70)),
    ],
)
def test_presets_stand_for_their_parameters(
    arguments: dict[str, Any], parameters: tuple[int, int]
) -> None:
    assert RebuildIndex.model_validate(arguments).parameters == parameters


def test_the_filters_of_a_search_are_active_once_one_is_set() -> None:
    assert not FindSimilarTasks(task_description="x", repo=" ", limit=9).filters.active
    for name, value in {"repo": "a", "outcome": "failure", "since_days": 3}.items():
        filters = FindSimilarTasks.model_validate({"task_description": "x", name: value}).filters
        assert filters.active
        assert filters == Filters.model_validate({name: value})


@pytest.mark.parametrize(
    ("told", "kept"),
    [("When fixing a login", "fixing a login"), ("whenever", "whenever"), ("when", "when")],
)
def test_a_lesson_says_when_once(told: str, kept: str) -> None:
    assert SaveLesson(when=told, do="log out", evidence=[uuid4()]).when == kept


def test_a_time_without_a_zone_is_utc() -> None:
    assert Details.model_validate({"uploaded_at": "2026-01-02T03:04:05"}).uploaded_at == (
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    )


def test_metadata_is_bounded_in_bytes_as_json() -> None:
    room = MAX_METADATA_BYTES - len('{"k": ""}')
    assert Details(metadata={"k": "x" * room}).metadata
    for text in ("x" * (room + 1), "ü" * (room // 2 + 1)):
        with pytest.raises(ValidationError):
            Details(metadata={"k": text})


def test_requests_are_frozen() -> None:
    with pytest.raises(ValidationError):
        made(GetExecution).task_id = uuid4()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (RecordExecution, "task_description"),
        (RecordExecution, "solution_summary"),
        (RecordExecution, "error_message"),
        (SubmitFeedback, "comment"),
        (RecommendApproach, "task_description"),
    ],
)
def test_a_log_is_accepted_without_its_colours(model: type[BaseModel], name: str) -> None:
    log = "\x1b[31mE  AssertionError\x1b[0m\x08 \x7f\x85\ud83d\n  next"
    assert getattr(made(model, **{name: log}), name) == "E  AssertionError \ufffd\n  next"


@pytest.mark.parametrize("name", ["repo", "task_type", "approach", "model_tier"])
def test_a_label_is_the_same_where_it_is_recorded_and_where_it_is_asked_for(name: str) -> None:
    spelt = "\x1b[1mpay\u200broll\x1b[0m\u202e"
    for model in (RecordExecution, FindSimilarTasks):
        assert getattr(made(model, **{name: spelt}), name) == "payroll"


def test_texts_within_metadata_are_cleaned() -> None:
    details = Details.model_validate({"metadata": {"a\x00": ["\x1b[31mred", {"b": "\ud800"}]}})
    assert details.metadata == {"a": ["red", {"b": "\ufffd"}]}


@pytest.mark.parametrize("given", [["fix \ud800", "\x1b[1mit\x00"], '["fix \\ud800", "it"]'])
def test_texts_in_an_array_are_cleaned(given: object) -> None:
    request = RecommendApproach.model_validate({"task_description": "a", "more_tasks": given})
    assert request.more_tasks == ["fix \ufffd", "it"]


@pytest.mark.parametrize(
    ("model", "name", "value"),
    [
        (RecordExecution, "used_task_ids", [ID]),
        (RecordExecution, "details", {"file_count": 3, "metadata": {"a": [1]}}),
        (RecordExecution, "details", {"metadata": '{"a": [1]}'}),
        (ForgetExecutions, "task_ids", [ID, ID]),
    ],
)
def test_an_array_or_object_may_come_as_a_text_of_its_json(
    model: type[BaseModel], name: str, value: object
) -> None:
    for text in (json.dumps(value), f"\n {json.dumps(value, indent=2)} "):
        assert made(model, **{name: text}) == made(model, **{name: value})


@pytest.mark.parametrize("text", ["", " ", "null"])
def test_no_text_of_an_array_or_object_means_that_there_is_none(text: str) -> None:
    assert made(RecordExecution, used_task_ids=text, details=text) == made(RecordExecution)


@pytest.mark.parametrize("text", ['["a"', "a, b", '"a"', "3", "[" * 100_000, "NaN"])
def test_another_text_is_no_array_or_object(text: str) -> None:
    for name in ("used_task_ids", "details"):
        with pytest.raises(ValidationError) as refused:
            made(RecordExecution, **{name: text})
        assert refused.value.errors()[0]["loc"] == (name,)


@pytest.mark.parametrize("text", ['{"a": 1}', "[1, 2]", '"quoted"', "null"])
def test_where_a_text_is_asked_for_it_stays_one(text: str) -> None:
    made_one = RecordExecution.model_validate(
        LEAST[RecordExecution] | {"task_description": text, "solution_summary": text, "repo": text}
    )
    assert made_one.task_description == text
    assert (made_one.solution_summary, made_one.repo) == (text, text)


@given(st.uuids())
def test_an_id_is_accepted_in_every_usual_spelling(task_id: UUID) -> None:
    for text in (str(task_id), str(task_id).upper(), task_id.hex, f"  {task_id} "):
        if text != text.strip():
            assert made(RecordExecution, task_id=text).task_id == task_id  # type: ignore[attr-defined]
        else:
            assert made(GetExecution, task_id=text).task_id == task_id  # type: ignore[attr-defined]
