"""Telemetry of a leader: latencies of recent calls, and the latest events."""

import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_learning.service.telemetry import (
    MOST_EVENTS,
    MOST_STEPS,
    RECENT,
    STEP_SECONDS,
    TOOLS,
    Recorder,
)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    made = Recorder()
    made.start()
    yield made
    made.stop()


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=2 * RECENT))
def test_percentiles_are_of_the_recent_calls_alone(seconds: list[float]) -> None:
    recorder = Recorder()
    for one in seconds:
        recorder.note("find", one, failed=False)
    (found,) = recorder.snapshot().latencies
    recent = sorted(seconds[-RECENT:])
    assert (found.calls, found.recent) == (len(seconds), len(recent))
    assert found.longest_ms == round(1000 * recent[-1], 3)
    for share, value in ((0.5, found.p50_ms), (0.95, found.p95_ms), (0.99, found.p99_ms)):
        below = sum(round(1000 * one, 3) <= value for one in recent)
        assert below >= share * len(recent) - 1e-9
        under = sum(round(1000 * one, 3) < value for one in recent)
        assert under <= share * len(recent) + 1e-9


def test_calls_that_are_no_tool_s_are_left_out_and_failures_counted() -> None:
    recorder = Recorder()
    recorder.note("overview", 1.0, failed=False)
    recorder.note("get", 0.001, failed=True)
    recorder.note("find", 0.002, failed=False)
    assert [(one.tool, one.calls, one.failed) for one in recorder.snapshot().latencies] == [
        (TOOLS["find"], 1, 0),
        (TOOLS["get"], 1, 1),
    ]


def test_calls_are_counted_over_time_as_far_as_there_were_any() -> None:
    times = iter([10.0, 200.0, 299.0, 310.0, 90_000.0])
    recorder = Recorder(now=lambda: next(times))
    for seconds in (0.001, 0.003, 0.002):
        recorder.note("find", seconds, failed=seconds == 0.003)
    (step,) = recorder.snapshot().steps
    assert (step.start.timestamp(), step.calls, step.failed) == (0, 3, 1)
    assert (step.p50_ms, step.p95_ms) == (2.0, 3.0)
    recorder.note("record", 0.5, failed=False)
    recorder.note("find", 0.5, failed=False)
    steps = recorder.snapshot().steps
    assert steps[0] == step
    assert [one.start.timestamp() for one in steps] == [0, STEP_SECONDS, 90_000]


def test_steps_of_a_day_are_kept() -> None:
    count = 2 * MOST_STEPS
    times = iter(range(0, count * STEP_SECONDS, STEP_SECONDS))
    recorder = Recorder(now=lambda: float(next(times)))
    for _ in range(count):
        recorder.note("find", 0.001, failed=False)
    steps = recorder.snapshot().steps
    assert len(steps) == MOST_STEPS + 1
    assert steps[-1].start.timestamp() == (count - 1) * STEP_SECONDS


def test_events_are_one_line_the_latest_first_and_not_endless(recorder: Recorder) -> None:
    logger = logging.getLogger("mcp_learning.test")
    for number in range(2 * MOST_EVENTS):
        recorder.journal.note(f"event {number}")
    logger.warning("first line\nsecond line of %s", "it")
    latest = recorder.snapshot().events
    assert len(latest) == MOST_EVENTS
    assert (latest[0].level, latest[0].text) == ("warning", "first line")
    assert latest[1].text == f"event {2 * MOST_EVENTS - 1}"
    recorder.stop()
    logger.error("nobody keeps this")
    assert recorder.snapshot().events == latest
