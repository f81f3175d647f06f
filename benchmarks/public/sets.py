"""Public data sets in a directory, each found by what its files hold."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.calibration.questions import Pairs, Question, load
from mcp_learning.errors import LearningError
from mcp_learning.models.identifiers import task_key

BORROWED = 100
"""Questions of the other sets that are asked about a set without unrelated ones of its own."""

_TURNS, _EVIDENCE = re.compile(r"session_(\d+)"), re.compile(r"D:?(\d+):\d+")


@dataclass(frozen=True)
class PublicSet:
    """One data set.

    Attributes:
        name: Of the set.
        records: n different texts, at least one.
        questions: Each with the positions of the records that answer it, at least one.
        unrelated: Questions that no record answers.
        borrowed: Whether the unrelated questions are those of other sets.
    """

    name: str
    records: list[str]
    questions: list[tuple[str, frozenset[int]]]
    unrelated: list[str]
    borrowed: bool = False


def find(directory: Path) -> list[PublicSet]:
    """The sets in a directory and those below it; other files are ignored.

    A set without unrelated questions gets some of every other set, evenly spaced.

    Raises:
        LearningError: There is none, or a pairs file is wrong.
    """
    found, conversations = [], []
    for path in sorted(directory.rglob("*.json")):
        content = _json(path.read_text("utf-8", errors="replace"))
        if isinstance(content, dict) and {"memories", "queries"} <= content.keys():
            found.append(_devbench(content))
        else:
            samples = content if isinstance(content, list) else [content]
            conversations += [one for one in samples if isinstance(one, dict) and "qa" in one]
    if conversations:
        found.append(_locomo(conversations))
    for path in sorted(directory.rglob("*.jsonl")):
        with path.open(encoding="utf-8", errors="replace") as lines:
            first = _json(next(lines, ""))
        if isinstance(first, dict) and first.get("kind") in ("record", "query"):
            found.append(_made(f"pairs of {path.name}", load(path)))
    if not found:
        raise LearningError(
            f"{directory}: no data set found; `python -m benchmarks public --help` says where to "
            "get them"
        )
    return [one if one.unrelated else _lend(one, found) for one in found]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        return None


def _devbench(content: dict[str, Any]) -> PublicSet:
    records = {one["id"]: one["content"] for one in content["memories"]}
    asked = [(one["question"], one["expected_tags"]) for one in content["queries"]]
    pairs = [Question(text, frozenset(tags)) for text, tags in asked if tags]
    return _made("DevBench", Pairs(records, pairs), [text for text, tags in asked if not tags])


def _locomo(conversations: Iterable[dict[str, Any]]) -> PublicSet:
    """All sessions of all conversations in one store; questions without evidence are left out."""
    records: dict[str, str] = {}
    questions = []
    for number, sample in enumerate(conversations):
        turns = sample.get("conversation", sample)
        for key in turns:
            if (session := _TURNS.fullmatch(key)) and turns[key]:
                lines = [f"{one['speaker']}: {one['text']}" for one in turns[key]]
                records[f"{number} {session[1]}"] = "\n".join(lines)
        for one in sample["qa"]:
            named = _EVIDENCE.findall(" ".join(one.get("evidence") or []))
            ids = frozenset(f"{number} {int(session)}" for session in named)
            if ids & records.keys():
                questions.append(Question(one["question"], ids & records.keys()))
    return _made("LoCoMo", Pairs(records, questions))


def _made(name: str, pairs: Pairs, unrelated: Iterable[str] = ()) -> PublicSet:
    """Texts that are the same to the product become one record, for every way to search."""
    place: dict[int, int] = {}
    texts: list[str] = []
    for text in pairs.records.values():
        if place.setdefault(task_key(text), len(texts)) == len(texts):
            texts.append(text)
    at = {name: place[task_key(text)] for name, text in pairs.records.items()}
    questions = [(one.text, frozenset(at[i] for i in one.relevant)) for one in pairs.questions]
    return PublicSet(name, texts, questions, list(unrelated))


def _lend(to: PublicSet, sets: Iterable[PublicSet]) -> PublicSet:
    lent: list[str] = []
    for one in sets:
        if one is not to:
            step = max(1, len(one.questions) // BORROWED)
            lent += [text for text, _ in one.questions[::step][:BORROWED]]
    return replace(to, unrelated=lent, borrowed=True)
