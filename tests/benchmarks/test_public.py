"""Public data sets: miniatures of each, found in a directory and searched in every way."""

import json
from pathlib import Path

import anyio
import pytest

from benchmarks.public import baselines, sets
from benchmarks.public.command import page
from benchmarks.public.measure import Figures, measure
from mcp_learning.embed.embedder import Embedder
from mcp_learning.errors import LearningError
from mcp_learning.settings import Settings

NOTES = {
    "n1": "Chose SQLite over PostgreSQL for storage since it needs no separate process",
    "n2": "Deadlocks in the worker pool came from a lock held while waiting for the queue",
    "n3": "The release script signs wheels before it uploads them to the package index",
}
ASKED = {
    "Why did we choose SQLite for storage?": ["n1"],
    "What caused the deadlocks in the worker pool?": ["n2"],
    "Which marinade suits grilled aubergines?": [],
}


def write(path: Path, *values: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(map(json.dumps, values)), encoding="utf-8")


def notes(path: Path) -> None:
    memories = [{"id": name, "content": text, "tags": [name]} for name, text in NOTES.items()]
    queries = [{"question": text, "expected_tags": tags} for text, tags in ASKED.items()]
    write(path, {"memories": memories, "queries": queries})


def conversation(path: Path) -> None:
    def turn(session: int, number: int, text: str) -> dict[str, str]:
        return {"speaker": "A", "dia_id": f"D{session}:{number}", "text": text}

    write(
        path,
        {
            "session_1_date_time": "noon",
            "session_1": [turn(1, 1, "I adopted a dog"), turn(1, 2, "He is called Biscuit")],
            "session_2": [turn(2, 1, "We went sailing on the lake")],
            "session_3": [],
            "qa": [
                {"question": "What is the dog called?", "evidence": ["D1:2"]},
                {"question": "What did they do?", "evidence": ["D:1:1; D2:01"]},
                {"question": "Who flew to the moon?", "evidence": []},
                {"question": "What is beyond the end?", "evidence": ["D3:1", "D9:1"]},
            ],
        },
    )


def pairs(path: Path) -> None:
    write(
        path,
        {"kind": "record", "id": "a", "text": "The agent edited the wrong file"},
        {"kind": "record", "id": "b", "text": "the agent edited  the wrong file"},
        {"kind": "query", "id": "q", "text": "Why did the edit fail?", "relevant": ["b"]},
    )


def test_sets_are_found_by_what_files_hold(tmp_path: Path) -> None:
    notes(tmp_path / "deep" / "x.json")
    conversation(tmp_path / "30.json")
    pairs(tmp_path / "any.jsonl")
    write(tmp_path / "other.json", {"name": "something else"})
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    (tmp_path / "broken.jsonl").write_text("{", encoding="utf-8")
    memory, talk, analyses = sets.find(tmp_path)
    assert memory.records == list(NOTES.values())
    assert [right for _, right in memory.questions] == [{0}, {1}]
    assert memory.unrelated == ["Which marinade suits grilled aubergines?"]
    assert talk.records == [
        "A: I adopted a dog\nA: He is called Biscuit",
        "A: We went sailing on the lake",
    ]
    assert [right for _, right in talk.questions] == [{0}, {0, 1}]
    assert analyses.records == ["The agent edited the wrong file"]
    assert [right for _, right in analyses.questions] == [{0}]


def test_a_set_without_unrelated_questions_is_asked_those_of_the_others(tmp_path: Path) -> None:
    notes(tmp_path / "notes.json")
    conversation(tmp_path / "30.json")
    memory, talk = sets.find(tmp_path)
    assert not memory.borrowed
    assert talk.borrowed
    assert talk.unrelated == [text for text, _ in memory.questions]


def test_a_directory_without_a_set_is_refused_with_where_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(LearningError, match=r"no data set found.*public --help"):
        sets.find(tmp_path)


def test_every_way_to_search_is_measured_on_the_same_questions(
    tmp_path: Path, settings: Settings
) -> None:
    notes(tmp_path / "notes.json")
    (data,) = sets.find(tmp_path)

    async def figures() -> list[Figures]:
        embedder = Embedder(cache_dir=tmp_path)
        return await measure(data, settings, embedder, lambda *_: None)

    found = {one.name: one for one in anyio.run(figures)}
    ours, everything = found["mcp-learning"], found["mcp-learning, ranking alone"]
    assert (ours.recall_at_5, ours.mrr, ours.empty) == (1, 1, 1)
    assert everything.empty == 0
    assert everything.tokens > ours.tokens > 0
    for name in ("raw vectors", "BM25", "SQLite FTS5"):
        assert (found[name].recall_at_5, found[name].recall_at_10, found[name].mrr) == (1, 1, 1)
    assert found["raw vectors"].empty == 0
    assert found["BM25"].empty == found["SQLite FTS5"].empty == 1
    assert f"| {ours.name} | 1.000 | 1.000 | 1.000 | 1.00 |" in page(data, list(found.values()))
    assert not settings.database_path.exists()


def test_words_that_mean_something_to_a_search_engine_are_only_words(tmp_path: Path) -> None:
    records = ['say "hello" AND NOT goodbye', "a column: near the door*"]
    ways = dict(baselines.installed(records, Embedder(cache_dir=tmp_path), limit=10))
    for name in ("BM25", "SQLite FTS5"):
        search = ways[name]
        assert search is not None
        assert search('NOT "hello') == [0]
        assert search("near: (door*") == [1]
        assert search("?!") == []
