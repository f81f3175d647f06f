"""Answers searches and recommendations."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import anyio.to_thread

from mcp_learning.embed.recipe import ONE_PASSAGE, passages
from mcp_learning.models.requests import FindSimilarTasks, RecommendApproach
from mcp_learning.models.results import Advice, Match, Recommendation, SearchInfo, SimilarTasks
from mcp_learning.store.types import Shown, Vote

if TYPE_CHECKING:
    from mcp_learning.search.found import Ranked
    from mcp_learning.service.indexer import Indexer


async def similar_tasks(indexer: "Indexer", request: FindSimilarTasks) -> SimilarTasks:
    """The most similar earlier tasks that pass the filters and are relevant, best first."""
    found, texts = await indexer.searches.search(
        request.task_description,
        filters=request.filters,
        limit=request.limit,
        floor=request.min_similarity,
        mode=request.mode,
    )
    reason = indexer.shortcoming
    info = SearchInfo(
        mode=found.mode,
        candidates=found.candidates,
        embedder=indexer.embedder.model,
        degraded=reason is not None,
        reason=reason,
        below_floor=found.below_floor,
    )
    shown = [one for one in found.ranked if one.sequence in texts]
    quoted = await _passages(request.task_description, shown, texts)
    matches = [_match(one, texts, passage) for one, passage in zip(shown, quoted, strict=True)]
    return SimilarTasks(matches=matches, search=info)


async def recommendation(
    indexer: "Indexer", request: RecommendApproach, votes: Mapping[UUID, Vote]
) -> Recommendation:
    """How options ended on similar tasks; its note says if executions still lack vectors."""
    result = await indexer.searches.recommend(request, votes)
    more = []
    for task in request.more_tasks:
        further = request.model_copy(update={"task_description": task})
        found = await indexer.searches.recommend(further, votes)
        values = {name: getattr(found, name) for name in Advice.model_fields}
        more.append(Advice(**values | {"pitfalls": []}))
    result = result.model_copy(update={"more": more})
    if not indexer.retriever.rows.unembedded:
        return result
    note = f"{result.basis.note}; {indexer.shortcoming}"
    return result.model_copy(update={"basis": result.basis.model_copy(update={"note": note})})


async def _passages(
    question: str, shown: "Sequence[Ranked]", texts: Mapping[int, Shown]
) -> list[str | None]:
    """The passage that matched of each long description; None for short ones."""
    descriptions = [texts[one.sequence].task_description for one in shown]
    if all(len(text.encode()) <= ONE_PASSAGE for text in descriptions):
        return [None] * len(shown)
    from mcp_learning.search.lexical.terms import shared_terms  # loaded with the indexer by now

    def quote(one: "Ranked", text: str) -> str | None:
        parts = passages(text)
        if len(parts) < 2:
            return None
        if one.passage is None or one.matched_by == "words":
            return max(parts, key=lambda part: shared_terms(question, part))
        return parts[min(one.passage, len(parts) - 1)]

    return await anyio.to_thread.run_sync(lambda: list(map(quote, shown, descriptions)))


def _match(ranked: "Ranked", texts: Mapping[int, Shown], passage: str | None) -> Match:
    fix = None if ranked.fix is None else texts.get(ranked.fix)
    return Match(
        **texts[ranked.sequence].summary(),
        similarity=round(ranked.similarity, 4),
        confidence=ranked.confidence,
        matched_by=ranked.matched_by,
        runs=ranked.runs,
        passage=passage,
        fix=None if fix is None else fix.solution_summary,
        fix_task_id=None if fix is None else fix.task_id,
        superseded_by=ranked.superseded_by,
    )
