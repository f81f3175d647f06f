"""Recommendations on a real database with the real model: what is advised, and what is not."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from service.bulk import insert_login_tasks
from service.examples import EXPORT, LOGIN, LOGIN_PARAPHRASE, UNRELATED, find, query, record
from services import opened
from store.rows import execution

from benchmarks.worlds import families
from mcp_learning.errors import NotFound
from mcp_learning.models.requests import (
    ForgetExecutions,
    GetExecution,
    RecommendApproach,
    SubmitFeedback,
)
from mcp_learning.models.results import Recommendation
from mcp_learning.service import history
from mcp_learning.service.learning import LearningService
from mcp_learning.settings import Settings

pytestmark = pytest.mark.anyio


async def recommend(service: LearningService, text: str = LOGIN, **values: Any) -> Recommendation:
    given = {"task_description": text} | values
    return await service.recommend(RecommendApproach.model_validate(given))


async def runs(
    service: LearningService, approach: str, won: int, lost: int, **values: Any
) -> list[UUID]:
    """Records runs of different login tasks with one approach."""
    made = []
    for number in range(won + lost):
        given = {"approach": approach, "outcome": "success" if number < won else "failure"}
        text = f"{LOGIN} on page {number} of {approach}"
        made.append((await record(service, text, **(given | values))).task_id)
    return made


def labels(found: Recommendation) -> list[str]:
    return [option.label for option in found.options]


async def test_nothing_recorded_gives_no_option_and_says_why(service: LearningService) -> None:
    found = await recommend(service)
    assert (found.verdict, found.options, found.pitfalls) == ("insufficient_evidence", [], [])
    assert "no execution that has ended" in found.basis.note


async def test_one_execution_is_shown_but_is_not_enough(service: LearningService) -> None:
    task_id = (await record(service, approach="expire the cookie")).task_id
    found = await recommend(service)
    assert found.verdict == "insufficient_evidence"
    (option,) = found.options
    assert (option.label, option.executions, option.evidence) == ("expire the cookie", 1, [task_id])
    assert option.interval_high - option.interval_low > 0.5


async def test_the_approach_that_works_goes_first_with_what_it_takes(
    service: LearningService,
) -> None:
    won = await runs(service, "expire the cookie", 6, 0, duration_seconds=30, cost_usd=0.5)
    await runs(service, "add a redirect", 0, 6, duration_seconds=300)
    found = await recommend(service, LOGIN_PARAPHRASE)
    assert (found.verdict, found.leader) == ("evidence", "better")
    assert labels(found) == ["expire the cookie", "add a redirect"]
    best, worst = found.options
    assert best.interval_low > worst.interval_high
    assert (best.expected_duration_seconds, best.expected_cost_usd) == (30, 0.5)
    assert (worst.expected_duration_seconds, worst.expected_cost_usd) == (300, None)
    assert set(best.evidence) <= set(won)
    assert await recommend(service, LOGIN_PARAPHRASE, limit=1) != found


async def test_by_cost_the_cheapest_that_is_not_worse_goes_first_with_what_to_try_next(
    service: LearningService,
) -> None:
    await runs(service, "small", 9, 5, cost_usd=0.1)
    await runs(service, "large", 11, 3, cost_usd=2.0)
    await runs(service, "tiny", 0, 14, cost_usd=0.01)
    assert labels(await recommend(service)) == ["large", "small", "tiny"]
    for objective in ("cost", "balanced"):
        found = await recommend(service, objective=objective)
        assert labels(found) == ["small", "large", "tiny"]
        first, second, _ = found.options
        assert (first.escalate_to, found.avoid) == ("large", ["tiny"])
        assert first.escalated_success_rate is not None
        assert first.escalated_success_rate > second.success_rate
        assert first.escalated_cost_usd is not None
        assert 0.1 < first.escalated_cost_usd < 2.0


async def test_an_option_that_is_outweighed_by_another_has_its_cost_and_evidence_too(
    service: LearningService,
) -> None:
    now = datetime.now(UTC)
    runs_of = (("large", 2.0, 120, now), ("small", 0.1, 8, now - timedelta(days=30)))
    done = [
        execution(
            approach=approach,
            cost_usd=cost,
            task_description=f"{LOGIN} on page {number}",
            recorded_at=at,
            updated_at=at,
        )
        for approach, cost, count, at in runs_of
        for number in range(count)
    ]
    await service.store.insert_many(done)
    await service.ready()
    first, second = (await recommend(service, objective="cost")).options
    assert (first.label, first.expected_cost_usd, len(first.evidence)) == ("small", 0.1, 2)
    assert (second.label, second.expected_cost_usd) == ("large", 2.0)


async def test_on_request_an_option_is_drawn_and_what_was_drawn_reaches_the_replay(
    service: LearningService,
) -> None:
    await runs(service, "small", 3, 2)
    await runs(service, "large", 2, 3)
    assert (await recommend(service)).draw is None
    drawn = [(await recommend(service, explore=True)).draw for _ in range(20)]
    chances = {one.label: one.propensity for one in drawn if one is not None}
    assert all(0 < chance < 1 for chance in chances.values())
    assert sum(chances.values()) == pytest.approx(1, abs=0.001) or len(chances) == 1
    label, chance = next(iter(chances.items()))
    details = {"metadata": {"propensity": chance}}
    await record(service, approach=label, details=details)
    _, found = await history.latest(service, "approach", 1_000)
    assert found[-1].propensity == chance
    assert {run.propensity for run in found[:-1]} == {None}


async def test_outcomes_are_evidence_by_their_confidence(service: LearningService) -> None:
    await runs(service, "told", 0, 3)
    await runs(service, "guessed", 0, 4, details={"outcome_confidence": 0.6})
    await runs(service, "unknown", 0, 3, details={"outcome_basis": "none"})
    found = await recommend(service)
    by_label = {option.label: option for option in found.options}
    assert (by_label["unknown"].executions, by_label["unknown"].effective_n) == (0, 0)
    assert by_label["told"].success_rate < by_label["guessed"].success_rate
    assert by_label["guessed"].effective_n == pytest.approx(
        4 / 3 * 0.6**2 * by_label["told"].effective_n, abs=0.06
    )
    _, past = await history.latest(service, "approach", 1_000)
    assert [run.confidence for run in past] == pytest.approx([1.0] * 3 + [0.6] * 4 + [0.0] * 3)


async def test_all_failures_say_so(service: LearningService) -> None:
    await runs(service, "add a redirect", 0, 4)
    found = await recommend(service)
    assert found.verdict == "evidence"
    assert "every similar execution with these options failed" in found.basis.note
    assert found.options[0].success_rate < 0.3


async def test_pending_executions_are_counted_but_are_no_evidence(service: LearningService) -> None:
    await runs(service, "add a redirect", 0, 3, outcome="pending")
    found = await recommend(service)
    assert (found.verdict, found.basis.pending) == ("insufficient_evidence", 3)
    assert found.basis.similar_executions == 0


async def test_spellings_are_merged(service: LearningService) -> None:
    await runs(service, "Expire cookie", 2, 0)
    await runs(service, "expire-cookie", 1, 0)
    (option,) = (await recommend(service)).options
    assert (option.label, option.executions) == ("Expire cookie", 3)


async def test_an_approach_of_another_kind_of_work_is_no_advice_but_a_portable_one_is_listed(
    service: LearningService,
) -> None:
    await runs(service, "expire the cookie", 1, 3)
    await record(service, UNRELATED, approach="more butter", task_type="baking")
    for task_type in ("performance", "feature"):
        await record(service, EXPORT, approach="test first", task_type=task_type)
    found = await recommend(service)
    assert "more butter" not in labels(found)
    untried = next(option for option in found.options if option.label == "test first")
    assert (untried.executions, untried.effective_n, untried.evidence) == (0, 0, [])
    assert untried.interval_high - untried.interval_low > 0.5


async def test_with_a_type_only_options_used_for_it_are_shown_and_the_worse_are_to_be_avoided(
    service: LearningService,
) -> None:
    await runs(service, "expire the cookie", 12, 1, task_type="bug_fix")
    await runs(service, "add a redirect", 1, 12, task_type="bug_fix")
    await runs(service, "draw it first", 12, 0, task_type="design")
    found = await recommend(service, task_type="bug_fix")
    assert labels(found) == ["expire the cookie", "add a redirect"]
    assert (found.leader, found.avoid) == ("better", ["add a redirect"])


async def test_an_option_to_be_avoided_is_neither_first_nor_to_be_tried_next(
    service: LearningService,
) -> None:
    await runs(service, "add a redirect", 0, 12, task_type="bug_fix")
    await runs(service, "expire the cookie", 12, 0, task_type="security")
    found = await recommend(service, task_type="bug_fix")
    assert found.avoid == ["add a redirect"]
    assert labels(found) == ["expire the cookie", "add a redirect"]
    assert [one.escalate_to for one in found.options] == [None, "expire the cookie"]


async def test_what_the_note_says_of_similar_executions_is_true_of_all_of_them(
    service: LearningService,
) -> None:
    for number in range(3):
        await record(service, f"{LOGIN} on page {number}")
        await record(service, EXPORT, approach="measure", task_type="docs", outcome="failure")
    note = (await recommend(service)).basis.note
    assert "no similar execution that has ended names its approach" in note
    assert "rates are those of" not in note
    note = (await recommend(service, by="routing")).basis.note
    assert note.endswith("record one with model_tier, pool_type, swarm_topology")
    await runs(service, "expire the cookie", 3, 0, task_type="security")
    found = await recommend(service, task_type="docs", limit=1)
    assert "every similar" not in found.basis.note
    await runs(service, "write it twice", 0, 3, task_type="docs")
    note = (await recommend(service, task_type="docs")).basis.note
    assert "every similar execution with these options failed" in note
    assert "pitfalls" not in note  # there are none


async def test_how_many_are_to_be_shown_changes_no_rate(service: LearningService) -> None:
    for number in range(6):
        await runs(service, f"way {number}", number, 1, task_type=f"type {number % 2}")
        await runs(service, f"way {number}", 1, 0, task_type="docs")
    for text in (LOGIN, UNRELATED):
        four, one = [(await recommend(service, text, limit=n)).options for n in (4, 1)]
        assert len(four) == 4
        assert one == four[:1]


async def test_a_rate_says_what_it_rests_on(service: LearningService) -> None:
    await runs(service, "expire the cookie", 6, 2)
    for text, basis in ((LOGIN, "these tasks"), (UNRELATED, "task type")):
        found = await recommend(service, text, task_type="bug_fix")
        assert [option.basis for option in found.options] == [basis]
    await runs(service, "expire the cookie", 6, 2)
    plain = await recommend(service, UNRELATED, task_type="bug_fix")
    assert plain.verdict == "evidence"
    assert "rates are those of 16 of this type" in plain.basis.note


async def test_another_dimension_is_compared_when_asked_for(service: LearningService) -> None:
    await runs(service, "a", 4, 0, model_tier="large", pool_type="gpu", swarm_topology="mesh")
    await runs(service, "b", 0, 4, model_tier="small", pool_type="cpu", swarm_topology="ring")
    for by, best in (("model_tier", "large"), ("pool_type", "gpu"), ("swarm_topology", "mesh")):
        assert labels(await recommend(service, by=by))[0] == best


async def test_what_works_in_the_repository_at_hand_has_the_higher_rate(
    service: LearningService,
) -> None:
    for approach, good, bad in (("a", "acme/shop", "acme/blog"), ("b", "acme/blog", "acme/shop")):
        await runs(service, approach, 8, 0, repo=good)
        await runs(service, approach, 0, 8, repo=bad)
    for repo, best in (("acme/shop", "a"), ("acme/blog", "b")):
        rates = {one.label: one for one in (await recommend(service, repo=repo)).options}
        assert max(rates, key=lambda label: rates[label].success_rate) == best
        assert abs(rates["a"].success_rate - rates["b"].success_rate) > 0.2


async def test_options_that_always_failed_or_succeeded_are_not_drawn_to_one_half(
    service: LearningService,
) -> None:
    now = datetime.now(UTC)
    given = {"task_description": LOGIN, "recorded_at": now, "updated_at": now}
    done = [
        execution(task_id=uuid4(), approach=outcome, outcome=outcome, **given)
        for outcome in ("failure", "success")
        for _ in range(100)
    ]
    await service.store.insert_many(done)
    found = await recommend(service, UNRELATED, task_type="bug_fix")
    rates = {one.label: one.success_rate for one in found.options}
    assert rates["failure"] <= 0.08
    assert rates["success"] >= 0.92


async def test_use_before_a_success_raises_the_weight_and_use_before_a_failure_lowers_it(
    service: LearningService,
) -> None:
    good, bad = await runs(service, "a", 2, 0)
    for _ in range(3):
        await record(service, EXPORT, used_task_ids=[good])
        await record(service, EXPORT, used_task_ids=[bad], outcome="failure")
    raised = await service.get(GetExecution(task_id=good))
    lowered = await service.get(GetExecution(task_id=bad))
    assert 1 < raised.weight <= 2
    assert 0.5 <= lowered.weight < 1
    assert [use.outcome for use in lowered.used_by] == ["failure"] * 3


async def test_unhelpful_feedback_makes_an_option_weigh_less(service: LearningService) -> None:
    (task_id,) = await runs(service, "a", 1, 0)
    before = (await recommend(service)).options[0]
    for _ in range(4):
        await service.feedback(SubmitFeedback(task_id=task_id, helpful="no").identified())
    after = (await recommend(service)).options[0]
    assert after.effective_n < before.effective_n
    assert after.success_rate < before.success_rate


async def test_contradictory_feedback_cancels_out(service: LearningService) -> None:
    (task_id,) = await runs(service, "a", 1, 0)
    for helpful in ("yes", "no"):
        await service.feedback(SubmitFeedback(task_id=task_id, helpful=helpful).identified())
    await service.feedback(SubmitFeedback(task_id=task_id, rating=5).identified())
    await service.feedback(SubmitFeedback(task_id=task_id, accepted="no").identified())
    assert (await service.get(GetExecution(task_id=task_id))).weight == 1


async def test_feedback_on_an_unknown_task_is_refused(service: LearningService) -> None:
    with pytest.raises(NotFound):
        await service.feedback(SubmitFeedback(task_id=uuid4(), helpful="yes").identified())


async def test_answers_are_counted_and_survive_a_restart(settings: Settings) -> None:
    async with opened(settings) as service:
        (task_id,) = await runs(service, "a", 1, 0)
        await find(service, LOGIN)
        await recommend(service)
        assert (await service.get(GetExecution(task_id=task_id))).times_returned == 2
    async with opened(settings) as service:
        assert (await service.get(GetExecution(task_id=task_id))).times_returned == 2
        await find(service, LOGIN)
        assert (await service.get(GetExecution(task_id=task_id))).times_returned == 3


async def test_forgetting_an_execution_forgets_its_answers(settings: Settings) -> None:
    async with opened(settings) as service:
        (task_id,) = await runs(service, "a", 1, 0)
        await find(service, LOGIN)
    async with opened(settings) as service:
        assert await query(service, "SELECT count(*) FROM recall_counts") == [(1,)]
        await find(service, LOGIN)
        await service.forget(ForgetExecutions(task_ids=[task_id], dry_run=False))
        found = await recommend(service)
        assert (found.options, found.basis.options_known) == ([], 0)
    async with opened(settings) as service:
        assert await query(service, "SELECT count(*) FROM recall_counts") == [(0,)]


async def test_an_option_that_broke_on_other_tasks_goes_behind_one_that_works(
    service: LearningService,
) -> None:
    kinds = [family[0] for family in families.descriptions(1)]
    for number, text in enumerate(kinds * 2):
        await record(service, text, approach="fast model", outcome="success")
        outcome = "success" if number % 3 else "failure"
        await record(service, text, approach="slow model", outcome=outcome)
    assert labels(await recommend(service, kinds[0])) == ["fast model", "slow model"]
    for text in kinds[1:]:
        await record(service, text, approach="fast model", outcome="failure")
    assert labels(await recommend(service, kinds[0]))[0] == "slow model"


async def test_a_thousand_approaches_are_answered_with_a_few(service: LearningService) -> None:
    await insert_login_tasks(service, 1_000)
    found = await recommend(service)
    assert len(found.options) == 4
    assert found.basis.options_known == 1_000
    assert found.leader == "unclear"


async def test_searching_and_recommending_block_nothing(
    nothing_blocks_the_loop: None, service: LearningService
) -> None:
    await runs(service, "a", 1, 1, error_message="loop")
    found = await recommend(service)
    assert labels(found) == ["a"]
