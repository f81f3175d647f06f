"""A replay says what the lessons of their time would have named."""

from lessons.worlds import CHATTER, approaches, experience, failures
from mcp_learning.lessons.replay import replay


def test_recurring_failures_are_named_once_they_are_known() -> None:
    world = failures(1, real=True)
    again = [
        one._replace(recorded_at=one.recorded_at.replace(year=2026)) for one in world.experience
    ]
    found = replay([*world.experience, *again])
    assert found.named > 0.4 * found.failures
    assert found.lessons >= 5


def test_a_repository_that_is_spelt_in_two_ways_is_one() -> None:
    world = failures(1, real=True).experience
    found = replay([*world, *world])
    spelt = [one._replace(repo=f"github.com/{one.repo}") for one in world]
    assert replay([*world, *spelt]).named == found.named


def test_an_error_is_named_by_its_pattern_though_it_names_something_else_each_time() -> None:
    runs: list[dict[str, object]] = []
    for n, word in enumerate(CHATTER * 2):
        error = {"success": False, "error_text": f"column {word} does not exist in this table"}
        told = {"solution": "Ran the migration of the schema before the tests were started."}
        runs += [{"description": f"task {n}", **error}, {"description": f"task {n}", **told}]
    found = replay([experience(n, **values) for n, values in enumerate(runs)])
    assert found.lessons == 1
    assert found.named > 0.6 * found.failures


def test_who_took_the_recommended_approach_succeeded_more_often() -> None:
    found = replay(approaches(3, effect=0.4, each=100).experience)
    followed, others = (
        one.success / sum(one)
        for one in (found.followed, found.others if sum(found.others) else found.warned)
    )
    assert followed > others
    assert "followed_against_rest" in found.as_json()


def test_an_empty_history_has_nothing_to_name() -> None:
    assert replay([]).as_json()["executions"] == 0
