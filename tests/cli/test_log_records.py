"""A log that nobody fills or forges."""

import logging
import sys

from mcp_learning.cli.log_records import OneLine, RepeatLimit


def test_records_of_one_place_are_bounded_in_a_while_and_what_was_dropped_is_told() -> None:
    now = [0.0]
    limit = RepeatLimit(most=3, seconds=60, clock=lambda: now[0])
    written: list[str] = []

    def log(number: int, line: int = 7, level: int = logging.WARNING) -> None:
        record = logging.LogRecord("a", level, "a.py", line, "no. %d", (number,), None)
        if limit.filter(record):
            written.append(record.getMessage())

    for number in range(1_000):
        log(number)
    log(1, line=8)
    now[0] = 61
    log(2_000)
    log(2_001)
    assert written == [
        *("no. 0", "no. 1", "no. 2", "no. 1"),
        "no. 2000 (997 more like this were left out before)",
        "no. 2001",
    ]
    written.clear()
    for number in range(10):
        log(number, level=logging.DEBUG)
    assert len(written) == 10


def test_a_message_is_one_visible_line_and_a_traceback_follows_it() -> None:
    message = "of\n2026-01-01 ERROR root: \x1b[2Kforged\u202e"
    try:
        raise ValueError("with \u202e in it")
    except ValueError:
        record = logging.LogRecord("a", 30, "a.py", 7, "%s", (message,), sys.exc_info())
    first, *rest = OneLine().format(record).splitlines()
    assert first.endswith("WARNING a: of 2026-01-01 ERROR root: [2Kforged")
    assert rest[0].startswith("Traceback")
    assert rest[-1] == "ValueError: with  in it"
