"""Relevance fitted, and fusions compared, on a few real pairs with the real model."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmarks.calibration import questions, rankings
from benchmarks.calibration.collection import Collection, Matrix, Vectors, embed
from benchmarks.calibration.questions import Pairs
from benchmarks.calibration.regression import SHIPPED, Regression, Shares, logistic
from benchmarks.calibration.samples import TOP, Sample, collect, terms_of
from mcp_learning.embed.embedder import Embedder
from mcp_learning.errors import LearningError
from mcp_learning.models.requests import FindSimilarTasks, RecordExecution
from mcp_learning.search import relevance
from mcp_learning.service.learning import LearningService
from mcp_learning.synthetic.generator import make_tasks

FEW = 20


def few() -> Pairs:
    whole = questions.paraphrases()
    return Pairs(dict(list(whole.records.items())[:FEW]), whole.questions[:FEW])


def others() -> Pairs:
    """Generated tasks, each asked with a few words more."""
    texts = dict.fromkeys(task.description for task in make_tasks(2 * FEW, seed=3))
    records = {f"{at}": text for at, text in enumerate(texts)}
    asked = [
        questions.Question(f"please {text}, at last", frozenset([at]))
        for at, text in records.items()
    ]
    return Pairs(records, asked)


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
def vectors(embedder: Embedder) -> Vectors:
    """Of the few, and of the other set."""
    both = [few(), others()]
    records = [text for some in both for text in some.records.values()]
    asked = [one.text for some in both for one in some.questions]
    return embed(embedder, records, asked, unheard)


def test_a_file_gives_the_pairs_that_were_written_to_it(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    written = ['{"kind": "meta", "name": "few"}', *reversed(lines(few()))]
    path.write_text("\n\n".join(written) + "\n", encoding="utf-8")
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
)
def test_quality_is_what_sorting_gives(scores: Matrix, relevant: rankings.Truth) -> None:
    relevant[:, 2] = True
    reciprocal, found = [], 0
    for row, values in enumerate(scores.tolist()):
        order = sorted(range(7), key=lambda at: (values[at], at), reverse=True)
        true = [at for at in order if relevant[row, at]]
        reciprocal.append(1 / (1 + order.index(true[0])))
        found += len(true)
    expected = (np.mean(reciprocal), found / relevant.sum())
    measured = rankings.quality(scores, relevant)
    assert (measured.mrr, measured.recall) == pytest.approx(expected, abs=1e-4)


def test_a_regression_finds_the_odds_that_answers_were_drawn_with() -> None:
    random = np.random.default_rng(1)
    terms = np.column_stack([np.ones(20_000), random.normal(size=(20_000, 2))])
    odds = terms @ [-1, 2, -3]
    answers = random.random(20_000) < 1 / (1 + np.exp(-odds))
    assert logistic(terms, answers, np.ones(20_000)) == pytest.approx([-1, 2, -3], abs=0.15)


def test_what_is_fitted_is_the_relevance_that_searches_compute(vectors: Vectors) -> None:
    collection = Collection(list(few().records.values()), vectors)
    compared = collection.compare(few().questions[0].text)
    rows = np.arange(FEW)
    expected = relevance.of_meaning(compared.meanings, compared.weight)
    expected += relevance.of_words(compared.coverage, compared.weight)
    expected += np.float32(relevance.offset(compared.weight, FEW))
    assert terms_of(compared, rows) @ SHIPPED == pytest.approx(expected, abs=1e-4)


def planted(store: str, source: str, meaning: float) -> Sample:
    """A question whose best row has this meaning, among rows that have nothing in common."""
    terms = np.tile([1.0, 0.0, 0.0, 1.0], (TOP, 1))
    terms[0, 1] = meaning
    true = np.arange(TOP) == 0 if store == source else np.ones(TOP, bool)
    return Sample(store, "5", source, terms, terms[:, 1], true)


def test_shares_are_those_of_planted_questions() -> None:
    needed = (relevance.POSSIBLE - relevance.BIAS - relevance.ROWS) / relevance.MEANING
    samples = []
    for store, other in (("a", "b"), ("b", "c"), ("c", "a")):
        samples += [planted(store, store, needed + 0.3)] * 3 + [
            planted(store, store, needed - 0.01)
        ]
        samples += [planted(store, other, 0.1)] * 4 + [planted(store, other, needed + 0.01)]
    outcome = Regression(samples).calibration("m")
    assert [(row.store, row.size) for row in outcome.rows] == [("a", "5"), ("b", "5"), ("c", "5")]
    assert {row.shipped for row in outcome.rows} == {Shares(kept=0.75, empty=0.8)}
    assert {row.constant for row in outcome.rows} == {Shares(kept=0.75, empty=1.0)}
    assert all(row.fitted is not None and row.fitted.kept >= 0.75 for row in outcome.rows)
    assert outcome.coefficients[1] > 0


def test_a_set_alone_beside_one_other_has_no_fit_without_it(vectors: Vectors) -> None:
    found = collect({"few": few(), "others": others()}, [], vectors, unheard)
    outcome = Regression(found).calibration("m")
    assert {row.fitted for row in outcome.rows} == {None}
    assert outcome.likely >= outcome.possible


def test_small_and_whole_stores_are_asked_by_both_sets(vectors: Vectors) -> None:
    found = collect({"few": few(), "others": others()}, ["again"], with_text(vectors), unheard)
    assert {one.size for one in found} == {"5", "30", "all", "8000"}
    for store in ("few", "others"):
        assert {one.source for one in found if one.store == store} == {"few", "others"}
    assert all(one.terms.shape == (TOP, 4) and one.counts.any() for one in found)


def with_text(vectors: Vectors) -> Vectors:
    """The same with one more record."""
    (some, *_) = vectors.records.values()
    return Vectors({**vectors.records, "again": some}, vectors.questions, vectors.noise)


def test_every_way_to_rank_is_compared(vectors: Vectors) -> None:
    compared = rankings.rows(few(), vectors)
    names = [row.name for row in compared]
    assert len(set(names)) == len(names)
    for kind in ("meaning alone", "words alone", "reciprocal", "z-scores", "min-max", "weighted"):
        assert any(name.startswith(kind) for name in names)
    ours = [row for row in compared if row.product]
    assert [row.constants for row in ours] == ["", *rankings.VARIED]
    assert len({row.quality for row in ours}) == 1  # each constant at its own value


@pytest.mark.anyio
async def test_similarities_are_those_of_a_search(
    service: LearningService, vectors: Vectors
) -> None:
    texts = list(few().records.values())
    for text in texts:
        told = {"task_type": "t", "task_description": text, "outcome": "success"}
        await service.record(RecordExecution.model_validate(told))
    collection = Collection(texts, vectors)
    for question in few().questions:
        asked = FindSimilarTasks(task_description=question.text, min_similarity=0.0, limit=20)
        answer = await service.find(asked)
        found = {match.task_description: match.similarity for match in answer.matches}
        similarities = collection.compare(question.text).similarities.tolist()
        assert found == pytest.approx(dict(zip(texts, similarities, strict=True)), abs=2e-3)


@pytest.mark.timeout(300)
def test_the_command_prints_fit_and_shares_and_leaves_the_database_alone(
    run: Callable[..., tuple[str, str]], tmp_path: Path
) -> None:
    paths = [tmp_path / "some.jsonl", tmp_path / "generated.jsonl"]
    for path, pairs in zip(paths, (few(), others()), strict=True):
        path.write_text("\n".join(lines(pairs)), encoding="utf-8")
    printed, _ = run(0, "calibrate", *(part for path in paths for part in ("--pairs", str(path))))
    for expected in ("MEANING", "POSSIBLE", "kept / empty", "some", "generated", "paraphrases"):
        assert expected in printed
    assert not (tmp_path / "data").exists()


def test_the_command_ends_with_one_line_when_the_file_is_wrong(
    refusal: Callable[..., str], tmp_path: Path
) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("no JSON", encoding="utf-8")
    assert f"{path}, line 1" in refusal("calibrate", "--pairs", str(path))
