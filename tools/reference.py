"""Writes docs/reference.md from the code: every tool, setting and command.

python tools/reference.py           rewrites the page
python tools/reference.py --check   exits 1 if the page is not what the code says
"""

import sys
from pathlib import Path
from typing import Any

from mcp_learning.cli.app import COMMANDS, load_command
from mcp_learning.server.schema import input_schema, output_schema
from mcp_learning.server.tools import TOOLS, Tool
from mcp_learning.settings import Settings

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference.md"

HEADER = """# Reference

Made from the code by `python tools/reference.py`; a test keeps it so.

Every tool returns structured content (absent values are left out, times are UTC) and a short text
that says the same in fewer words. An expected failure is a tool error whose one line names the
argument or file and the fix.

Texts are stored without terminal sequences and control characters. An array or an object may come
as a text that holds its JSON, and so may `arguments` as a whole.
"""


def main() -> int:
    """Writes the page, or compares it."""
    wanted = page()
    if "--check" in sys.argv:
        return int(PAGE.read_text(encoding="utf-8") != wanted)
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


def page() -> str:
    """The whole page, as Markdown."""
    parts = [HEADER, "## Tools\n", *map(_tool, TOOLS), _settings(), _commands()]
    return "\n".join(parts)


def _tool(tool: Tool) -> str:
    schema = input_schema(tool.request)
    required = schema.get("required", [])
    rows = [
        f"| `{name}` | {_kind(part)} | {'required' if name in required else _default(part)} "
        f"| {part.get('description', '')} |"
        for name, part in schema["properties"].items()
    ]
    results = ", ".join(f"`{name}`" for name in output_schema(tool.result)["properties"])
    hints = tool.annotations
    traits = [
        "reads only" if hints.read_only_hint else "writes",
        *(["may delete"] if hints.destructive_hint else []),
        *(["repeating a call changes nothing"] if hints.idempotent_hint else []),
    ]
    return "\n".join(
        [
            f"### {tool.name}\n",
            f"{tool.description}\n",
            f"*{', '.join(traits)}*\n",
            "| argument | type | default | meaning |",
            "|---|---|---|---|",
            *rows,
            "",
            f"Returns {results}.\n",
        ]
    )


def _kind(part: dict[str, Any]) -> str:
    kind = str(part.get("type", "any"))
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"])
    if "items" in part:
        kind = f"array of {part['items'].get('format', part['items'].get('type'))}"
    low, high = part.get("minimum"), part.get("maximum")
    if low is not None or high is not None:
        kind += f" {'' if low is None else f'{low:g}'}..{'' if high is None else f'{high:g}'}"
    if "maxLength" in part:
        kind += f", at most {part['maxLength']:,} characters"
    return f"{part['format']} {kind}" if "format" in part else kind


def _default(part: dict[str, Any]) -> str:
    return f"`{part['default']}`" if "default" in part else "none"


def _settings() -> str:
    rows = []
    for name, field in Settings.model_fields.items():
        default = "none" if field.default is None else f"`{field.default}`"
        default = "the platform's" if name == "data_dir" else default
        rows.append(f"| `MCP_LEARNING_{name.upper()}` | {default} | {field.description} |")
    return "\n".join(
        [
            "## Settings\n",
            "From the environment, else from the TOML file that `MCP_LEARNING_CONFIG` names (or",
            "`config.toml` in the user's configuration directory), else the default.",
            "`config/settings.toml` is a sample; its names are in small letters.",
            "An empty value counts as unset. In paths `~`, `$NAME` and `${NAME}` are expanded. A",
            "placeholder that was not replaced, a misspelt name and a named file that is missing",
            "are errors.\n",
            "| variable | default | meaning |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


EVERYWHERE = {"data_dir", "json", "quiet", "verbose"}


def _commands() -> str:
    lines = [
        "## Commands\n",
        "`mcp-learning` alone serves over stdio. Every command has `--data-dir`, `--quiet` (only",
        "the result and errors) and `--verbose` (what the log says), and all but `serve` have",
        "`--json`. The exit status is 0, 1 after a failure, 2 after a mistake on the command line,",
        "and 130 or 143 after an interruption.\n",
    ]
    for name in COMMANDS:
        command = load_command(name)
        own = [one for one in command.params if one.name not in EVERYWHERE]
        arguments = [one for one in own if one.param_type_name == "argument"]
        usage = " ".join([name, *(_typed(one) for one in arguments)])
        lines += [f"### {usage}\n", f"{COMMANDS[name].help}\n"]
        if own:
            lines += ["| option | default | meaning |", "|---|---|---|"]
            lines += [f"| `{_typed(one)}` | {_value(one)} | {_meaning(one)} |" for one in own]
            lines.append("")
    return "\n".join(lines)


def _typed(one: Any) -> str:
    if one.param_type_name == "argument":
        name = (one.metavar or one.name).strip("{}[]")
        return name if one.required else f"[{name}]"
    names = "`, `".join((*one.opts, *one.secondary_opts))
    takes = "" if one.is_flag else f" {one.metavar or _NAMES.get(_class(one), 'TEXT')}"
    return f"{names}{takes}"


_NAMES = {int: "N", float: "X"}


def _class(one: Any) -> Any:
    return one.type_descriptor.annotation


def _value(one: Any) -> str:
    if one.required:
        return "required"
    default = one.default
    if default is True:
        return f"`{one.opts[0]}`"
    absent = default is None or default is False or default in ("", ()) or callable(default)
    return "none" if absent else f"`{default}`"


def _meaning(one: Any) -> str:
    low, high = one.min, one.max
    bounds = "" if low is None and high is None else f" ({_bound(low)}..{_bound(high)})"
    return (one.help or "").replace("|", "\\|") + bounds


def _bound(value: float | None) -> str:
    return "" if value is None else f"{value:,g}"


if __name__ == "__main__":
    sys.exit(main())
