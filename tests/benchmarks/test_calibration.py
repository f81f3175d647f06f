"""Floors and fusions measured on a few real pairs, with the real model and real databases."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import anyio
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmarks.calibration import collection, floors, questions, rankings, report
from benchmarks.calibration.collection import Collection, Matrix, Texts, make_case
from benchmarks.calibration.floors import Calibration, FloorFigures, at_floors
from benchmarks.calibration.questions import Pairs
from mcp_learning.embed.embedder import Embedder
from mcp_learning.embed.recipe import embedding_text
from mcp_learning.errors import LearningError
from mcp_learning.settings import Settings

FEW = 20
GENERATED = 60


def few() -> Pairs:
    whole = questions.paraphrases()
    return Pairs(dict(list(whole.records.items())[:FEW]), whole.questions[:FEW])


def lines(of: Pairs) -> list[str]:
    records = [{"kind": "record", "id": i, "text": t} for i, t in of.records.items()]
    asked = [
        {"kind": "query", "id": f"q{n}", "text": one.text, "relevant": sorted(one.relevant)}
        for n, one in enumerate(of.questions)
    ]
    return [json.dumps(line) for line in (*records, *asked)]


def unheard(what: str, done: int, total: int) -> None:
    """Progress that nobody sees."""


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return Embedder(cache_dir=tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Calibration:
    """With a floor that is between those of the grid."""
    directory = tmp_path_factory.mktemp("untouched") / "data"
    settings = Settings.model_construct(data_dir=directory, min_similarity=0.335)
    made = floors.measure(settings, few(), compare=True, progress=unheard, generated=GENERATED)
    assert not directory.exists()
    return made


def test_a_file_gives_the_pairs_that_were_written_to_it(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n\n".join(reversed(lines(few()))) + "\n", encoding="utf-8")
    read = questions.load(path)
    assert read.records == few().records
    assert read.questions == few().questions[::-1]


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('{"kind": "record", "id": "x"', "JSON"),
        ('["record", "x"]', ""),
        ('{"kind": "answer", "id": "x", "text": "t"}', "kind"),
        ('{"kind": "record", "text": "t"}', "id"),
        ('{"kind": "record", "id": "x", "text": ""}', "text"),
        ('{"kind": "record", "id": "0", "text": "again"}', "id"),
        ('{"kind": "query", "id": "x", "text": "t", "relevant": "0"}', "relevant"),
        ('{"kind": "query", "id": "x", "text": "t"}', "relevant"),
        ('{"kind": "query", "id": "x", "text": "t", "relevant": ["0", "none"]}', "none"),
    ],
)
def test_a_bad_line_is_named_with_its_file_and_number(
    tmp_path: Path, line: str, named: str
) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join([lines(few())[0], "", line]), encoding="utf-8")
    with pytest.raises(LearningError) as caught:
        questions.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}, line 3: ")
    assert named in message.removeprefix(str(path))
    assert "\n" not in message


def test_a_file_that_is_absent_or_has_no_question_is_named(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    with pytest.raises(LearningError, match="No such file"):
        questions.load(path)
    path.write_text(lines(few())[0], encoding="utf-8")
    with pytest.raises(LearningError, match="no questions"):
        questions.load(path)


@given(
    arrays(np.float32, (3, 7), elements=st.sampled_from([0, 0.25, 0.5, 1])),
    arrays(bool, (3, 7)),
    st.sampled_from([0, 0.25, 0.3, 1]),
)
def test_quality_is_what_sorting_gives(
    scores: Matrix, relevant: rankings.Truth, least: float
) -> None:
    relevant[:, 2] = True
    reciprocal, found = [], 0
    for row, values in enumerate(scores.tolist()):
        order = sorted(range(7), key=lambda at: (values[at], at), reverse=True)
        true = [at for at in order if relevant[row, at] and values[at] >= least]
        reciprocal.append(1 / (1 + order.index(true[0])) if true else 0)
        found += len(true)
    expected = (np.mean(reciprocal), found / relevant.sum())
    measured = rankings.quality(scores, relevant, least)
    assert (measured.mrr, measured.recall) == pytest.approx(expected, abs=1e-4)


def test_shares_are_those_of_planted_similarities() -> None:
    found = np.array([[0.5, 0.2, 0.1], [0.45, 0.3, 0.2]], np.float32)
    relevant = np.array([[True, False, False], [False, True, False]])
    nothing = np.array([[0.1, 0.35], [0.2, 0.1], [0.0, 0.1], [0.4, 0.41]], np.float32)
    low, high = at_floors(found, relevant, nothing, nothing[:2], {0.4, 0.3})
    assert low == FloorFigures(0.3, 0.75, 0.5, 0.5, kept=1.0, mrr=0.75, recall=1.0)
    assert high == FloorFigures(0.4, 0.75, 0.75, 1.0, kept=0.5, mrr=0.5, recall=0.5)


def test_a_higher_floor_rejects_more_and_keeps_less(measured: Calibration) -> None:
    assert [one.floor for one in measured.floors] == sorted({*floors.GRID, 0.335})
    for lower, higher in pairwise(measured.floors):
        for share in ("unrelated", "prose", "foreign"):
            assert getattr(lower, share) <= getattr(higher, share)
        for share in ("kept", "mrr", "recall"):
            assert getattr(lower, share) >= getattr(higher, share)
    lowest = asdict(measured.floors[0])
    assert all(0 <= share <= 1 for share in lowest.values())
    assert lowest["kept"] > 0.5


@pytest.mark.parametrize("lacking", ["unrelated", "prose", "foreign"])
def test_the_least_floor_rejects_enough_of_every_kind(measured: Calibration, lacking: str) -> None:
    first, second, third = (
        replace(one, floor=floor, unrelated=0.95, prose=0.96, foreign=1.0, kept=0.97)
        for one, floor in zip(measured.floors, (0.3, 0.4, 0.5), strict=False)
    )
    planted = [replace(first, **{lacking: 0.94}), second, third]
    outcome = replace(measured, floors=planted, in_use=0.3, default=0.35)
    assert outcome.least == second
    assert "Set MCP_LEARNING_MIN_SIMILARITY=0.4 " in report.advice(outcome)
    assert "unset MCP_LEARNING_MIN_SIMILARITY" in report.advice(replace(outcome, default=0.4))
    assert report.advice(replace(outcome, in_use=0.5)).endswith("0.5, fits.")
    hopeless = replace(outcome, floors=[replace(one, prose=0.5) for one in planted])
    assert hopeless.least is None
    assert report.advice(hopeless).startswith("No floor")


def test_the_greatest_floor_keeps_enough_true_matches(measured: Calibration) -> None:
    planted = [
        replace(measured.floors[0], floor=floor, unrelated=1, prose=1, foreign=1, kept=kept)
        for floor, kept in ((0.3, 1.0), (0.4, 0.97), (0.5, 0.96))
    ]
    outcome = replace(measured, floors=planted, in_use=0.5, default=0.3)
    assert outcome.greatest == planted[1]
    assert "Set MCP_LEARNING_MIN_SIMILARITY=0.4 " in report.advice(outcome)
    losing = replace(outcome, floors=planted[2:])
    assert losing.greatest is None
    assert "None keeps 97%" in report.advice(losing)
    late = [replace(one, prose=0.9 if one.floor < 0.5 else 1) for one in planted]
    assert "No floor does both" in report.advice(replace(outcome, floors=late))


def test_generated_tasks_say_nothing_about_the_packaged_questions(measured: Calibration) -> None:
    floor = replace(measured.floors[0], unrelated=1, prose=1, foreign=0)
    assert replace(measured, floors=[floor], own=True).least is None
    assert replace(measured, floors=[floor], own=False).least == floor


def test_every_way_to_rank_is_compared_on_both_kinds_of_questions(measured: Calibration) -> None:
    names = [row.name for row in measured.compared]
    assert names == [row.name for row in measured.short]
    assert len(set(names)) == len(names)
    for kind in ("meaning alone", "words alone", "reciprocal", "z-scores", "min-max", "weighted"):
        assert any(name.startswith(kind) for name in names)
    ours = [row for row in measured.compared if row.product]
    assert [row.constants for row in ours] == ["", *rankings.VARIED]
    assert len({row.quality for row in ours}) == 1  # each constant at its own value
    lowest = measured.floors[0]
    assert ours[0].quality.mrr >= lowest.mrr


def test_the_products_row_is_the_ranking_of_its_search(tmp_path: Path, embedder: Embedder) -> None:
    case = make_case(few(), ["bake sourdough bread", "tune a violin"])
    texts = [*case.records, *case.questions]
    known = Texts(texts, embedder.embed([embedding_text(text) for text in texts]))
    questions = known.some(case.questions)

    def compare(put: Collection) -> tuple[rankings.Row, Matrix, list[list[UUID]], list[UUID]]:
        (ours, *_) = [row for row in rankings.rows(put, questions, case.relevant) if row.product]
        queries = map(put.query, questions.texts, questions.vectors)
        found = [put.retriever.search(query).ranked for query in queries]
        order = [[one.task_id for one in ranked] for ranked in found]
        return ours, put.similarities(questions), order, list(put.task_ids)

    settings = Settings.model_construct(data_dir=tmp_path)
    records = known.some(case.records)
    asked = partial(collection.ask, settings, embedder, tmp_path / "data", records)
    ours, similarities, order, task_ids = anyio.run(asked, compare)
    for row, found in zip(rankings.ranks(similarities), order, strict=True):
        assert [task_ids.index(task_id) for task_id in found] == np.argsort(row).tolist()
    places = [found.index(task_ids[at]) + 1 for at, found in enumerate(order)]
    assert ours.quality.mrr == pytest.approx(np.mean([1 / place for place in places]), abs=1e-4)
    assert ours.quality.recall == pytest.approx(np.mean([p <= 10 for p in places]), abs=1e-4)


def run(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "MCP_LEARNING_DATA_DIR": str(directory / "data"),
        "MCP_LEARNING_CONFIG": os.devnull,
    }
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", "calibrate", *arguments],
        capture_output=True,
        encoding="utf-8",
        env=environment,
        cwd=Path(__file__).parent.parent.parent,
        check=False,
    )


@pytest.mark.timeout(300)
def test_the_command_tells_what_floor_to_set_and_leaves_the_database_alone(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(lines(few())), encoding="utf-8")
    done = run(tmp_path, "--pairs", str(path))
    assert done.returncode == 0, done.stderr
    assert f"{FEW} questions, {FEW} records" in done.stdout
    assert "in use" in done.stdout
    assert done.stdout.splitlines()[-1].count("floor") == 1
    assert not (tmp_path / "data").exists()


def test_the_command_ends_with_one_line_when_the_file_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("no JSON", encoding="utf-8")
    done = run(tmp_path, "--pairs", str(path))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"{path}, line 1" in done.stderr
