"""Reads test results in JUnit's XML format, which most test runners can write."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID
from xml.etree.ElementTree import Element, ParseError, fromstring

from mcp_learning.clients.judging.judgements import judgement
from mcp_learning.clients.values import clean, parse_time
from mcp_learning.errors import InvalidInput
from mcp_learning.models.corrections import Judgement
from mcp_learning.models.requests import Outcome
from mcp_learning.models.verdicts import Verdict
from mcp_learning.models.wording import counted

_LARGEST = 64 * 2**20  # bytes of a file that is read
_CONFIDENCE = 0.9  # of an outcome by test results
_NAMED = 3  # failed tests that are named in the reason
_ENTITIES = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)


@dataclass(frozen=True)
class Results:
    """The results of a test run.

    Attributes:
        at: When it ran, UTC.
        passed: How many passed.
        failed: Names of those that failed, or ended with an error.
    """

    at: datetime
    passed: int
    failed: tuple[str, ...]

    def judgement(self, task_id: UUID) -> Judgement:
        """The judgement of the execution whose work was tested."""
        ran = self.passed + len(self.failed)
        if self.failed:
            named = ", ".join(self.failed[:_NAMED])
            why = f"{len(self.failed)} of {counted(ran, 'test')} failed: {named}"
        else:
            why = f"{counted(ran, 'test')} passed"
        outcome: Outcome = "failure" if self.failed else "success"
        return judgement(task_id, "ci", Verdict(outcome, "ci", _CONFIDENCE, why), self.at)


def read(path: Path) -> Results:
    """Reads a file of results; blocks.

    Skipped tests count as neither. A file without a time, or with a later one, ran when it was
    written.

    Raises:
        InvalidInput: It is no such file, or no test of it ran.
    """
    root, written = _parsed(path)
    passed, failed, times = 0, [], []
    for element in root.iter():
        tag = element.tag.rpartition("}")[2]
        if tag in ("testsuite", "testsuites"):
            times.append(parse_time(element.get("timestamp")))
        elif tag == "testcase":
            told = {child.tag.rpartition("}")[2] for child in element}
            if told & {"failure", "error"}:
                failed.append(_name(element))
            elif "skipped" not in told:
                passed += 1
    if not passed and not failed:
        raise InvalidInput("path", f"{path} has no test that ran; give JUnit XML of a run")
    # A time without an offset may be local, and seem to be later than it was.
    ran = min(max(filter(None, times), default=written), written)
    return Results(ran, passed, tuple(failed))


def _parsed(path: Path) -> tuple[Element, datetime]:
    """The root element of a file, and the file's modification time."""
    try:
        if path.stat().st_size > _LARGEST:
            raise InvalidInput("path", f"{path} is larger than {_LARGEST >> 20} MB; split it")
        content = path.read_bytes()
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as error:
        raise InvalidInput("path", f"{path} can't be read: {error.strerror}") from error
    if _ENTITIES.search(content.replace(b"\0", b"")):  # without the zero bytes of UTF-16
        raise InvalidInput("path", f"{path} declares a document type; results of tests have none")
    try:
        return fromstring(content), written  # noqa: S314 - it declares no entities
    except (ParseError, ValueError, LookupError) as error:  # the last two: unknown encodings
        raise InvalidInput("path", f"{path} is not valid XML: {error}") from error


def _name(case: Element) -> str:
    names = (case.get("classname"), case.get("name"))
    return clean(".".join(filter(None, names)), 100) or "a test without a name"
