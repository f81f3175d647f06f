"""The page of insights: readable, bounded, and safe whatever was stored."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from server.figures import CHANGE, FIGURES, ID, MOMENT, TREND, failures_of

from mcp_learning.models.insights import Contrast, GroupChange, Insights, SmallGroup
from mcp_learning.models.results import Group, Totals
from mcp_learning.server.insights import code, page


def made(text: str = "words", count: int = 2, **changed: Any) -> Insights:
    """A page's content with `text` wherever stored text can be, and lists of `count` entries."""
    group = Group(key=text, trend=CHANGE, **FIGURES)
    failure = failures_of(text, text, error_type=text)
    contrast = Contrast(
        task_type=text, approach=text, executions=40, success_rate=0.5, against_others=CHANGE
    )
    values: dict[str, Any] = {
        "since": datetime(2025, 12, 4, tzinfo=UTC),
        "until": MOMENT,
        "totals": Totals(**FIGURES),
        "trend": TREND,
        "task_types": [group] * count,
        "works": [contrast] * count,
        "fails": [contrast] * count,
        "contrasted": 5,
        "failures": [failure, failure.model_copy(update={"fix_basis": "similar task"})] * count,
        "other_failures": 4,
        "better": [GroupChange(group_by="repo", group=group)] * count,
        "worse": [GroupChange(group_by="error_type", group=group)] * count,
        "compared": 9,
        "thin": [SmallGroup(group_by="approach", key=text, ended=3)] * count,
    }
    return Insights(**(values | changed))


def tokens(markdown: str) -> list[Token]:
    parsed = MarkdownIt("commonmark", {"html": True}).enable("table").parse(markdown)
    return [inner for token in parsed for inner in [token, *(token.children or [])]]


def shape(markdown: str) -> list[str]:
    return [token.type for token in tokens(markdown)]


def test_a_page_says_what_a_person_wants_to_know() -> None:
    lines = page(made()).splitlines()
    for expected in (
        "# Insights",
        "- 12,345 executions, 83% of 12,000 succeeded (90 % interval 82% to 85%); 345 pending.",
        "- Duration: median 61 s, p95 2.0 h.",
        "- Half of 900 cost estimates were within a factor of 1.25; the typical cost was 0.88 "
        "times its estimate.",
        "- Against the period before: success rate +1.2 points (90 % interval +0.1 to +2.3), "
        "better.",
        "- `words`: `words` succeeded in 50% of 40; against the other approaches -20 points "
        "(90 % interval -31 to -8) from 70% of 1,500.",
        f"- `words`, `words`: 7 times, last on 2026-03-04, e.g. `{ID}`. The same task succeeded "
        f"after 3 of them. Fix: `words` (`{ID}`)",
        "- 4 further failures of other kinds.",
        "- Getting worse: error_type `words`, its share -20 points (90 % interval -31 to -8) from "
        "70% of 1,500.",
        "Too few outcomes (their number in brackets): approach `words` (3), approach `words` (3).",
    ):
        assert expected in lines


def test_an_empty_period_says_so_and_nothing_else() -> None:
    nothing = Totals(executions=0, success=0, failure=0, pending=0)
    text = page(made(totals=nothing))
    assert "Nothing was recorded" in text
    assert "##" not in text


def test_a_section_without_entries_says_why() -> None:
    text = page(
        made(works=[], fails=[], failures=[], other_failures=0, better=[], worse=[], thin=[])
    )
    for expected in (
        "None of 5 approaches succeeds more often",
        "Nothing failed.",
        "None of 9 groups changed beyond what chance explains.",
        "Every group has enough outcomes.",
    ):
        assert expected in text
    lonely = page(made(works=[], contrasted=0, better=[], worse=[], compared=0))
    assert "No task type has outcomes of two approaches" in lonely
    assert "There is no earlier period to compare with." in lonely


HOSTILE = [
    "<script>alert(1)</script>",
    "![x](https://evil.example/?leak)",
    "[click](javascript:alert(1))",
    "`` `<b>` ``",
    "a | b \\| c",
    "line\n\n# Heading\n\n- item\n\n```\ncode",
    "ends in a backslash \\",
    "`",
    "\u202esdrawkcab \u2066x\u2069 \U000e0049\U000e0067",
    "&lt;b&gt; &amp; &#96;",
    "word " * 5_000,
    " \u200b ",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_stored_text_is_shown_and_never_means_anything(text: str) -> None:
    written = page(made(text))
    assert shape(written) == shape(page(made()))
    assert not any(
        token.type in ("html_block", "html_inline", "image") for token in tokens(written)
    )
    assert not re.search("[\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]", written)


@given(st.text(min_size=1, max_size=200))
@settings(deadline=None)
def test_any_stored_text_leaves_the_page_in_shape(text: str) -> None:
    assert shape(page(made(text, 1))) == shape(page(made("words", 1)))


def test_the_page_is_bounded_whatever_is_stored() -> None:
    written = page(made("wörd " * 4_000, 300))
    assert len(written.encode()) < 20_000
    assert len(written.splitlines()) < 120
    assert "… and 292 more." in written
    assert "and 288 more." in written


def test_a_code_span_keeps_joiners_and_drops_what_is_invisible() -> None:
    assert code("क्\u200dष") == "`क्\u200dष`"
    assert code("pass\u200bword`s") == "`password's`"
    assert code("\u202e") == "`?`"
