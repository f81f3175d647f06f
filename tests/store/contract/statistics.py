"""Statistics of a few executions, whose answers were computed by hand."""

from datetime import UTC, datetime, timedelta
from math import log
from typing import Any
from uuid import UUID, uuid4

import pytest
from store.contract.helpers import EVER, embed, get, rate, record, units
from store.rows import NOW

from mcp_learning.models.listed import Bucket, FilterValue, Used
from mcp_learning.models.results import Execution
from mcp_learning.store.protocol import Store
from mcp_learning.store.types import Endings, Extent, Measures, Pairing, Period, UseCounts, Vote

DAY = timedelta(days=1)
TODAY = datetime(2025, 6, 1, tzinfo=UTC)
NOTHING = Measures(0, 0, 0, 0, None, None, None)

ROWS: list[dict[str, Any]] = [
    {"approach": "a", "repo": "x", "duration_seconds": 10.0, "cost_usd": 2.0, "cost_estimate": 1.0},
    {"approach": "a", "repo": "x", "duration_seconds": 20.0, "cost_usd": 2.0, "cost_estimate": 4.0},
    {"approach": "a", "repo": "y", "outcome": "failure", "duration_seconds": 30.0},
    {"approach": "b", "outcome": "failure", "cost_usd": 0.5, "cost_estimate": 0.0},
    {"approach": "b", "outcome": "pending", "recorded_at": NOW - DAY},
    {"task_type": "test", "approach": "a", "recorded_at": NOW - DAY},
]
"""All others are successful bug fixes of today."""


async def filled(store: Store) -> list[Execution]:
    return [await record(store, **values) for values in ROWS]


class StatisticsContract:
    async def test_an_empty_store_has_empty_statistics(self, store: Store) -> None:
        assert await store.totals(EVER) == NOTHING
        assert await store.groups("task_type", EVER, 9) == ([], 0)
        assert await store.outcomes("repo", EVER, ["x"]) == {}
        assert await store.pairings(EVER, 9) == []
        assert await store.buckets("day", EVER) == []
        assert await store.listing(EVER, 9, 0) == ([], 0)
        assert await store.choices("repo", 9) == []
        assert await store.extent() == Extent(0, None)
        assert await store.votes() == {}
        assert await store.use_counts(EVER) == UseCounts(Endings(0, 0), Endings(0, 0), 0, 0, 0)
        assert await store.most_used(EVER, 9) == []
        assert await store.history("approach", 9) == []

    async def test_totals(self, store: Store) -> None:
        await filled(store)
        # Quantiles interpolate: of 10, 20 and 30 the 95th is 29. A cost of 0 predicts nothing.
        found = await store.totals(EVER)
        assert (found.executions, found.success, found.failure, found.pending) == (6, 3, 2, 1)
        assert found.duration_p50 == 20.0
        assert found.duration_p95 == pytest.approx(29.0)
        assert found.cost_usd == 4.5
        assert found.cost_predictions == 2
        assert found.cost_spread == pytest.approx(log(2))
        assert found.cost_shift == pytest.approx(0.0)

    @pytest.mark.parametrize(
        ("period", "executions"),
        [
            (Period(TODAY, TODAY + DAY), 4),
            (Period(TODAY - DAY, TODAY), 2),
            (Period(NOW, NOW + DAY), 4),  # from the first moment
            (Period(NOW - DAY, NOW), 2),  # to before the last
            (Period(TODAY, TODAY + DAY, repo="x"), 2),
            (Period(TODAY - DAY, TODAY, task_type="test"), 1),
            (Period(TODAY - DAY, TODAY, repo="x"), 0),
            (Period(TODAY, TODAY + DAY, approach="a"), 3),
            (Period(TODAY, TODAY + DAY, approach="a", outcome="failure"), 1),
            (Period(TODAY - DAY, TODAY, outcome="pending"), 1),
        ],
    )
    async def test_a_period_restricts(self, store: Store, period: Period, executions: int) -> None:
        await filled(store)
        assert (await store.totals(period)).executions == executions
        assert (await store.listing(period, 0, 0))[1] == executions

    async def test_the_beginning_of_an_id_finds_all_that_begin_so(self, store: Store) -> None:
        for number, end in enumerate("012"):
            task_id = UUID(f"0190a0b1-0000-7000-8000-00000000000{end}")
            await record(store, task_id=task_id, recorded_at=NOW + number * DAY)
        other = await record(store, task_id=UUID("0190a0b2-0000-7000-8000-000000000000"))

        async def ends(prefix: str, limit: int = 9) -> str:
            return "".join(str(x.task_id)[-1] for x in await store.starting_with(prefix, limit))

        assert await ends("0190a0b1") == "210"
        assert await ends("0190a0b1", limit=2) == "21"
        assert await ends("0190a0b1000070008000000000000001") == "1"
        assert await ends("0190a0b3") == ""
        assert (await store.starting_with("0190A0B2", 9))[0].task_id == other.task_id

    async def test_groups_are_the_largest_first_and_days_the_newest(self, store: Store) -> None:
        await filled(store)
        found, more = await store.groups("task_type", EVER, 1)
        assert [(key, figures.executions) for key, figures in found] == [("bug_fix", 5)]
        assert more == 1
        found, more = await store.groups("repo", EVER, 9)
        assert [(key, figures.success, figures.failure) for key, figures in found] == [
            ("x", 2, 0),
            ("y", 0, 1),
        ]
        found, _ = await store.groups("day", EVER, 9)
        assert [(key, figures.executions) for key, figures in found] == [
            ("2025-06-01", 4),
            ("2025-05-31", 2),
        ]

    async def test_outcomes_by_value(self, store: Store) -> None:
        await filled(store)
        wanted = ["a", "b", "c, d"]
        assert await store.outcomes("approach", EVER, wanted) == {
            "a": Endings(3, 1, 3.0, 1.0),
            "b": Endings(0, 1, 0.0, 1.0),
        }
        assert await store.outcomes("day", EVER, ["2025-05-31"]) == {
            "2025-05-31": Endings(1, 0, 1.0, 0.0)
        }

    async def test_approaches_are_paired_with_the_others_of_their_task_type(
        self, store: Store
    ) -> None:
        await filled(store)
        first = Pairing("bug_fix", "a", Endings(2, 1, 2.0, 1.0), Endings(0, 1, 0.0, 1.0))
        second = Pairing("bug_fix", "b", Endings(0, 1, 0.0, 1.0), Endings(2, 1, 2.0, 1.0))
        assert await store.pairings(EVER, 9) == [first, second]
        assert await store.pairings(EVER, 1) == [first]

    async def test_buckets_are_the_steps_that_have_executions(self, store: Store) -> None:
        await filled(store)
        assert await store.buckets("day", EVER) == [
            Bucket(start=TODAY - DAY, success=1, failure=0, pending=1, success_weight=1.0),
            Bucket(
                start=TODAY,
                success=2,
                failure=2,
                pending=0,
                durations=3,
                duration_p50=20.0,
                duration_p95=29.0,
                cost_usd=4.5,
                success_weight=2.0,
                failure_weight=2.0,
            ),
        ]
        (month, _) = await store.buckets("month", EVER)
        assert month.start == datetime(2025, 5, 1, tzinfo=UTC)
        assert [one.start.hour for one in await store.buckets("hour", EVER)] == [12, 12]

    async def test_a_listing_is_the_latest_first(self, store: Store) -> None:
        rows = await filled(store)
        page, total = await store.listing(EVER, 2, 3)
        assert total == 6
        assert [one.task_id for one in page] == [rows[0].task_id, rows[5].task_id]
        assert page[0].recorded_at == NOW
        assert (page[0].outcome, page[0].repo, page[0].cost_usd) == ("success", "x", 2.0)

    async def test_a_listing_can_be_sorted_and_is_without_a_value_last(self, store: Store) -> None:
        rows = [one.task_id for one in await filled(store)]
        page, _ = await store.listing(EVER, 9, 0, "duration_seconds", descending=True)
        assert [one.task_id for one in page[:3]] == [rows[2], rows[1], rows[0]]
        page, _ = await store.listing(EVER, 2, 1, "duration_seconds", descending=False)
        assert [one.task_id for one in page] == [rows[1], rows[2]]
        page, _ = await store.listing(EVER, 9, 0, "outcome", descending=False)
        assert [one.outcome for one in page] == [*["failure"] * 2, *["success"] * 3, "pending"]

    async def test_a_listing_can_be_of_a_text_or_of_one_task(self, store: Store) -> None:
        first = await record(store, task_description="Mend the Straße lamp")
        again = await record(store, task_description="Mend the Straße lamp", outcome="failure")
        other = await record(store, task_description="else", solution_summary="100% a_LAMP")

        async def listed(**values: Any) -> set[UUID]:
            page, total = await store.listing(EVER._replace(**values), 9, 0)
            assert total == len(page)
            return {one.task_id for one in page}

        every = {first.task_id, again.task_id, other.task_id}
        assert await listed(text="Lamp") == every
        assert await listed(text="straße l") == {first.task_id, again.task_id}
        assert await listed(text="100% A_l") == {other.task_id}
        assert await listed(text="a%lamp") == set()
        assert await listed(text=str(again.task_id)) == {again.task_id}
        assert await listed(same_task=again.task_id) == {first.task_id, again.task_id}
        assert await listed(same_task=uuid4()) == set()

    async def test_choices_and_the_extent(self, store: Store) -> None:
        await filled(store)
        assert await store.choices("repo", 9) == [
            FilterValue(value="x", executions=2),
            FilterValue(value="y", executions=1),
        ]
        assert await store.choices("task_type", 1) == [FilterValue(value="bug_fix", executions=5)]
        assert await store.extent() == Extent(6, NOW - DAY)

    async def test_ended_executions_with_a_vector_are_the_last_ones_oldest_first(
        self, store: Store
    ) -> None:
        rows = await filled(store)
        await embed(store, 0, 1, 2, 3, 4, 5)
        late = await record(store, approach="a")  # has no vector
        found = await store.history("approach", 9, complete=False)
        # By time and then by change: the successes of yesterday come first.
        assert [one.label for one in found] == ["a", "a", "a", "a", "b"]
        assert [one.success for one in found] == [True, True, True, False, False]
        assert found[0].task_type == "test"
        assert found[1].repo == "x"
        assert found[1].vector is not None
        assert found[1].vector.tolist() == units(0)[0].tolist()
        assert found[-1].recorded_at == NOW.replace(tzinfo=None)
        assert found[0].texts[0] == rows[0].task_description == late.task_description
        latest = await store.history("approach", 2, 1, complete=False)
        assert [one.label for one in latest] == ["a", "a"]

    async def test_a_complete_history_has_what_is_pending_or_unnamed_or_not_embedded(
        self, store: Store
    ) -> None:
        pending = await record(store, outcome="pending")
        won = await record(store, approach="a")
        await rate(store, won.task_id, helpful=False)
        await rate(store, won.task_id, accepted=True)
        await rate(store, pending.task_id, accepted=True)  # of what? It hasn't ended
        found = await store.history("approach", 9)
        assert [(one.label, one.success, one.vector) for one in found] == [
            (pending.approach or "", None, None),
            ("a", True, None),
        ]
        assert found[0].votes == ()
        assert sorted(pro for _, pro in found[1].votes) == [False, True]
        assert await store.history("approach", 9, complete=False) == []

    async def test_votes_come_from_feedback_and_from_tasks_that_used_it(self, store: Store) -> None:
        won, lost = await record(store), await record(store, outcome="failure")
        await rate(store, won.task_id, helpful=False, rating=5)  # what helped goes first
        await rate(store, won.task_id, rating=4)
        await rate(store, won.task_id, rating=3)  # neither
        await rate(store, lost.task_id, accepted=False)  # agrees with the failure
        await rate(store, lost.task_id, rating=5)
        for outcome in ("success", "success", "failure", "pending"):
            await record(store, outcome=outcome, used=[won.task_id])
        assert await store.votes() == {won.task_id: Vote(3.0, 2.0), lost.task_id: Vote(1.0, 1.0)}
        assert (await get(store, won.task_id)).vote == Vote(3.0, 2.0)

    async def test_uses_are_counted_with_how_the_tasks_ended(self, store: Store) -> None:
        one = await record(store, task_description="one " * 200)
        two = await record(store, outcome="failure", recorded_at=NOW - 9 * DAY)
        await record(store, used=[one.task_id, two.task_id])
        await record(store, outcome="failure", used=[one.task_id])
        await record(store, outcome="pending", used=[one.task_id])
        await store.add_recalls({one.task_id: 2, two.task_id: 1}, NOW)
        await store.add_recalls({one.task_id: 1}, NOW)
        await store.add_recalls({uuid4(): 5}, NOW)  # deleted meanwhile
        assert await store.use_counts(EVER) == UseCounts(
            with_use=Endings(1, 1, 1.0, 1.0),
            without_use=Endings(1, 1, 1.0, 1.0),
            links=4,
            recalls=4,
            executions_recalled=2,
        )
        recent = Period(TODAY, TODAY + DAY)
        assert (await store.use_counts(recent)).without_use == Endings(1, 0, 1.0, 0.0)
        first, second = await store.most_used(recent, 9)
        assert first.task_description == one.task_description[: len(first.task_description)]
        assert (first.outcome, first.uses, first.success, first.failure) == ("success", 3, 1, 1)
        assert second == Used(
            task_id=two.task_id,
            task_description=two.task_description,
            outcome="failure",
            uses=1,
            success=1,
            failure=0,
        )
        assert [use.task_id for use in await store.most_used(EVER, 1)] == [one.task_id]
        assert (await get(store, one.task_id)).times_recalled == 3
