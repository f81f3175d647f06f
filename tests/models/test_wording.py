"""Numbers are read as a person would say them."""

import pytest

from mcp_learning.models.wording import counted, last_days


@pytest.mark.parametrize(
    ("number", "thing", "said"),
    [
        (0, "match", "0 matches"),
        (1, "match", "1 match"),
        (2, "success", "2 successes"),
        (1, "further failure", "1 further failure"),
        (2_000, "execution", "2,000 executions"),
    ],
)
def test_one_is_singular_and_thousands_have_commas(number: int, thing: str, said: str) -> None:
    assert counted(number, thing) == said


def test_a_period_of_one_day_has_no_number() -> None:
    assert (last_days(1), last_days(30)) == ("the last day", "the last 30 days")
