"""How told and observed outcomes agree."""

from datetime import datetime

import pytest

from mcp_learning.recommend.agreement import agreement
from mcp_learning.store.past_run import PastRun


def run(success: bool | None, observed: bool | None) -> PastRun:
    at = datetime(2026, 1, 2)
    return PastRun(at, at, 1, "", "task", "", success, ("a",), None, observed=observed)


def test_pairs_of_told_and_observed_outcomes_are_counted() -> None:
    pairs = [(True, True)] * 7 + [(False, False), (True, False), (True, None), (None, None)]
    found = agreement([run(*pair) for pair in pairs])
    assert found is not None
    assert (found.both_success, found.both_failure, found.told_success) == (7, 1, 1)
    assert found.rate == pytest.approx(8 / 9)
    low, high = found.interval
    assert low < found.rate < high
    assert found.as_json()["told_success_observed_failure"] == 1


def test_without_pairs_there_is_no_agreement() -> None:
    assert agreement([run(True, None)]) is None
