"""Merges labels that differ only in spelling into one option.

Case, Unicode composition, white space, and the signs `-`, `_`, `/` and `.` between words don't
count: "Lock order", "lock-order" and "lock_order" are one. The spelling shown is the commonest, of
equally common ones the first in the order of characters. Words that mean the same stay apart: that
would be a guess.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcp_learning.models.folding import normalised
from mcp_learning.models.requests import Choice
from mcp_learning.search.snapshot import Snapshot

PARTS = {"model_tier": "tier", "pool_type": "pool", "swarm_topology": "topology"}
"""Labels that are compared together as `routing`, and the words for them."""

_ROUTE = re.compile(  # a label may have commas itself
    "".join(rf"(?:(?:\A|, ){word} (?P<{field}>.+?))?" for field, word in PARTS.items()), re.DOTALL
)


class Merged(NamedTuple):
    """m options out of n labels.

    Attributes:
        number: (n,) int64, the option of each label; -1 for an empty one.
        names: m spellings to show, in the order of their normalised forms.
    """

    number: NDArray[np.int64]
    names: list[str]


def merge(labels: Sequence[str], used: NDArray[np.integer[Any]]) -> Merged:
    """Options out of labels.

    Args:
        labels: n distinct labels; the empty text is no label.
        used: (k,) number of the label of each use.
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


def choices(snapshot: Snapshot, by: Choice) -> tuple[list[str], NDArray[np.int64]]:
    """The choice in each row: the labels, and (all rows,) indexes into them.

    A label of `routing` names all parts that are given: "tier small, pool gpu".
    """
    if by != "routing":
        return snapshot.labels(by), snapshot.view[by].astype(np.int64)
    codes = np.stack([snapshot.view[name] for name in PARTS], axis=1).astype(np.int64)
    known = [snapshot.labels(name) for name in PARTS]
    keys = (codes[:, 0] * len(known[1]) + codes[:, 1]) * len(known[2]) + codes[:, 2]
    _, first, code = np.unique(keys, return_index=True, return_inverse=True)
    labels = []
    for row in codes[first].tolist():
        values = [values[one] for values, one in zip(known, row, strict=True)]
        named = zip(PARTS.values(), values, strict=True)
        labels.append(", ".join(f"{word} {value}" for word, value in named if value))
    return labels, code


def parts_of(name: str) -> dict[str, str]:
    """The labels that a choice of `routing` is made of, by the names of their fields."""
    found = _ROUTE.fullmatch(name)
    return {} if found is None else {part: one for part, one in found.groupdict().items() if one}


def parts(names: Sequence[str]) -> list[NDArray[np.int64]]:
    """For each of `PARTS`, (m,) numbers of its values in m choices of `routing`."""
    values = [parts_of(name) for name in names]
    return [
        np.unique([normalised(one.get(field, "")) for one in values], return_inverse=True)[1]
        for field in PARTS
    ]


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
