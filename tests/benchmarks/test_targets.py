import pytest

from benchmarks.targets import Target, compare

ABSOLUTE = Target("a", "A", "ms", "How.", reference=8.0)
RELATIVE = Target("r", "R", "ms", "How.", factor=2.0, beside="(x + y)")
SPEED = Target("s", "S", "rows/s", "How.", reference=100.0, bound=">=")


@pytest.mark.parametrize(
    ("target", "value", "passed"),
    [
        (ABSOLUTE, 7.9, True),
        (ABSOLUTE, 8.0, True),
        (ABSOLUTE, 8.1, False),
        (SPEED, 99.0, False),
        (SPEED, 100.0, True),
        (SPEED, 101.0, True),
    ],
)
def test_an_absolute_bar_is_its_own_reference(target: Target, value: float, passed: bool) -> None:
    assert compare(target, [value]).passed is passed


def test_a_relative_bar_is_held_against_the_sum_of_medians() -> None:
    measured = compare(RELATIVE, [5.0, 9.0, 6.0], [1.0, 2.0, 9.0], [1.5, 1.0, 2.0])
    assert (measured.measured, measured.reference, measured.samples) == (6.0, 3.5, 3)
    assert measured.passed
    assert not compare(RELATIVE, [7.1], [3.5]).passed
