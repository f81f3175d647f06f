"""What a search looks at in each execution, computed one by one."""

from collections import Counter
from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray
from search.planted import Vectors
from store.rows import OUTCOMES

from mcp_learning.models.error_messages import normal_form
from mcp_learning.models.results import Execution
from mcp_learning.search import relevance
from mcp_learning.search.errors import ErrorForms
from mcp_learning.search.everyday import is_everyday
from mcp_learning.search.fusion import MAX_LEXICAL_WEIGHT
from mcp_learning.search.groups import AS_SIMILAR
from mcp_learning.search.lexical.terms import count_terms


def errors_quoted(living: list[Execution], question: str) -> dict[int, float]:
    """Which executions have an error that the question quotes, and how much of it."""
    forms = [normal_form(row.error_message or "") for row in living]
    known = ErrorForms()
    known.follow(forms)
    codes, overlaps = known.quoted_by(question)
    return dict(zip(codes.tolist(), overlaps.tolist(), strict=True))


def most_useful(
    runs: list[int],
    living: list[Execution],
    fused: Vectors,
    text: str,
    errors: Mapping[int, float],
) -> int:
    near = [at for at in runs if fused[at] >= fused[runs].max() - AS_SIMILAR]

    def usefulness(at: int) -> tuple[object, ...]:
        row = living[at]
        told = row.solution_summary is not None
        is_same, outcome = row.task_description == text, -OUTCOMES.index(row.outcome)
        return is_same, at in errors, outcome, told, row.recorded_at, at

    return max(near, key=usefulness)


@cache
def _counted(*texts: str | None) -> Counter[int]:
    return count_terms(*texts)


def terms(row: Execution) -> Counter[int]:
    texts = (row.task_description, row.solution_summary, row.error_type, row.error_message)
    return _counted(*texts)


def relevances(
    text: str,
    meanings: NDArray[np.float32],
    coverage: NDArray[np.float32],
    weight: float,
    unembedded: NDArray[np.bool_],
    eligible: int,
) -> NDArray[np.float32]:
    """Log odds that each row answers a query, before what is certain."""
    values = relevance.of_meaning(meanings, weight) + relevance.of_words(coverage, weight)
    values += np.float32(relevance.offset(weight, eligible))
    most = MAX_LEXICAL_WEIGHT
    alone = relevance.of_words(coverage, most) + np.float32(relevance.offset(most, eligible))
    values = np.where(unembedded, alone, values)
    return np.minimum(values, np.float32(relevance.UNCERTAIN)) if is_everyday(text) else values
