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


def test_what_the_user_typed_into_a_translated_template_is_the_prompt() -> None:
    said = "重新编号所有的茶杯"
    text = f"## 用户输入\n\n```text\n{said}\n```\n\n## 概述\n\n逐步完成下面的工作。\n"
    assert typed(text) == said


FRONT_MATTER = """---
description: Plan how the cups are numbered.
scripts:
  sh: scripts/bash/setup-plan.sh --json
---

"""
OLD = """The user input to you can be provided directly by the agent or as a command argument - you
**MUST** consider it before proceeding with the prompt (if not empty).

User input:

{said}

Given the details provided as an argument, do this:

1. Run `setup-plan.sh --json` from the root of the repository.
"""


@pytest.mark.parametrize("front", ["", FRONT_MATTER])
def test_what_the_user_typed_into_an_older_template_is_the_prompt(front: str) -> None:
    said = "Number the cups in the order of pouring.\n\nBegin with the blue ones."
    assert typed(front + OLD.format(said=said)) == said


@pytest.mark.parametrize("template", [OLD.format(said=""), expanded("")])
def test_front_matter_describes_a_command_without_arguments(template: str) -> None:
    assert typed(FRONT_MATTER + template) == "Plan how the cups are numbered."


def test_front_matter_of_any_other_prompt_stays() -> None:
    assert typed(FRONT_MATTER + "Number the cups") == FRONT_MATTER + "Number the cups"


@given(st.text())
def test_any_other_prompt_stays_as_it_is(text: str) -> None:
    assert typed(text) == text
