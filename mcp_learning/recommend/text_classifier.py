"""Predicts a label from a description: the type of a task, or of the error with which it may fail.

A vector depends more on the modules and things that a task names than on what is to be done with
them, so that the nearest tasks often have other labels. Ridge regression finds the directions in
which labels differ: one linear function per label, fitted by least squares to 1 for tasks with that
label and 0 for others. A softmax turns their values into probabilities; its slope is the one that
best predicts each task from all others. If texts say nothing about the label it is 0, and nothing
is predicted.

Sources: R. Rifkin and A. Klautau, "In defense of one-vs-all classification", Journal of Machine
Learning Research 5 (2004), 101-141; leave-one-out values in closed form: D. Allen, "The
relationship between variable selection and data augmentation and a method for prediction",
Technometrics 16 (1974), 125-127; the slope: C. Guo et al., "On calibration of modern neural
networks", ICML 2017 (temperature scaling).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcp_learning.recommend.belief import Floats
from mcp_learning.recommend.evidence import Ints
from mcp_learning.search.metric import first_of_each
from mcp_learning.search.snapshot import Snapshot

RIDGE = 0.3
"""Penalty on the squares of the coefficients; vectors have norm 1. Measured (docs/learning.md)."""

_SLOPES = (0.0, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0)


@dataclass(frozen=True)
class TextClassifier:
    """Predicts the labels of tasks from the vectors of their descriptions.

    Attributes:
        names: The k labels.
        origin: (dimension,) mean of the vectors learned from.
        slopes: (dimension, k) coefficients, multiplied by the slope of the softmax.
        usual: (k,) logarithms of the labels' frequencies.
    """

    names: Sequence[str]
    origin: Floats
    slopes: Floats
    usual: Floats

    @classmethod
    def of(cls, snapshot: Snapshot, rows: Ints, column: str) -> "TextClassifier | None":
        """Learns from the latest tasks that have a label.

        Args:
            snapshot: The rows.
            rows: (n,) rows of the executions, latest first.
            column: Column of the labels, one of `store.types.CODED`.
        """
        view, labels = snapshot.view, np.array(snapshot.labels(column), object)
        rows = rows[first_of_each(view["task_key"][rows])]
        names = labels[view[column][rows]]
        labelled = names != ""
        return cls.learned(snapshot.vectors[rows[labelled]], names[labelled])

    @classmethod
    def learned(
        cls, vectors: NDArray[np.float32], labels: Sequence[str]
    ) -> "TextClassifier | None":
        """Learns from n different tasks; None if their vectors don't predict their labels.

        Args:
            vectors: (n, dimension) float32, L2-normalised.
            labels: Their n labels.
        """
        names, number = np.unique(np.array(labels, object), return_inverse=True)
        if len(names) < 2:
            return None
        count = len(vectors)
        origin = vectors.mean(axis=0, dtype=np.float64)
        centred = vectors - origin
        member = np.eye(len(names))[number]
        share = member.mean(axis=0)
        inverse = np.linalg.inv(centred.T @ centred + RIDGE * np.eye(len(origin)))
        projected = centred @ inverse
        coefficients = projected.T @ (member - share)
        leverage = 1 / count + np.einsum("ij,ij->i", projected, centred)
        residual = member - share - centred @ coefficients
        left_out = member - share - residual / (1 - leverage)[:, None]
        others = np.log((count * share - member + 0.5) / (count - 1 + 0.5 * len(names)))
        taken = np.arange(count), number
        fits = [_log_softmax(slope * left_out + others)[taken].mean() for slope in _SLOPES]
        slope = _SLOPES[int(np.argmax(fits))]
        usual = np.log((count * share + 0.5) / (count + 0.5 * len(names)))
        return cls(names.tolist(), origin, slope * coefficients, usual) if slope else None

    def probabilities(self, vector: NDArray[np.float32] | None) -> Mapping[str, float]:
        """The probability of each label for a task.

        Args:
            vector: (dimension,) float32, L2-normalised, of the task; None: the result is empty.
        """
        if vector is None:
            return {}
        logs = _log_softmax((vector - self.origin) @ self.slopes + self.usual)
        return dict(zip(self.names, np.exp(logs).tolist(), strict=True))


def _log_softmax(values: Floats) -> Floats:
    """(…, k) logarithms of probabilities."""
    values = values - values.max(axis=-1, keepdims=True)
    return np.asarray(values - np.log(np.exp(values).sum(axis=-1, keepdims=True)))
