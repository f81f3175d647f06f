"""Formats results for stdout: JSON, tables and lines of text."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mcp_learning.cli.verbosity import verbosity
from mcp_learning.models.characters import visible
from mcp_learning.models.identifiers import short_id
from mcp_learning.models.quoting import shorten
from mcp_learning.models.wording import counted

if TYPE_CHECKING:
    from pydantic import BaseModel

    from mcp_learning.models.health import Health, IndexHealth
    from mcp_learning.models.listed import Listed
    from mcp_learning.models.results import Match

console = Console()

_TEXT, _LABEL = 110, 40
"""Most characters of a text, and of a label, in a table."""

_WIDE = 100  # least columns of a terminal for a table with all values side by side
_UNWRAPPED = 100_000  # columns
_STYLE = {"success": "green", "failure": "red", "pending": "yellow"}


def print_json(result: "BaseModel | Mapping[str, Any] | Sequence[Any]") -> None:
    """Prints one JSON value; None values of a model are left out."""
    from pydantic import BaseModel

    from mcp_learning.server import answers

    values = answers.structured(result) if isinstance(result, BaseModel) else result
    console.file.write(json.dumps(values, indent=2) + "\n")


def echo(line: str) -> None:
    """Prints a line that may hold stored text: no markup, no invisible characters."""
    console.print(visible(line), markup=False, highlight=False, soft_wrap=True)


def echo_note(line: str, *, beside_json: bool) -> None:
    """Prints a remark unless the command is quiet; to stderr if stdout holds JSON."""
    if not verbosity.quiet:
        place = Console(stderr=True) if beside_json else console
        place.print(line, markup=False, highlight=False, soft_wrap=True)


def executions_table(rows: "Iterable[Listed | Match]", texts: str) -> Table:
    """A table of executions, at least two lines each, with short ids; matches have a score, too.

    `texts` is the heading of the last column.
    """
    from mcp_learning.models.results import Match

    listed = list(rows)
    scored = any(isinstance(one, Match) for one in listed)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    headings = ["score" if scored else "outcome", "execution"]
    if console.width >= _WIDE:
        headings = [*(["score"] if scored else []), "id, date", "type, repo", "outcome"]
    for heading in (*headings, texts):
        table.add_column(heading, overflow="fold", no_wrap=heading in ("score", "id, date"))
    for one in listed:
        score = f"{one.similarity:.2f}" if isinstance(one, Match) else ""
        found = [short_id(one.task_id), f"{one.recorded_at:%Y-%m-%d}"]
        place = [shorten(one.task_type, _LABEL), shorten(one.repo or "", _LABEL)]
        task = _lines(shorten(one.task_description, _TEXT), _attempt(one))
        if console.width >= _WIDE:
            cells = [Text(score)] if scored else []
            cells += [_lines(*found), _lines(*place), _outcome(one)]
        else:
            cells = [_outcome(one, score), _lines(*found, *place)]
        table.add_row(*cells, task)
    return table


def _outcome(one: "Listed | Match", score: str = "") -> Text:
    """The outcome; for a match also how many of its runs succeeded, and what superseded it."""
    cell = Text(f"{score}\n" if score else "").append(one.outcome, style=_STYLE[one.outcome])
    runs = getattr(one, "runs", None)
    if runs is not None and runs.total > 1:
        cell.append(f"\n{runs.success} of {runs.total}", style="dim")
    if later := getattr(one, "superseded_by", None):
        cell.append(f"\nsuperseded by {short_id(later)}", style="dim")
    return cell


def _attempt(one: "Listed | Match") -> str:
    """The approach, and the solution or the error, on one line; "" if there is neither."""
    result = getattr(one, "solution_summary", None) or getattr(one, "error_message", None)
    result = result or one.error_type
    parts = [part for part in (one.approach, result) if part]
    return f"-> {shorten('; '.join(parts), _TEXT)}" if parts else ""


def _lines(first: str, *others: str) -> Text:
    return Text(first).append("".join(f"\n{one}" for one in others if one), style="dim")


def fields_table(values: Mapping[str, object]) -> Table:
    """A table of labels and values, one a row, without values that are None or empty."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in values.items():
        if value not in (None, "", []):
            grid.add_row(label, Text(str(value)))
    return grid


def print_facts(table: Table) -> None:
    """Prints labels and values; not wrapped into a pipe or a file, so that paths stay whole."""
    piped = not console.is_terminal
    (Console(file=console.file, width=_UNWRAPPED) if piped else console).print(table)


def format_time(moment: datetime) -> str:
    """A time in UTC, to the minute."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def search_gaps(health: "Health") -> list[str]:
    """Sentences on what searches can't use yet, each with the command that fixes it."""
    lines = []
    if health.reembed_due:
        lines.append(
            "The stored vectors are of another model, so only words are searched: "
            "`mcp-learning rebuild-index --reembed` makes new ones."
        )
    elif health.pending:
        lines.append(
            f"{health.pending:,} of {counted(health.rows, 'execution')} can't be found by meaning "
            "yet: `mcp-learning generate-embeddings` makes their vectors."
        )
    if health.problem:
        lines.append(f"Problem: {health.problem}")
    return lines


def index_line(health: "Health") -> str:
    """The state of the HNSW index as a sentence."""
    return f"HNSW index: {describe_index(health.index)}."


def describe_index(index: "IndexHealth") -> str:
    """State, preset, size, age and recall of an HNSW index, and why it isn't used."""
    from mcp_learning.server.answers import span

    words: str = index.state
    if index.rows is not None:
        words += (
            f", {index.preset} (M {index.m}, ef_construction {index.ef_construction}), "
            f"{counted(index.rows, 'vector')}, {(index.bytes or 0) / 2**20:.1f} MB, built "
            f"{span(index.age_seconds or 0)} ago"
        )
    if index.recall_at_10 is not None:
        words += f", recall@10 {index.recall_at_10:.3f}"
    return f"{words}; {index.reason}" if index.reason else words
