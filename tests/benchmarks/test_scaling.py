"""Sizes from preparation to the page: real model, real database, real index, real children."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.mcp_client import MeasurementFailed
from benchmarks.scale import dataset, ground_truth, measure, page, plots, results, server
from benchmarks.scale.command import measure_sizes
from benchmarks.scale.measure import Plan, make_plan, use_index
from mcp_learning.errors import InvalidInput, LearningError

ROWS = 300


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scale")


@pytest.fixture(scope="module")
def outcome(place: Path) -> dict[str, Any]:
    plan = Plan((ROWS,), ("balanced",), (), queries=20, starts=1, dataset_queries=20)
    outcomes: list[dict[str, Any]] = []
    measure.measure(plan, place, silent, outcomes.append)
    (only,) = outcomes
    return only


@pytest.fixture
def data(place: Path, outcome: dict[str, Any]) -> dataset.Dataset:
    return dataset.load(place / f"rows-{ROWS}")


def silent(what: str, done: int = 0, total: int = 1) -> None:
    """Progress that nobody sees."""


def test_exact_search_has_full_recall_and_a_size_is_measured_in_every_way(
    outcome: dict[str, Any],
) -> None:
    assert outcome["rows"] == ROWS
    assert outcome["auto"]["mode"] == outcome["server"]["mode"] == "exact"
    for kind in ("in", "out"):
        assert outcome["auto"][kind]["recall"] == 1
        assert outcome["auto"][kind]["samples"] == 20
        assert outcome["auto"][f"search_{kind}"]["p50"] > 0
    assert outcome["server"]["cold_start_seconds"] > 0
    assert outcome["server"]["resident_mb"] > outcome["server"]["empty_server_mb"] > 20
    assert outcome["disk"]["database_mb"] > 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what memory consists of")
def test_resident_memory_is_told_apart_by_what_is_mapped(outcome: dict[str, Any]) -> None:
    server = outcome["server"]
    parts = server["resident_parts"]
    assert sum(parts.values()) == pytest.approx(server["resident_mb"], rel=0.1)
    assert next(iter(parts)) == "anonymous"
    assert any(name.startswith("_duckdb") for name in parts)


def test_a_preset_is_measured_over_ef_search(outcome: dict[str, Any]) -> None:
    built = outcome["presets"]["balanced"]
    assert (built["m"], built["ef_construction"]) == (16, 100)
    assert [point["ef_search"] for point in built["curve"]] == [16, 32, 64, 128, 256, 512]
    assert built["curve"][-1]["in"]["recall"] >= 0.99
    assert all(0 <= point["out"]["recall"] <= 1 for point in built["curve"])


def test_stored_vectors_are_those_of_the_file_in_the_order_of_the_rows(
    data: dataset.Dataset,
) -> None:
    vectors = data.vectors()
    assert vectors.shape == (ROWS, 384)
    own = [np.array([row]) for row in range(20)]
    least = np.ones(20, np.float32)
    assert ground_truth.recall(vectors, vectors[:20], own, least, k=1) == 1


def test_a_prepared_size_is_used_again_and_another_seed_makes_it_anew(
    data: dataset.Dataset, tmp_path: Path
) -> None:
    seed = data.facts["identity"]["seed"]
    before = (data.directory / "vectors.npy").stat().st_mtime_ns
    again = dataset.make_dataset(data.directory, ROWS, seed=seed, progress=silent, queries=20)
    assert again.facts == data.facts
    assert (data.directory / "vectors.npy").stat().st_mtime_ns == before

    first = dataset.make_dataset(tmp_path / "one", 20, seed=1, progress=silent, queries=2)
    other = dataset.make_dataset(tmp_path / "one", 20, seed=2, progress=silent, queries=2)
    assert other.facts["identity"] != first.facts["identity"]


def test_a_built_index_is_put_aside_and_comes_back_without_building(
    data: dataset.Dataset,
) -> None:
    balanced = (data.data_dir / "index" / "hnsw.duckdb").stat().st_ino
    assert use_index(data, "fast", silent)["m"] == 8
    assert use_index(data, "balanced", silent)["m"] == 16
    assert (data.data_dir / "index" / "hnsw.duckdb").stat().st_ino == balanced


def test_a_wrong_first_answer_fails_the_measurement() -> None:
    found = {"search": {"degraded": False}, "matches": [{"task_description": "another task"}]}
    with pytest.raises(MeasurementFailed, match="another task"):
        server.check_answer(found, "the task")
    with pytest.raises(MeasurementFailed, match="nothing"):
        server.check_answer({**found, "matches": []}, "the task")


def test_results_are_kept_by_size_and_held_against_the_bars(
    outcome: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "results.json"
    assert results.load(file) == {}
    as_thousand = {**outcome, "rows": 1_000}
    results.save(file, {1_000: as_thousand, ROWS: outcome})
    kept = results.load(file)
    assert list(kept) == [ROWS, 1_000]
    assert kept[ROWS] == json.loads(json.dumps(outcome))
    assert results.compare_with_targets(outcome) == []
    judged = {one.target.name: one for one in results.compare_with_targets(as_thousand)}
    assert judged["recall_at_10"].passed
    slow = {**as_thousand, "auto": {**outcome["auto"], "search_in": {"p50": 1.1}}}
    assert not {one.target.name: one for one in results.compare_with_targets(slow)}[
        "search_p50_ms"
    ].passed
    assert not results.passed([outcome, slow])


def test_a_file_that_holds_no_results_is_named(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text("[1]", encoding="utf-8")
    with pytest.raises(LearningError, match=r"other\.json"):
        results.load(file)


def test_the_page_has_the_figures_the_bars_and_what_was_not_measured(
    outcome: dict[str, Any],
) -> None:
    peers = {
        "mcp-learning": outcome["auto"],
        "absent": {"missing": ["absent_module"]},
        "broken": {"failed": "it fell over"},
    }
    thousand = {**outcome, "rows": 1_000, "peers": peers}
    text = page.markdown({ROWS: outcome, 1_000: thousand}, {1_000: "plots/recall-1000.svg"})
    assert "| 1,000 | recall@10 in distribution | ≥ 1 | 1 | pass |" in text
    assert "not installed: absent_module" in text
    assert "it fell over" in text
    assert "(plots/recall-1000.svg)" in text
    assert "--sizes 300,1000" in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert {line.count("|") for line in rows} <= {6, 7, 8, 10, 12}


def test_without_sizes_the_page_is_made_again_from_kept_results(
    outcome: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, to = tmp_path / "results.json", tmp_path / "docs" / "performance.md"
    slow = {**outcome["auto"], "search_in": {**outcome["auto"]["search_in"], "p50": 9.0}}
    results.save(kept, {1_000: {**outcome, "rows": 1_000, "auto": slow}})
    assert not show(kept, to)
    assert "FAIL" in capsys.readouterr().out
    assert to.read_text(encoding="utf-8").startswith("# Performance")


def test_without_sizes_and_results_there_is_nothing_to_show(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nothing is measured yet"):
        show(tmp_path / "results.json", tmp_path / "performance.md")


def show(kept: Path, to: Path) -> bool:
    return measure_sizes(
        sizes="",
        presets="balanced",
        others="",
        kept=kept,
        drawn=None,
        to=to,
        directory=None,
        quick=True,
        as_json=False,
    )


def test_pictures_of_the_same_results_are_the_same_files(
    outcome: dict[str, Any], tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    found = {ROWS: outcome}
    pictures, overview = plots.draw(found, tmp_path / "a")
    again, _ = plots.draw(found, tmp_path / "b")
    assert pictures[ROWS].read_bytes() == again[ROWS].read_bytes()
    assert "recall@10" in pictures[ROWS].read_text(encoding="utf-8")
    assert "whole search, auto" in overview.read_text(encoding="utf-8")


def test_sizes_are_measured_in_ascending_order_and_balanced_is_left_in_use() -> None:
    plan = make_plan("10_000, 1000,1000", "balanced,fast", [], quick=True)
    assert plan.sizes == (1_000, 10_000)
    assert plan.presets == ("fast", "balanced")


@pytest.mark.parametrize("sizes", ["many", "", "5", "1000,x"])
def test_sizes_that_are_no_sizes_are_refused(sizes: str) -> None:
    with pytest.raises(InvalidInput, match="sizes"):
        make_plan(sizes, "balanced", [], quick=True)


def test_an_unknown_preset_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match=r"'best'.*high_recall"):
        make_plan("1000", "best", [], quick=True)
