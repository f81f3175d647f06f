"""Reads executions from tables: JSON lines, CSV, Parquet, and other DuckDB databases.

`rows` maps the columns to fields. Readers block.
"""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from pydantic import ValidationError

from mcp_learning.clients.transfer.exports import lessons_path
from mcp_learning.clients.transfer.imported import Notes, files_below, modified_at
from mcp_learning.clients.transfer.lines import LONGEST_LINE, read_objects
from mcp_learning.clients.transfer.rows import COLUMNS, PASSED_OVER, RowParser
from mcp_learning.errors import InvalidInput, StoreDamaged
from mcp_learning.models.lessons import PastLesson
from mcp_learning.models.transfer import PastExecution
from mcp_learning.store.duckdb import legacy, parquet
from mcp_learning.store.duckdb.damage import Batch

RowReader = Callable[[Path, Notes], Iterator[tuple[str, dict[str, Any]]]]
"""Reads the rows of a file, each with its position."""

_DELIMITERS = ",;\t|"


def read_jsonl(path: Path, notes: Notes) -> Iterator[PastExecution]:
    """One execution, or lesson, per line of JSON; lessons are noted."""
    return _executions(path, notes, read_objects)


def read_csv(path: Path, notes: Notes) -> Iterator[PastExecution]:
    """One execution per row of UTF-8, names of columns in the first one.

    The delimiter is the comma, semicolon, tab or bar that is most frequent in the first line.
    """
    return _executions(path, notes, _csv_rows)


def read_parquet(path: Path, notes: Notes) -> Iterator[PastExecution]:
    """One execution per row; columns that are not known are not read."""
    return _executions(path, notes, _parquet_rows)


def read_duckdb(path: Path, notes: Notes) -> Iterator[PastExecution]:
    """The table `executions` of a DuckDB file; of our own also feedback, uses and lessons."""
    with legacy.open_legacy(path) as database:
        layout = database.layout
        notes.total = layout.rows
        if layout.log_lost:
            notes.skip(f"{path.name}.wal", "the log can't be replayed; the file alone is read")
        for name in layout.columns.keys() - COLUMNS - PASSED_OVER - set(layout.vectors):
            notes.pass_over(name)
        parser = RowParser(notes, modified_at(path))
        for batch in database.batches(sorted(COLUMNS)):
            place = f"rows {batch.first} to {batch.last}"
            if batch.rows is None:
                count = batch.last - batch.first + 1
                notes.skip(place, "on a damaged part of the file", count=count)
                continue
            related = _related(database, batch) if batch.rows else {}
            for number, row in enumerate(batch.rows, batch.first):
                notes.done += 1
                whole = {**row, **related.get(str(row.get("task_id")), {})}
                if record := parser.execution(f"row {number}", whole):
                    yield record
        for past in database.lessons():
            _note_lesson("lessons", past.model_dump(), notes)


def _related(
    database: legacy.LegacyDatabase, batch: Batch[legacy.Row]
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Feedback and uses by task_id."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for name in ("feedback", "uses"):
        for row in database.details(name, batch.first, batch.last):
            task_id = str(row.pop("task_id"))
            if name == "uses":
                row = {"task_id": row["used_task_id"], "recorded_at": row["recorded_at"]}
            found.setdefault(task_id, {}).setdefault(name, []).append(row)
    return found


def _executions(path: Path, notes: Notes, read: RowReader) -> Iterator[PastExecution]:
    """The executions of a file; none, with a note, if it is no regular one.

    Raises:
        InvalidInput: It doesn't exist, or is a directory.
    """
    if path.is_dir():
        raise InvalidInput("path", f"{path} is a directory; give a file")
    for file in files_below(path, notes, "*"):
        parser = RowParser(notes, modified_at(file))
        for where, row in read(file, notes):
            if "lesson" in row and "task_description" not in row:
                _note_lesson(where, row, notes)
            elif record := parser.execution(where, row):
                yield record
        beside = lessons_path(file)
        if beside != file and beside.is_file():
            for where, row in read_objects(beside, notes, beside.name):
                _note_lesson(where, row, notes)


def _note_lesson(where: str, row: dict[str, Any], notes: Notes) -> None:
    try:
        notes.lessons.append(PastLesson.model_validate(row))
    except ValidationError as error:
        notes.refuse(where, error, PastLesson)


def _csv_rows(file: Path, notes: Notes) -> Iterator[tuple[str, dict[str, Any]]]:
    with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as opened:
        first = opened.readline(LONGEST_LINE)
        if not first.strip():
            notes.skip("line 1", "no names of columns") if first else None
            return
        delimiter = max(_DELIMITERS, key=first.count)
        names = [name.strip().lower() for name in next(csv.reader([first], delimiter=delimiter))]
        if "task_description" not in names:
            notes.skip("line 1", "no column task_description", _undecodable(first))
            return
        reader = csv.reader(_short(opened, notes), delimiter=delimiter)
        while True:
            before = reader.line_num
            where = f"line {before + 2}"
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                notes.skip(where, "not CSV", str(error), count=reader.line_num - before)
                continue
            if not cells:
                continue
            if len(cells) != len(names):
                notes.skip(where, f"not {len(names)} cells")
            elif any(_undecodable(cell) for cell in cells):
                notes.skip(where, "not UTF-8")
            else:
                yield where, dict(zip(names, cells, strict=True))


def _short(file: IO[str], notes: Notes) -> Iterator[str]:
    """The lines of a file; very long lines are split, since no stored cell is so long."""
    while line := file.readline(LONGEST_LINE):
        notes.done += len(line)
        yield line


def _undecodable(text: str) -> str:
    """Why a text that was decoded with surrogateescape is invalid; empty if it is valid."""
    return "not UTF-8" if any("\udc80" <= character <= "\udcff" for character in text) else ""


def _parquet_rows(file: Path, notes: Notes) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        opened = parquet.ParquetFile(file)
    except StoreDamaged as error:
        notes.skip(file.name, "not a Parquet file, or cut short", str(error))
        return
    with opened:
        names = [name for name in opened.columns if name.lower() in COLUMNS]
        for name in opened.columns.keys() - set(names):
            if name not in PASSED_OVER:
                notes.pass_over(name)
        lower = [name.lower() for name in names]
        if "task_description" not in lower:
            notes.skip(file.name, "no column task_description")
            return
        notes.total = opened.rows
        for batch in opened.batches(names):
            if batch.rows is None:
                count = batch.last - batch.first + 1
                place = f"rows {batch.first + 1} to {batch.last + 1}"
                notes.skip(place, "on a damaged part of the file", batch.reason, count=count)
            for number, row in enumerate(batch.rows or [], batch.first + 1):
                yield f"row {number}", dict(zip(lower, row, strict=True))
            notes.done = batch.last + 1
