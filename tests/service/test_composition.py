"""What differs only in how Unicode composes its letters is the same wherever it is compared."""

import unicodedata

import pytest
from service.examples import record
from services import open_service

from mcp_learning.models.requests import (
    FindSimilarTasks,
    ForgetExecutions,
    LearningStats,
    RecommendApproach,
    SuggestValues,
)
from mcp_learning.models.results import SimilarTasks
from mcp_learning.settings import Settings

pytestmark = pytest.mark.anyio

TASK = "Vérifier le café à l'étape d'après"


def decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


async def test_labels_tasks_and_words_are_one_in_all_their_forms(settings: Settings) -> None:
    service = open_service(settings)
    labels = {"task_type": "vérif", "repo": "équipe/café", "approach": "réessai"}
    other = {name: decomposed(label) for name, label in labels.items()}
    await record(service, TASK, **labels)
    await record(service, decomposed(TASK), **other)
    await record(service, "Un thé à l'étape d'avant", approach="attendre")
    for message in ("délai dépassé à la clôture", decomposed("délai dépassé à la clôture")):
        failed = {"outcome": "failure", "error_message": message}
        await record(service, "Fermer", approach="attendre", **failed)
    await service.ready()

    async def found(text: str, **filters: str) -> SimilarTasks:
        asked = {"task_description": text, **filters}
        return await service.find(FindSimilarTasks.model_validate(asked))

    try:
        for filters in (labels, other):
            (match,) = (await found(decomposed(TASK), **filters)).matches
            assert match.runs.total == 2, "two runs of one task"
            assert match.matched_by == "both"
            assert (match.approach, match.repo) == ("réessai", "équipe/café")
        composed = await found("le café")
        assert (
            composed.matches[0].matched_by
            == (await found(decomposed("le café"))).matches[0].matched_by
        )
        assert composed.matches[0].similarity == pytest.approx(
            (await found(decomposed("le café"))).matches[0].similarity
        )

        options = (await service.recommend(RecommendApproach(task_description=TASK))).options
        assert [(one.label, one.executions) for one in options][:1] == [("réessai", 2)]
        stats = await service.stats(LearningStats(group_by="approach"))
        assert ("réessai", 2) in [(group.key, group.executions) for group in stats.groups]
        assert [pattern.failures for pattern in stats.failures] == [2]
        prefix = SuggestValues(column="approach", prefix=decomposed("ré"))
        assert (await service.suggest(prefix)).values == ["réessai"]
        forget = ForgetExecutions(task_type=decomposed("vérif"))
        assert (await service.forget(forget)).executions == 2
    finally:
        await service.close()
