"""A server that doesn't answer is asked again after longer and longer pauses."""

from mcp_learning.team.back_off import FIRST_PAUSE, LONGEST_PAUSE, BackOff


class Clock:
    """Stands still until it is set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def pause(back_off: BackOff, clock: Clock) -> float:
    """Seconds that a pause takes which begins now; they pass."""
    began = clock.now
    assert back_off.fail("late")
    assert back_off.pausing
    while back_off.pausing:
        clock.now += FIRST_PAUSE / 4
    return clock.now - began


def test_pauses_grow_to_the_longest_and_begin_anew_after_an_answer() -> None:
    clock = Clock()
    back_off = BackOff(clock)
    assert not back_off.pausing
    pauses = [pause(back_off, clock) for _ in range(6)]
    assert pauses == [min(FIRST_PAUSE * 2**n, LONGEST_PAUSE) for n in range(6)]
    back_off.succeed()
    assert [pause(back_off, clock) for _ in range(2)] == [FIRST_PAUSE, 2 * FIRST_PAUSE]


def test_what_fails_during_a_pause_neither_prolongs_it_nor_changes_its_reason() -> None:
    clock = Clock()
    back_off = BackOff(clock)
    back_off.fail("refused")
    clock.now += FIRST_PAUSE / 2
    assert not back_off.fail("late")
    assert back_off.reason == "refused"
    clock.now += FIRST_PAUSE / 2
    assert not back_off.pausing
    assert back_off.fail("late")
    assert back_off.reason == "late"
