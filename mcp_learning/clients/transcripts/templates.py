"""Extracts what the user typed from prompts that a command's template expanded.

Clients that expand commands themselves keep only the result. The format is that of Spec Kit, which
many collections of commands have adopted.
"""

import re

_FRONT_MATTER = re.compile(r"\s*---[ \t]*\r?\n(?P<fields>.{0,2000}?)\n---[ \t]*\r?\n", re.DOTALL)
_DESCRIPTION = re.compile(r"^description: *[\"']?(?P<text>[^\r\n]+?)[\"']?\s*$", re.MULTILINE)
_FORMS = (
    re.compile(
        r"\s*## \S[^\r\n]{0,40}\s+```text\s(?P<typed>.*?)```\s+"  # also translated
        r"(?:You \*\*MUST\*\* consider the user input[^\n]*|(?=## ))(?P<rest>.*)",
        re.DOTALL,
    ),
    re.compile(  # until October 2025
        r"\s*The user input to you can be provided directly by the agent or as a command argument"
        r"[^:]*User input:(?P<typed>.*?)"
        r"(?P<rest>(?:\n[ \t]*(?:The text the user typed|Goal:|Given |You are |[#*]|\d+\. )|\Z).*)",
        re.DOTALL,
    ),
)
_TELLING = 20  # least bytes typed that describe a task; ideographs have three
_LONGEST_BEGINNING = 400  # characters of a template that describe a command without arguments


def typed(text: str) -> str:
    """What the user typed; if that is short, with what the template says of itself."""
    front = _FRONT_MATTER.match(text)
    body = text[front.end() :] if front else text
    form = next(filter(None, (form.fullmatch(body) for form in _FORMS)), None)
    if form is None:
        return text
    said = form["typed"].strip()
    if len(said.encode(errors="replace")) >= _TELLING:
        return said
    described = _DESCRIPTION.search(front["fields"]) if front else None
    about = described["text"] if described else beginning(form["rest"])
    return f"{said}\n\n{about}".strip()


def beginning(template: str) -> str:
    """The first paragraph of a template."""
    lines = [line.strip() for line in template.splitlines()]
    text = next((line for line in lines if len(line) > 20 and not line.startswith("Base dir")), "")
    return text[:_LONGEST_BEGINNING]
