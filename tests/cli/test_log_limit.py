"""What repeats itself is logged a few times, and then counted."""

import logging

from mcp_learning.cli.log_limit import RepeatLimit


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
