"""Trials of lessons: fair assignment, right effects, early end of harm, no chance findings."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from benchmarks.lessons import simulation
from mcp_learning.lessons import trials
from mcp_learning.lessons.trials import ON_TRIAL
from mcp_learning.models.lessons import Lesson, LessonChange
from mcp_learning.store.lesson_protocol import Tally
from mcp_learning.store.types import Outcomes

NOW = datetime(2025, 6, 1, tzinfo=UTC)


def lesson(**values: object) -> Lesson:
    """A lesson on trial; give what matters."""
    fields: dict[str, object] = {
        **dict.fromkeys(("created_at", "updated_at", "worded_at"), NOW),
        "lesson_id": uuid4(),
        "kind": "told",
        "origin": "agent",
        "status": "trial",
        "when": "the login fails",
        "do": "clear the cookie",
        "evidence": [],
    }
    return Lesson.model_validate(fields | values)


@pytest.fixture(scope="module")
def found() -> dict[str, object]:
    """Figures of simulated trials whose agents always follow."""
    results = [one for seed in range(15) for one in simulation.simulate(seed, 1.0)]
    return simulation.summary(results, 1.0)


@pytest.mark.parametrize("follows", [0.4, 0.7, 1.0])
def test_harmful_lessons_are_retired_within_fifty_showings(follows: float) -> None:
    results = [one for seed in range(15) for one in simulation.simulate(seed, follows)]
    share = simulation.summary(results, follows)["harmful_retired_within_50"]
    assert isinstance(share, float)
    assert share >= 0.95


def test_helpful_lessons_are_kept_and_useless_ones_hardly_ever(found: dict[str, float]) -> None:
    assert found["helpful_kept"] >= 0.8
    assert found["useless_kept"] <= 0.05
    assert found["intervals_that_cover"] >= 0.9


def test_agents_lose_less_with_lessons_than_without(found: dict[str, float]) -> None:
    assert found["regret_with"] < 0.5 * found["regret_without"]


def test_a_lot_is_the_same_for_a_task_and_fair_over_many() -> None:
    one = lesson(lesson_id=UUID(int=7))
    lots = [trials.is_shown(one, str(number)) for number in range(1_000)]
    assert lots == [trials.is_shown(one, str(number)) for number in range(1_000)]
    assert 450 < sum(lots) < 550
    assert trials.is_shown(lesson(status="kept"), "any")
    assert trials.is_shown(lesson(pinned=True), "any")
    assert not trials.is_shown(lesson(status="candidate"), "any")


def test_of_a_thousand_candidates_the_most_promising_are_tried_and_the_others_wait() -> None:
    many = [lesson(status="candidate", do=f"way {n}", gain_low=n / 1_000) for n in range(1_000)]
    promoted = trials.start_trials(many, NOW)
    assert [one.lesson.do for one in promoted] == [f"way {999 - n}" for n in range(ON_TRIAL)]


def test_a_candidate_that_contradicts_a_lesson_in_use_waits() -> None:
    used = lesson(do=None, avoid="clear the cookie")
    assert trials.start_trials([used, lesson(status="candidate")], NOW) == []


def test_a_trial_ends_after_fifty_showings_unless_it_is_promising() -> None:
    one = lesson()

    def judged(shown: int, withheld: int, *lines: LessonChange) -> LessonChange | None:
        tally = Tally(Outcomes(shown, 50 - shown), Outcomes(withheld, 50 - withheld), 0)
        found = trials.conclude_trials([one], {one.lesson_id: tally}, NOW, {one.lesson_id: lines})
        assert all(
            r.lesson.status == ("trial" if c.change == trials.CONTINUED else c.change)
            for r in found
            for c in r.changes
        )
        return found[0].changes[0] if found else None

    gone = judged(25, 25)
    assert gone is not None
    assert (gone.change, gone.reason[:15]) == ("retired", "no use was seen")
    goes_on = judged(32, 25)
    assert goes_on is not None
    assert goes_on.change == trials.CONTINUED
    assert judged(25, 25, goes_on) is None
    kept = judged(45, 15, goes_on)
    assert kept is not None
    assert kept.change == "kept"


def test_what_is_pinned_stays_whatever_its_effect() -> None:
    harmful = Tally(Outcomes(0, 40), Outcomes(40, 0), 0)
    one = lesson(pinned=True, status="kept")
    assert trials.conclude_trials([one], {one.lesson_id: harmful}, NOW, {}) == []
    two = lesson(status="kept")
    (revision,) = trials.conclude_trials([two], {two.lesson_id: harmful}, NOW, {})
    assert revision.lesson.status == "retired"
    assert "went worse" in revision.changes[0].reason
