"""Makes docs/recording.svg, the picture of a terminal in the README, from what commands print.

    python tools/recording.py

It needs the development environment. The commands run one after the other on an empty data
directory; what they say on stderr, such as progress, isn't shown.
"""

import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

TARGET = Path(__file__).resolve().parent.parent / "docs" / "recording.svg"
TASK = "start-up of the calendar takes too long"
COMMANDS = (
    ("mcp-learning generate-data --count 1000", 1),
    (f'mcp-learning similar "{TASK}" --limit 2', 3),
    (f'mcp-learning recommend "{TASK}" --type performance --limit 2', 6),
    ('mcp-learning similar "bake sourdough bread at home"', 9),
)
"""What is typed, and the second at which it and its output appear."""

WIDTH = 100
"""Columns of the terminal."""

FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def main() -> int:
    """Writes the picture."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False)
    appear: list[int] = []
    with tempfile.TemporaryDirectory() as directory:
        for command, second in COMMANDS:
            printed = Text.from_ansi(output(command, Path(directory)).strip("\n"))
            shown = Text.assemble(("$ ", "bold green"), (command, "bold"), "\n", printed, "\n")
            shown.rstrip()
            lines = shown.wrap(console, WIDTH)
            console.print(shown, end="\n\n")
            appear += [second] * (len(lines) + 1)
    drawn = console.export_svg(title="mcp-learning", unique_id="recording")
    TARGET.write_text(timed(drawn, appear), encoding="utf-8")
    return 0


def output(command: str, data_dir: Path) -> str:
    """What a command prints, with its colours."""
    environment = os.environ | {
        "MCP_LEARNING_DATA_DIR": str(data_dir),
        "MCP_LEARNING_CONFIG": os.devnull,
        "COLUMNS": str(WIDTH),
        "FORCE_COLOR": "1",
        "TERM": "xterm-256color",
    }
    words = [sys.executable, "-m", "mcp_learning", *shlex.split(command)[1:]]
    return subprocess.run(words, env=environment, check=True, text=True, capture_output=True).stdout


def timed(drawn: str, appear: list[int]) -> str:
    """The picture with a font that is on every machine, and lines that appear in their second."""
    drawn = re.sub(r"\s*@font-face \{.*?\}", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r"font-family: [^;]*;", f"font-family: {FONT};", drawn)
    drawn = drawn.replace(
        "<style>",
        "<style>\n    @keyframes appear { from { opacity: 0 } }\n"
        "    text, rect { animation: appear 0.1s both }",
    )

    def delayed(match: re.Match[str]) -> str:
        second = appear[min(int(match[1]), len(appear) - 1)]
        return f'{match[0]} style="animation-delay: {second}s"'

    return re.sub(r'clip-path="url\(#recording-line-(\d+)\)"', delayed, drawn)


if __name__ == "__main__":
    sys.exit(main())
