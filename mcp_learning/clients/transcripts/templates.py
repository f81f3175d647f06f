"""Extracts what the user typed from prompts that a command's template expanded.

Clients that expand commands themselves keep only the result. The format is that of Spec Kit, which
many collections of commands have adopted.
"""

import re

_FORM = re.compile(
    r"\s*## User Input\s+```text\s(?P<typed>.*?)```\s+"
    r"You \*\*MUST\*\* consider the user input[^\n]*(?P<rest>.*)",
    re.DOTALL,
)
_TELLING = 20  # least characters typed that describe a task
_LONGEST_BEGINNING = 400  # characters of a template that describe a command without arguments


def typed(text: str) -> str:
    """What the user typed; if that is short, with the first paragraph of the template."""
    if (form := _FORM.fullmatch(text)) is None:
        return text
    said = form["typed"].strip()
    return said if len(said) >= _TELLING else f"{said}\n\n{beginning(form['rest'])}".strip()


def beginning(template: str) -> str:
    """The first paragraph of a template."""
    lines = [line.strip() for line in template.splitlines()]
    text = next((line for line in lines if len(line) > 20 and not line.startswith("Base dir")), "")
    return text[:_LONGEST_BEGINNING]
