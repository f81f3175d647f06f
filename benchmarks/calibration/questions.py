"""Questions with the records that answer them: from a file, or the packaged paraphrases."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from mcp_learning.errors import LearningError
from mcp_learning.models.fields import Label, LongText
from mcp_learning.redaction.secrets import redact
from mcp_learning.server.schema import explain

PARAPHRASES = "paraphrases"
"""Name of the packaged set."""


@dataclass(frozen=True)
class Question:
    """A question and the ids of the records that answer it, at least one."""

    text: str
    relevant: frozenset[str]


@dataclass(frozen=True)
class Pairs:
    """Texts of records by their ids, at least one, and questions, at least one."""

    records: dict[str, str]
    questions: list[Question]


def _without_secrets(text: str) -> str:
    return redact(text)[0]


class _Line(BaseModel):
    """One line of a file; further keys are ignored."""

    model_config = ConfigDict(extra="ignore", strict=True)

    kind: Literal["record", "query"]
    id: Label
    text: Annotated[LongText, AfterValidator(_without_secrets)]
    relevant: list[str] = Field(default=[])


def paraphrases() -> Pairs:
    """Forty short tasks, each with a paraphrase as its question."""
    table = files("benchmarks.calibration").joinpath("paraphrases.tsv").read_text("utf-8")
    pairs = [line.split("\t") for line in table.splitlines()]
    records = {str(number): task for number, (task, _) in enumerate(pairs)}
    asked = [Question(other, frozenset([str(n)])) for n, (_, other) in enumerate(pairs)]
    return Pairs(records, asked)


def load(path: Path) -> Pairs:
    """Reads pairs from JSON lines, in any order.

    `{"kind": "record", "id": "r1", "text": "…"}` and
    `{"kind": "query", "id": "q1", "text": "…", "relevant": ["r1"]}`; further keys are
    ignored, and so is a first line of kind "meta".

    Raises:
        LearningError: The file can't be read, or a line is wrong; names the line.
    """
    records: dict[str, str] = {}
    asked: dict[str, tuple[int, Question]] = {}
    for number, line in _lines(path):
        if line.id in records or line.id in asked:
            raise _wrong(path, number, f"id: {line.id!r} is there already; give another")
        if line.kind == "record":
            records[line.id] = line.text
        else:
            asked[line.id] = (number, Question(line.text, frozenset(line.relevant)))
    for number, question in asked.values():
        if not question.relevant:
            raise _wrong(path, number, "relevant: names no record; give at least one id")
        if unknown := sorted(question.relevant - records.keys()):
            raise _wrong(path, number, f"relevant: no record {unknown[0]!r} in this file; add it")
    if not asked:
        raise LearningError(f'{path}: no questions; add lines with "kind": "query"')
    return Pairs(records, [question for _, question in asked.values()])


def texts(path: Path) -> list[str]:
    """The different texts of all lines of such a file, in their order.

    Raises:
        LearningError: As for `load`.
    """
    return list(dict.fromkeys(line.text for _, line in _lines(path)))


def _lines(path: Path) -> Iterator[tuple[int, _Line]]:
    """Each line that isn't blank, with its number from 1."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it isn't UTF-8"
        raise LearningError(f"{path} can't be read: {why}") from error
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            read = json.loads(line)
            if number == 1 and isinstance(read, dict) and read.get("kind") == "meta":
                continue
            yield number, _Line.model_validate(read)
        except (json.JSONDecodeError, RecursionError) as error:
            raise _wrong(path, number, "isn't JSON; write one object per line") from error
        except ValidationError as error:
            raise _wrong(path, number, explain(error, _Line)) from error


def _wrong(path: Path, number: int, problem: str) -> LearningError:
    return LearningError(f"{path}, line {number}: {problem}")
