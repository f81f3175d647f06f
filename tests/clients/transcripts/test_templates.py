"""Of a prompt that a template made, what the user typed counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_learning.clients.transcripts.templates import typed

OUTLINE = "1. **Setup**: Run `setup-plan.sh --json` from the root of the repository"


def expanded(said: str, newline: str = "\n") -> str:
    lines = [
        "## User Input",
        "",
        "```text",
        said,
        "```",
        "",
        "You **MUST** consider the user input",
    ]
    lines[-1] += " before proceeding (if not empty)."
    return newline.join(["", *lines, "", "## Outline", "", OUTLINE, "2. Stop and report.", ""])


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_what_the_user_typed_is_the_prompt(newline: str) -> None:
    said = "Number the cups in the order of pouring"
    assert typed(expanded(said, newline)) == said


@pytest.mark.parametrize(("said", "told"), [("Phase 1", f"Phase 1\n\n{OUTLINE}"), ("", OUTLINE)])
def test_a_command_with_few_words_is_described_by_its_template(said: str, told: str) -> None:
    assert typed(expanded(said)) == told


@given(st.text())
def test_any_other_prompt_stays_as_it_is(text: str) -> None:
    assert typed(text) == text
