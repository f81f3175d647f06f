"""The words in which agents are told what they haven't asked for: in their budget, all visible."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from mcp_learning.models.lessons import ShownLesson
from mcp_learning.models.quoting import CHARACTERS_PER_TOKEN
from mcp_learning.models.results import Match, Runs
from mcp_learning.service import remark_texts


def match(**values: Any) -> Match:
    defaults: dict[str, Any] = {
        "task_id": UUID(int=1),
        "recorded_at": datetime(2025, 6, 1, tzinfo=UTC),
        "task_type": "bug_fix",
        "task_description": "word " * 400,
        "outcome": "success",
        "solution_summary": "x" * 8_000,
        "error_message": "e" * 2_000,
        "repo": "r" * 500,
        "approach": "a" * 200,
        "similarity": 0.7,
        "confidence": "likely",
        "matched_by": "both",
        "runs": Runs(total=5, success=3, failure=2, pending=0),
    }
    return Match(**(defaults | values))


def test_texts_keep_to_their_budget_and_say_how_many_they_name() -> None:
    for text_of, tokens in (
        (remark_texts.brief, remark_texts.MAX_TOKENS),
        (remark_texts.later, remark_texts.LATER_TOKENS),
        (remark_texts.on_error, remark_texts.LATER_TOKENS),
    ):
        text, named = text_of([match(runs=Runs(total=1, success=1, failure=0, pending=0))] * 50)
        assert len(text) <= tokens * CHARACTERS_PER_TOKEN
        assert text.count(str(UUID(int=1))) == named >= 0
        assert text_of([]) == ("", 0)


def test_lessons_come_first_and_are_no_matches() -> None:
    lesson = ShownLesson(lesson_id=UUID(int=2), when="w", do="d", basis="kept")
    text, named = remark_texts.brief([match()], [lesson])
    assert named == 1
    assert text.index(str(UUID(int=2))) < text.index(str(UUID(int=1)))
    text, named = remark_texts.brief([], [lesson])
    assert (named, text.count("\n")) == (0, 1)


def test_a_text_in_chinese_is_counted_by_its_bytes() -> None:
    text, named = remark_texts.brief([match(task_description="修复登录" * 100, repo=None)] * 9)
    assert len(text.encode()) <= remark_texts.MAX_TOKENS * CHARACTERS_PER_TOKEN
    assert named >= 1


def test_a_text_hides_nothing_and_cannot_close_its_quotation() -> None:
    hiding = dict.fromkeys(("task_description", "repo", "approach"), 'fix\u202e\u200b "it\x1b[2K')
    text, _ = remark_texts.brief([match(**hiding, outcome="pending")])
    assert "1. outcome unknown (3 of 5 runs succeeded)" in text
    assert '"fix \'it[2K"; repo: "fix \'it[2K"; approach: "fix \'it[2K"' in text
