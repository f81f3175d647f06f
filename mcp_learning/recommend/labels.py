"""Labels that differ only in spelling are one option.

Case, Unicode composition, white space, and the signs `-`, `_`, `/` and `.` between words don't
count: "Lock order", "lock-order" and "lock_order" are one. The spelling shown is the commonest, of
equally common ones the first in the order of characters. Words that mean the same stay apart: that
would be a guess.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcp_learning.models.folding import folded

_BETWEEN = re.compile(r"[\s\-_/.]+")


class Merged(NamedTuple):
    """m options out of n labels.

    Attributes:
        number: (n,) int64, the option of each label; -1 for an empty one.
        names: m spellings to show, in the order of their normalised forms.
    """

    number: NDArray[np.int64]
    names: list[str]


@lru_cache(maxsize=65_536)
def normalised(label: str) -> str:
    """What two spellings of one option have in common."""
    return _BETWEEN.sub(" ", folded(label)).strip() or label


def merge(labels: Sequence[str], used: NDArray[np.int32]) -> Merged:
    """Options out of labels.

    Args:
        labels: n different ones; the empty text is none.
        used: (k,) numbers of labels, one for each time that one was used.
    """
    times = np.bincount(used, minlength=len(labels)).tolist()
    spellings: dict[str, list[int]] = {}
    for code, label in enumerate(labels):
        if label and times[code]:
            spellings.setdefault(normalised(label), []).append(code)
    number = np.full(len(labels), -1, np.int64)
    names = []
    for option, key in enumerate(sorted(spellings)):
        codes = spellings[key]
        number[codes] = option
        names.append(labels[min(codes, key=lambda code: (-times[code], labels[code]))])
    return Merged(number, names)


def including(merged: Merged, labels: Sequence[str]) -> tuple[Merged, NDArray[np.int64]]:
    """The options with those of further labels, and (k,) the option of each of k such labels."""
    if not labels:
        return merged, np.zeros(0, np.int64)
    known = {normalised(name): number for number, name in enumerate(merged.names)}
    names = list(merged.names)
    numbers = []
    for label in labels:
        key = normalised(label)
        if key not in known:
            known[key] = len(names)
            names.append(label)
        numbers.append(known[key])
    return Merged(merged.number, names), np.array(numbers, np.int64)
