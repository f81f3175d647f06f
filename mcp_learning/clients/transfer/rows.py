"""Makes executions of the rows of a table, by the names of its columns.

Names are those of an exported execution; `timestamp`, `success` and `actual_cost` of the original
design mean recorded_at, outcome and cost_usd. Values of other columns are ignored and counted. An
invalid optional value is left out and counted; a row without a valid task_description is skipped.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from mcp_learning.clients.transfer.imported import Notes, clean_and_truncate
from mcp_learning.clients.values import clean, parse_time, stable_id
from mcp_learning.models.requests import Details, RecordExecution
from mcp_learning.models.transfer import PastExecution, PastFeedback, PastUse
from mcp_learning.server.schema import first_problem

RENAMED = {"timestamp": "recorded_at", "success": "outcome", "actual_cost": "cost_usd"}
"""Current names of columns of the original design."""

PASSED_OVER = {"embedding", "sequence", "task_key", "error_text", "version", "model", "author"}
"""Columns with computed values, which are ignored without counting them."""

_TEXTS = {
    "task_type": 64,
    "repo": 500,
    "approach": 200,
    "solution_summary": 8_000,
    **dict.fromkeys(("task_description", "error_message"), 20_000),
    **dict.fromkeys(("model_tier", "pool_type", "swarm_topology", "error_type"), 100),
}
_OWN = RecordExecution.model_fields.keys() - {"details", "task_id", "used_task_ids", "traceparent"}
_OTHERS = ("task_id", "recorded_at", "updated_at", "details", "feedback", "uses", "used_task_ids")
COLUMNS = frozenset({*_OWN, *Details.model_fields, *_OTHERS, *RENAMED})
"""All columns that are read."""

# Where some are missing, whole numbers are often written as 1.0 and 0.0.
_TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0", "success", "succeeded"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "0.0", "failure", "failed"})
_UNKNOWN = frozenset({"pending", "unknown", "running", "null", "none", "nan"})
_ATTEMPTS = 50


class RowParser:
    """Makes executions of rows; those without a time were recorded at `default_time`."""

    def __init__(self, notes: Notes, default_time: datetime) -> None:
        self._notes = notes
        self._default_time = default_time

    def execution(self, where: str, row: Mapping[str, Any]) -> PastExecution | None:
        """The execution of a row; None if it is skipped."""
        try:
            values = self._by_field(row)
            if not values.get("task_description"):
                self._notes.skip(where, "has no task_description")
                return None
            return self._parsed(where, values)
        except RecursionError:
            self._notes.skip(where, "nested too deeply")
            return None

    def _by_field(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The values that the row has, by field of an Execution."""
        nested = _loaded(row.get("details"))
        nested = nested if isinstance(nested, dict) else {}
        given = {**{str(name): value for name, value in nested.items()}, **row}
        values: dict[str, Any] = {}
        for name, value in given.items():
            is_blank = isinstance(value, str) and not value.strip()
            if name == "details" or value is None or is_blank or value != value:
                continue  # NaN, tested last, stands for a missing value in tables
            if name not in COLUMNS:
                if name not in PASSED_OVER:
                    self._notes.pass_over(name)
                continue
            values.setdefault(RENAMED.get(name, name), value)
        return values

    def _parsed(self, where: str, values: dict[str, Any]) -> PastExecution | None:
        execution = {
            name: self._text(where, name, value) if name in _TEXTS else value
            for name, value in values.items()
            if name in _OWN
        }
        execution.setdefault("task_type", "task")
        execution["outcome"] = self._outcome(where, values.get("outcome"))
        details = {name: _plain(values[name]) for name in Details.model_fields if name in values}
        if "metadata" in details:
            loaded = _loaded(details["metadata"])
            is_whole = loaded is None or isinstance(loaded, dict)
            details["metadata"] = loaded if is_whole else {"value": loaded}
        given = {
            "task_id": UUID(int=0),
            "execution": {**execution, "details": details},
            "recorded_at": _time(values.get("recorded_at", self._default_time)),
            "updated_at": _time(values.get("updated_at")),
        }
        record = self._validated(where, given)
        if record is None:
            return None
        task_id = self._task_id(where, values.get("task_id"), record)
        related = {
            "feedback": self._feedback(where, task_id, values.get("feedback")),
            "uses": self._uses(where, task_id, record.recorded_at, values),
        }
        return record.model_copy(update={"task_id": task_id, **related})

    def _validated(self, where: str, given: dict[str, Any]) -> PastExecution | None:
        """The record, without invalid values."""
        defaults = {"task_type": "task", "recorded_at": self._default_time}
        for _ in range(_ATTEMPTS):
            try:
                return PastExecution.model_validate(given)
            except ValidationError as error:
                place = [str(part) for part in error.errors(include_url=False)[0]["loc"]]
                name, (_, problem) = place[-1], first_problem(error, PastExecution)
            part = given
            for step in place:
                if step in ("execution", "details") and isinstance(part.get(step), dict):
                    part = part[step]
                else:
                    name = step
                    break
            if name == "task_description" or name not in part:
                self._notes.skip(where, f"{name} can't be accepted", problem)
                return None
            self._notes.leave_out(where, f"{name} can't be accepted", problem)
            del part[name]
            if name in defaults:
                part[name] = defaults[name]
        return None

    def _text(self, where: str, name: str, value: object) -> str:
        text = str(value) if not isinstance(value, (dict, list, bytes)) else ""
        if not text:
            self._notes.leave_out(where, f"{name} is not a text")
        whole, limit = clean(text, len(text)), _TEXTS[name]
        if len(whole) > limit:
            self._notes.leave_out(where, f"{name} was imported shortened")
        elif len(whole) < len(text.strip(" \t\r\n")):
            self._notes.leave_out(where, f"{name} was imported without control characters")
        return clean_and_truncate(whole, limit)

    def _outcome(self, where: str, value: object) -> str:
        outcome = str(value).strip().lower()
        if outcome in _TRUE:
            return "success"
        if outcome in _FALSE:
            return "failure"
        if outcome not in _UNKNOWN:
            self._notes.leave_out(where, "outcome can't be accepted", clean(outcome, 40))
        return "pending"

    def _task_id(self, where: str, value: object, record: PastExecution) -> UUID:
        if isinstance(value, UUID):
            return value
        if value is not None:
            try:
                return UUID(bytes=value) if isinstance(value, bytes) else UUID(str(value).strip())
            except ValueError:
                self._notes.leave_out(where, "task_id is not a UUID: one was made of the content")
        excluded = {"task_id", "updated_at", "repo_known_as"}
        if record.recorded_at == self._default_time:  # the file's time, not the row's
            excluded.add("recorded_at")
        content = record.model_dump(mode="json", exclude_none=True, exclude=excluded)
        return stable_id("row", _digest([str(value or ""), content]))

    def _feedback(self, where: str, task_id: UUID, value: object) -> list[PastFeedback]:
        found = []
        for one in _listed(value):
            try:
                given = {n: v for n, v in dict(one).items() if n != "task_id"}
                given = {n: v if n == "comment" else _plain(v) for n, v in given.items()}
                if given.get("comment"):  # `clean` strips what submit_feedback strips, no more
                    given["comment"] = clean_and_truncate(str(given["comment"]), 2_000) or None
                if not given.get("feedback_id"):
                    given["feedback_id"] = stable_id("feedback", f"{task_id}:{_digest(given)}")
                found.append(PastFeedback.model_validate(given))
            except (ValidationError, ValueError, TypeError):
                self._notes.leave_out(where, "feedback can't be accepted")
        return found

    def _uses(
        self, where: str, task_id: UUID, at: datetime, values: Mapping[str, Any]
    ) -> list[PastUse]:
        named = _listed(values.get("used_task_ids"))
        listed = [{"task_id": one, "recorded_at": at} for one in named]
        found: dict[UUID, PastUse] = {}
        for one in [*_listed(values.get("uses")), *listed]:
            try:
                use = PastUse.model_validate({n: _plain(v) for n, v in dict(one).items()})
            except (ValidationError, ValueError, TypeError):
                self._notes.leave_out(where, "a used task can't be accepted")
            else:
                if use.task_id != task_id:
                    found.setdefault(use.task_id, use)
        return list(found.values())


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _listed(value: object) -> list[Any]:
    """The items of a list, of a JSON text with a list, or of a comma-separated text."""
    loaded = _loaded(value)
    if isinstance(loaded, str):
        loaded = [part.strip() for part in loaded.split(",") if part.strip()]
    return loaded if isinstance(loaded, list) else []


def _loaded(value: object) -> Any:
    """The value of a JSON text; any other text cleaned; other values unchanged."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return clean_and_truncate(value, 20_000)
    return value


def _time(value: Any) -> Any:
    """A time in ISO 8601 as a datetime; any other value as `_plain` makes it.

    Seconds and milliseconds since 1970 are digits alone, too, but not eight, as 20260131 has.
    """
    is_number = isinstance(value, str) and value.strip().isdecimal() and len(value.strip()) != 8
    found = parse_time(value.strip()) if isinstance(value, str) and not is_number else None
    return _plain(value) if found is None else found


def _plain(value: Any) -> Any:
    """A value of a table as a JSON type, or as a datetime."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    return value.strip() if isinstance(value, str) else value
