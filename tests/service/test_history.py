"""A replay of recorded executions: it says of each task what the service said when it was asked."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest
from service.examples import record

from benchmarks.worlds import families
from mcp_learning.models.dashboard import HistoryEntry
from mcp_learning.models.maintenance import EmbedMissing
from mcp_learning.models.requests import Dimension, RecommendApproach, SubmitFeedback
from mcp_learning.models.results import Recommendation
from mcp_learning.models.transfer import ImportBatch, PastExecution
from mcp_learning.recommend.replay import Prediction, predictions
from mcp_learning.service.history import latest, unpacked
from mcp_learning.service.learning import LearningService
from mcp_learning.service.protocol import ignore_progress

pytestmark = pytest.mark.anyio

APPROACHES = ("Write a test first", "write-a-test-first", "bisect", "read the log", "ask around")
REPOS = ("acme/shop", "acme/blog", None)


def past_executions(number: int, seed: int) -> Iterator[PastExecution]:
    """Executions of twenty kinds of tasks in the last 100 days, some of them the same task again.

    Some are pending, and some name no approach. Some use earlier ones, and some have feedback.
    """
    rng = Random(seed)
    kinds = families.descriptions(seed)
    start = datetime.now(UTC) - timedelta(days=100)
    known: list[UUID] = []
    for place in range(number):
        at = start + timedelta(days=100 * place / number)
        kind = rng.randrange(len(kinds))
        name = families.FAMILIES[kind]
        outcome = rng.choice(("success", "success", "failure", "pending"))
        failed = {"error_type": "timeout", "error_message": f"no answer from {name}"}
        won = {"solution_summary": f"found what was wrong with {name}"}
        execution = {
            "task_type": rng.choice((name, "chore")),
            "task_description": rng.choice(kinds[kind][:12]),
            "repo": rng.choice(REPOS),
            "approach": rng.choice((*APPROACHES, None)),
            "model_tier": rng.choice(("small", "large")),
            "outcome": outcome,
        }
        execution |= {"failure": failed, "success": won}.get(outcome, {})
        feedback = {
            "feedback_id": uuid4(),
            "submitted_at": at + timedelta(hours=1),
            **rng.choice(({"helpful": False}, {"rating": 5}, {"accepted": True}, {"rating": 3})),
        }
        used = {"task_id": rng.choice(known or [uuid4()]), "recorded_at": at}
        known.append(uuid4())
        yield PastExecution.model_validate(
            {
                "task_id": known[-1],
                "execution": execution,
                "recorded_at": at,
                "updated_at": at + timedelta(minutes=5),
                "feedback": [feedback] if rng.random() < 0.3 else [],
                "uses": [used] if rng.random() < 0.3 else [],
            }
        )


async def embed(service: LearningService) -> None:
    await service.embed_missing(EmbedMissing(), ignore_progress)


async def last_prediction(
    service: LearningService, by: Dimension
) -> tuple[Prediction, HistoryEntry]:
    await embed(service)
    noise, entries = await latest(service, by, 10_000)
    half_life = service.settings.evidence_half_life_days
    past = [unpacked(entry) for entry in entries]
    (found,) = predictions(past, by, noise, half_life, most=1)
    return found, entries[found.number]


def options_of(found: Prediction, limit: int) -> list[tuple[str, float, float, float, int, float]]:
    gathered, estimate = found.recommended.gathered, found.recommended.estimate
    return [
        (
            gathered.names[number],
            float(estimate.mean[number]),
            float(estimate.low[number]),
            float(estimate.high[number]),
            int(estimate.executions[number]),
            float(estimate.effective[number]),
        )
        for number in estimate.order[:limit].tolist()
    ]


@pytest.mark.timeout(180)
async def test_a_replay_predicts_what_the_service_said_of_the_task_before_it_was_recorded(
    service: LearningService,
) -> None:
    await service.import_batch(ImportBatch(records=list(past_executions(240, seed=1))))
    await embed(service)
    kinds = families.descriptions(1)
    first = await record(service, kinds[0][0], approach="bisect", repo="acme/shop")
    values: dict[str, Any] = {"approach": "read the log", "used_task_ids": [first.task_id]}
    await record(service, kinds[0][1], **values)
    pending = await record(service, kinds[0][2], approach="ask around", outcome="pending")
    await record(service, kinds[0][2], task_id=pending.task_id, outcome="failure")
    await service.feedback(SubmitFeedback(task_id=first.task_id, helpful="yes").identified())
    for turn, text in enumerate((kinds[0][3], kinds[0][0], kinds[5][1], kinds[9][40])):
        task = {"task_type": ("chore", "login")[turn % 2], "repo": "acme/shop"}
        dimensions: tuple[Dimension, ...] = ("approach", "model_tier")
        said = {}
        for by in dimensions:
            asked = RecommendApproach.model_validate({"task_description": text, "by": by} | task)
            said[by] = await service.recommend(asked)
        taken = {"approach": APPROACHES[turn], "model_tier": "small", "outcome": "failure"}
        await record(service, text, **task, **taken)
        for by in dimensions:
            found, entry = await last_prediction(service, by)
            assert entry.texts[0] == text
            assert_same(found, said[by], asked.limit)


def assert_same(found: Prediction, said: Recommendation, limit: int) -> None:
    expected = [
        (
            option.label,
            option.success_rate,
            option.interval_low,
            option.interval_high,
            option.executions,
            option.effective_n,
        )
        for option in said.options
    ]
    assert len(expected) >= 2
    for predicted, told in zip(options_of(found, limit), expected, strict=True):
        assert predicted[0] == told[0]
        assert predicted[1:4] == pytest.approx(told[1:4], abs=0.001)  # it tells three digits
        assert predicted[4] == told[4]
        assert predicted[5] == pytest.approx(told[5], abs=0.06)
    estimate = found.recommended.estimate
    assert round(estimate.global_rate, 3) == said.basis.overall_success_rate
    assert estimate.enough == (said.verdict == "evidence")
    assert found.recommended.gathered.known == said.basis.options_known
