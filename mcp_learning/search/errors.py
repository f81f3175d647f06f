"""Finds recorded errors that a question quotes.

The more often an error occurs, the less informative are its words. But all its occurrences have one
normal form (`models.error_messages`), and among the distinct forms its phrases are rare. So a
question is compared with each form once, however many executions have it.
"""

import re
from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mcp_learning.models.error_messages import normal_form
from mcp_learning.search.lexical.terms import phrases

MOST_FORMS = 20_000
"""Forms that are compared, the first ones. Where there are more, most errors are rare and are found
by their words."""

QUOTED = 0.75
"""A question quotes an error whose form has at least this share of the question's phrases."""

PART = 0.25
"""A question with all phrases of a form quotes it if they are at least this share of the question's
phrases; otherwise it merely mentions a common phrase."""

_PLACEHOLDERS = re.compile(r"<(?:url|value|id|hex|path|n)>")


class ErrorForms:
    """The phrases of the normal forms of errors, by their code. Not thread-safe: its owner locks.

    Args:
        most: See `MOST_FORMS`.
    """

    def __init__(self, most: int = MOST_FORMS) -> None:
        self._most = most
        self._codes: dict[int, array[int]] = {}  # by phrase
        self._sizes = array("i")

    def follow(self, forms: Sequence[str]) -> None:
        """Adds forms that are new.

        Args:
            forms: All forms by code; the list only grows from call to call.
        """
        for code in range(len(self._sizes), min(len(forms), self._most)):
            found = _phrases(forms[code])
            self._sizes.append(len(found))
            for phrase in found:
                self._codes.setdefault(phrase, array("i")).append(code)

    def quoted_by(self, question: str) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The forms that a question quotes.

        Returns:
            (m,) int32 codes, ascending, and (m,) float32, 0..1: the Dice coefficient of the phrases
            of form and question (L. Dice, 1945).
        """
        asked = _phrases(normal_form(question)) if self._codes else frozenset()
        shared = [np.array(self._codes[one], np.int32) for one in asked if one in self._codes]
        if not shared or len(shared) < PART * len(asked):
            return np.empty(0, np.int32), np.empty(0, np.float32)
        codes, counts = np.unique(np.concatenate(shared), return_counts=True)
        sizes = np.array(self._sizes)[codes]
        all_of_it = (counts == sizes) & (sizes >= PART * len(asked))
        quoted = all_of_it | (counts >= QUOTED * len(asked))
        overlaps = (2 * counts / (sizes + len(asked))).astype(np.float32)
        return codes[quoted], overlaps[quoted]


def _phrases(form: str) -> frozenset[int]:
    return phrases(_PLACEHOLDERS.sub(" ", form))
