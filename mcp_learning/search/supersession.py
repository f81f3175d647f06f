"""Finds later tasks that supersede a match, and puts them before it.

A later execution names the one that it supersedes, or supersession is inferred: it is of the same
repository, didn't fail, contains a word of change (a cue), and is about the same subject. Subjects
are compared by meaning and by words, since two rules of one kind are near each other in meaning.
The plainer the cue, the less similar they have to be.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mcp_learning.search.catalog import OUTCOMES
from mcp_learning.search.found import Found, Ranked
from mcp_learning.search.lexical.terms import TokenisedQuery, count_terms
from mcp_learning.search.snapshot import Snapshot
from mcp_learning.store.types import Shown

_PLAINLY = (
    "amend amendment supersede overrule overturn rescind revoke obsolete "
    "nachtrag abgelöst überholt ersetzt remplace abroge sustituye enmienda "
    "取代 作废 作廢 修订 修訂 改訂 廃止"
)
_PERHAPS = (
    "instead anymore longer replace switch reverse revise revisit reconsider override rather "
    "stattdessen künftig 改为 改為 改成 不再"
)
CUES = f"{_PLAINLY} {_PERHAPS}"
"""Words of change."""


_MOST_COMPARED = 1_000
"""Most rows that a match is compared with, in some milliseconds: the latest."""


class _Cue(NamedTuple):
    """Words of change, and how similar a task with one of them has to be.

    Attributes:
        terms: (m,) int64, the words.
        meaning: Least cosine of the nearest passages, 0..1.
        coverage: Least `LexicalScores.coverage` of the earlier task's words, 0..1.
    """

    terms: NDArray[np.int64]
    meaning: float
    coverage: float


_CUES = (
    _Cue(np.array(sorted(count_terms(_PLAINLY)), np.int64), 0.45, 0.3),
    _Cue(np.array(sorted(count_terms(_PERHAPS)), np.int64), 0.7, 0.6),
)
"""The similarities were chosen on past conversations, three of which amend another one."""


class Later(NamedTuple):
    """A superseding row, and whether it names the earlier one itself (else it is inferred)."""

    row: int
    is_told: bool


class KnownLater:
    """What supersedes each row, as far as it was looked for since rows or words last changed.

    Of rows that are a sample (`SampledRows`) nothing is remembered, since what their words are
    worth also changes without them.
    """

    def __init__(self) -> None:
        # One tuple, since several threads replace it.
        self._last: tuple[tuple[int, int], dict[int, Later | None]] = (-1, -1), {}

    def of(self, snapshot: Snapshot) -> dict[int, Later | None]:
        """The superseding rows by row, to be completed; None: nothing supersedes the row."""
        if snapshot.words.sample is not None:
            return {}
        now = snapshot.view.revision, len(snapshot.words)
        state, rows = self._last
        if state != now:
            rows = {}
            self._last = now, rows
        return rows


class Supersession:
    """Supersession among the rows of a snapshot.

    Args:
        snapshot: The rows.
        known: What was found in them before.
    """

    def __init__(self, snapshot: Snapshot, known: KnownLater) -> None:
        self._snapshot = snapshot
        self._later = known.of(snapshot)

    def latest_first(
        self,
        found: Found,
        texts: Mapping[int, Shown],
        limit: int,
        describe: Callable[[int], Ranked | None],
    ) -> Found:
        """The result with superseding tasks before those that they supersede.

        A superseded match gets `superseded_by` and is only possible. The one that supersedes it
        becomes likely if the superseded one was, unless supersession is inferred.

        Args:
            found: The result of a search.
            texts: Texts by change number; a match without one stays unchanged.
            limit: Tasks wanted, at least 1.
            describe: Makes a match of a row; None if the row isn't to be shown.
        """
        order: dict[UUID, Ranked] = {}
        known = {one.task_id: one for one in found.ranked}
        self._look_for({one.row: texts.get(one.sequence) for one in found.ranked})
        for one in found.ranked:
            later = self._later.get(one.row)
            if later is None:
                order.setdefault(one.task_id, one)
                continue
            by = self._snapshot.view.task_id(later.row)
            match = known.get(by) or describe(later.row)
            if match is not None:
                if later.is_told and one.confidence == "likely":
                    match = replace(match, confidence="likely")
                order.setdefault(match.task_id, match)
            order[one.task_id] = replace(one, superseded_by=by, confidence="possible")
        return replace(found, ranked=list(order.values())[:limit])

    @cached_property
    def _told(self) -> dict[str, int]:
        """The code of each execution that another one names as superseded."""
        return {text: code for code, text in enumerate(self._snapshot.labels("supersedes"))}

    def _look_for(self, texts: Mapping[int, Shown | None]) -> None:
        """Finds what supersedes these rows, given by their texts, unless it is known."""
        wanted = {
            row: text for row, text in texts.items() if text is not None and row not in self._later
        }
        if not wanted:
            return
        rows = np.array(list(wanted), np.int64)
        near = [
            self._near(rows, cue, self._settled(self._snapshot.words.rows_with(cue.terms)))
            for cue in _CUES
        ]
        for (row, text), *near_one in zip(wanted.items(), *near, strict=True):
            self._later[row] = self._latest(row, near_one, text)

    def _latest(self, row: int, near: Sequence[NDArray[np.int64]], text: Shown) -> Later | None:
        """The row that supersedes a row in the end; None: none does."""
        told = self._told_later(row)
        if told is None:
            inferred = self._inferred_later(near, text)
            return None if inferred is None else Later(self._end(row, inferred), False)
        return Later(self._end(row, told), True)

    def _end(self, earlier: int, row: int) -> int:
        """The end of the chain of rows that name the one that they supersede.

        Rows of the same time may supersede each other; the chain ends before a cycle closes.
        """
        seen = {earlier, row}
        while (later := self._told_later(row)) is not None and later not in seen:
            row = later
            seen.add(row)
        return row

    def _told_later(self, row: int) -> int | None:
        """The latest living row that names a run of the row's task as superseded."""
        if len(self._told) == 1:
            return None
        view = self._snapshot.view
        runs = self._snapshot.runs(int(view["task_key"][row]))
        named = [
            code
            for run in runs.tolist()
            if (code := self._told.get(str(view.task_id(run)))) is not None
        ]
        if not named:
            return None
        rows = np.flatnonzero(np.isin(view["supersedes"], named) & view["alive"])
        rows = rows[(view["task_key"][rows] != view["task_key"][row])]
        rows = rows[view["timestamp"][rows] >= view["timestamp"][runs].max()]
        return int(rows[view["timestamp"][rows].argmax()]) if len(rows) else None

    def _inferred_later(self, near: Sequence[NDArray[np.int64]], text: Shown) -> int | None:
        """The latest of the near rows that is about the same subject by words, too.

        Args:
            near: For each cue, (m,) rows from `_near`.
            text: The texts of the earlier execution.
        """
        if not any(map(len, near)):
            return None
        content = f"{text.task_description}\n{text.solution_summary or ''}"
        scores = self._snapshot.words.score(TokenisedQuery.of(content))
        coverage = self._snapshot.coverage(scores.coverage)
        later = np.concatenate(
            [rows[coverage[rows] >= cue.coverage] for cue, rows in zip(_CUES, near, strict=True)]
        )
        return int(later[self._snapshot.view["timestamp"][later].argmax()]) if len(later) else None

    def _settled(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of the rows that are in the snapshot, alive and no failures."""
        view = self._snapshot.view
        rows = rows[rows < len(view)]
        fits = view["alive"][rows] & (view["outcome"][rows] != OUTCOMES.index("failure"))
        return np.asarray(rows[fits])

    def _near(
        self, rows: NDArray[np.int64], cue: _Cue, cued: NDArray[np.int64]
    ) -> list[NDArray[np.int64]]:
        """For each of k rows, the later ones of (m,) cued rows that are near in meaning.

        Only rows of the same repository and another task count.
        """
        if not (len(rows) and len(cued)):
            return [cued] * len(rows)
        repos, times, keys = (
            self._snapshot.view[name] for name in ("repo", "timestamp", "task_key")
        )
        after = (times[cued] > times[rows, None]) & (keys[cued] != keys[rows, None])
        for code in set(repos[rows].tolist()):
            same = np.array(self._snapshot.same_repository(code), np.int32)
            after[repos[rows] == code] &= (repos[cued, None] == same).any(axis=1)
        if len(cued) > _MOST_COMPARED:
            for one in after:
                found = np.flatnonzero(one)
                one[found[np.argsort(times[cued[found]])[:-_MOST_COMPARED]]] = False
        compared = np.flatnonzero(after.any(axis=0))
        after[:, compared] &= self._meanings(rows, cued[compared]) >= cue.meaning
        return [cued[one] for one in after]

    def _meanings(self, rows: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.float32]:
        """(k, m) greatest cosines over the passages of k rows and m others."""
        (mine, vectors), (theirs, with_them) = map(self._snapshot.passages_of, (rows, others))
        products = np.maximum.reduceat(vectors @ with_them.T, mine, axis=0)
        return np.asarray(np.maximum.reduceat(products, theirs, axis=1))
