"""What is alike in a history that grows, task by task, as recommendations see it."""

import numpy as np
from numpy.typing import NDArray

from mcp_learning.recommend.evidence import Ints
from mcp_learning.recommend.posterior import Floats
from mcp_learning.search import relevance_feedback
from mcp_learning.search.metric import Metric, first_of_each, watermark


class Growing:
    """A history of embedded executions, each with the metric that was to be had by then.

    Args:
        vectors: (n, dimension) float32, L2-normalised, of all that is going to be compared.
        noise: `Embedder.floor` of the model that made them.
    """

    def __init__(self, vectors: NDArray[np.float32], noise: float) -> None:
        self._vectors, self._noise, self._upto = vectors, noise, 0
        self._use(Metric.plain(vectors.shape[1], noise))

    def alike(
        self, plain: NDArray[np.float32], vector: NDArray[np.float32], rows: Ints, tasks: Ints
    ) -> Floats:
        """(m,) float64, 0..1, of the m executions so far: likeness to the task at hand.

        Args:
            plain: (m,) float32, 0..1, similarities with it.
            vector: (dimension,) float32, L2-normalised, its own.
            rows: (m,) the place in `vectors` of each execution, oldest first.
            tasks: (m,) equal for runs of one task.
        """
        upto = watermark(len(rows))
        if upto != self._upto:
            sample = first_of_each(tasks[:upto][::-1])
            self._use(Metric.learned(self._vectors[rows[:upto][::-1][sample]], self._noise))
            self._upto = upto
        norms = self._norms[rows]
        found = relevance_feedback.kind_similarities(
            plain, vector, self._vectors, rows, self._metric, norms
        )
        return found.astype(np.float64)

    def _use(self, metric: Metric) -> None:
        self._metric, self._norms = metric, metric.norms(self._vectors)
