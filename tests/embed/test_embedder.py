"""The embedder with the real bundled model: faithful, self-contained, plain about failures."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from benchmarks.calibration import questions
from mcp_learning.embed import embedder as module
from mcp_learning.embed.embedder import Embedder
from mcp_learning.embed.models import BUNDLED_MODEL, MULTILINGUAL_MODEL
from mcp_learning.embed.noise import BUNDLED_FLOOR, UNRELATED, noise_floor
from mcp_learning.embed.recipe import MAX_CHARS, RECIPE_VERSION, embedding_text
from mcp_learning.embed.references import sentences
from mcp_learning.errors import EmbedderUnavailable

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BUNDLED = Path(module.__file__).parent / "minilm"
PROVENANCE = json.loads((BUNDLED / "provenance.json").read_text(encoding="utf-8"))
SENTENCES = (HERE / "reference_sentences.txt").read_text(encoding="utf-8").splitlines()
PARAPHRASES = questions.paraphrases()
FOREIGN_MODEL = "BAAI/bge-small-en-v1.5"


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    """One loaded bundled model for the whole module: loading it is the slow part."""
    made = Embedder(cache_dir=tmp_path_factory.mktemp("cache"), threads=2)
    made.load()
    return made


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection and every look-up of a name, at once."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError("network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def run_python(code: str, home: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a new interpreter with nothing but HOME and the import path set."""
    environment = {"HOME": str(home), "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_importing_the_package_loads_no_heavy_library(tmp_path: Path) -> None:
    code = (
        "import sys, mcp_learning.embed, mcp_learning.embed.embedder, mcp_learning.embed.recipe\n"
        "print(sorted({'numpy', 'fastembed', 'onnxruntime', 'huggingface_hub'} & {*sys.modules}))"
    )
    result = run_python(code, tmp_path, tmp_path)
    assert result.stdout == "[]\n", result.stderr


def test_creating_one_loads_nothing_yet_knows_the_bundled_model(tmp_path: Path) -> None:
    made = Embedder(cache_dir=tmp_path / "cache")
    assert (made.model, made.dimension, made.floor) == (BUNDLED_MODEL, 384, BUNDLED_FLOOR)
    assert made.fingerprint.startswith(BUNDLED_MODEL)
    assert not made.loaded
    assert not (tmp_path / "cache").exists()


def test_vectors_agree_with_the_unquantised_model(embedder: Embedder) -> None:
    reference = np.load(HERE / "reference_vectors.npy").astype(np.float32)
    cosines = (embedder.embed(SENTENCES) * reference).sum(axis=1)
    assert cosines.min() >= 0.96, SENTENCES[int(cosines.argmin())]
    assert cosines.mean() >= 0.985


def test_vectors_are_float32_of_length_one(embedder: Embedder) -> None:
    vectors = embedder.embed(SENTENCES)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(SENTENCES), 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_a_vector_does_not_depend_on_what_is_embedded_with_it(embedder: Embedder) -> None:
    together = embedder.embed(SENTENCES)
    alone = np.concatenate([embedder.embed([sentence]) for sentence in SENTENCES])
    assert (together * alone).sum(axis=1).min() > 0.999


def test_several_threads_get_the_vectors_of_their_own_texts(tmp_path: Path) -> None:
    fresh = Embedder(cache_dir=tmp_path)
    start = threading.Barrier(4)
    results: dict[int, np.ndarray] = {}

    def work(part: int) -> None:
        start.wait()
        results[part] = fresh.embed(SENTENCES[part::4])

    threads = [threading.Thread(target=work, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for part, vectors in results.items():
        np.testing.assert_allclose(vectors, fresh.embed(SENTENCES[part::4]), atol=1e-5)
    assert len(results) == 4


def test_no_texts_give_no_rows_and_an_empty_text_gives_one(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, 384)
    assert embedder.embed([""]).shape == (1, 384)


def test_a_text_of_20000_characters_is_cut_at_the_token_limit(embedder: Embedder) -> None:
    text = ("the parser fails when a key is missing " * 600)[:20_000]
    whole, cut = embedder.embed([text, embedding_text(text)])
    assert float(whole @ cut) > 0.999
    assert PROVENANCE["max_tokens"] == 256


def test_the_bundled_model_needs_no_home_no_network_and_no_writable_directory(
    tmp_path: Path,
) -> None:
    home, cwd = tmp_path / "home", tmp_path / "cwd"
    home.mkdir()
    cwd.mkdir()
    cwd.chmod(0o500)
    code = (
        "import socket, tempfile\n"
        "from pathlib import Path\n"
        "def refuse(*a, **k): raise SystemExit('network touched')\n"
        "socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse\n"
        "tempfile.mkstemp = tempfile.mkdtemp = refuse\n"
        "from mcp_learning.embed.embedder import Embedder\n"
        "print(Embedder(cache_dir=Path.home() / 'cache').embed(['hello']).shape)\n"
    )
    result = run_python(code, home, cwd)
    assert (result.stdout, result.stderr) == ("(1, 384)\n", "")
    assert list(home.iterdir()) == []
    assert list(cwd.iterdir()) == []


def test_an_unknown_model_is_refused_with_the_setting_named(tmp_path: Path) -> None:
    with pytest.raises(EmbedderUnavailable) as caught:
        Embedder("no/such-model", cache_dir=tmp_path).load()
    message = str(caught.value)
    assert "MCP_LEARNING_EMBEDDING_MODEL" in message
    assert "no/such-model" in message
    assert "list_supported_models" in message
    assert "\n" not in message


@pytest.mark.usefixtures("no_network")
def test_a_model_that_cannot_be_downloaded_is_refused_with_the_way_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines: list[str] = []
    offline = Embedder(FOREIGN_MODEL, cache_dir=tmp_path / "models", progress=lines.append)
    with pytest.raises(EmbedderUnavailable) as caught:
        offline.embed(["hello"])
    message = str(caught.value)
    assert FOREIGN_MODEL in message
    assert "unset MCP_LEARNING_EMBEDDING_MODEL" in message
    assert "\n" not in message
    assert not offline.loaded
    assert lines == []
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("value", [np.nan, np.inf, 0])
def test_a_vector_that_has_no_direction_is_refused(value: float) -> None:
    vectors = np.ones((2, 384), np.float32)
    vectors[1] = value
    with pytest.raises(EmbedderUnavailable, match="zero or non-finite"):
        module.unit_vectors(vectors, "a/model")


def test_shipped_files_are_those_of_the_provenance() -> None:
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in BUNDLED.iterdir()
        if path.name != "provenance.json"
    }
    assert found == PROVENANCE["sha256"]


def test_the_fingerprint_is_stable_and_names_model_file_and_recipe(embedder: Embedder) -> None:
    digest = hashlib.sha256((BUNDLED / "model.onnx").read_bytes()).hexdigest()
    expected = f"{BUNDLED_MODEL}@{digest[:12]}/recipe-{RECIPE_VERSION}"
    assert embedder.fingerprint == expected
    assert Embedder(BUNDLED_MODEL.upper(), cache_dir=Path("unused")).fingerprint == expected


def test_plain_paraphrases_pass_the_floor_and_unrelated_tasks_do_not(embedder: Embedder) -> None:
    left = embedder.embed(list(PARAPHRASES.records.values()))
    right = embedder.embed([question.text for question in PARAPHRASES.questions])
    cosines = left @ right.T
    same = np.eye(len(PARAPHRASES.questions), dtype=bool)
    assert (cosines[same] >= embedder.floor).mean() >= 0.9
    assert (cosines[~same] >= embedder.floor).mean() <= 0.02


def test_the_floor_rule_for_other_models_comes_to_the_calibrated_constant(
    embedder: Embedder,
) -> None:
    measured = noise_floor(embedder.embed(UNRELATED))
    assert measured == pytest.approx(BUNDLED_FLOOR, abs=0.03)


def test_embedding_text_is_one_bounded_line() -> None:
    assert embedding_text("  fix\n\n the\tbug ") == "fix the bug"
    assert len(embedding_text("word " * 4_000)) <= MAX_CHARS
    assert embedding_text(" \n ") == ""


def test_the_shipped_vectors_of_the_references_are_the_model_s(embedder: Embedder) -> None:
    shipped = np.load(BUNDLED.parent / "references.npy").astype(np.float32)
    assert np.einsum("ij,ij->i", shipped, embedder.embed(sentences())).min() > 0.999


def test_a_query_without_content_is_near_the_references(embedder: Embedder) -> None:
    assert embedder.embed_query("Thanks!").background == pytest.approx(1, abs=0.01)
    assert embedder.embed_query("upgrade Django from 3.2 to 4.2").background < 0.3


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("fix the login", 0.0),
        ("🔥", 1.0),
        ("\u200b\u200d", 1.0),
        ("", 1.0),
        ("0f" * 64, 1.0),
        (f"deploy {'0f' * 64} again", 1 / 3),
    ],
)
def test_the_share_of_a_query_that_the_model_cannot_read_is_told(
    text: str, unknown: float, embedder: Embedder
) -> None:
    assert embedder.embed_query(text).unknown == unknown


@pytest.mark.usefixtures("no_network")
def test_the_multilingual_model_is_known_and_says_that_it_has_to_be_downloaded(
    tmp_path: Path,
) -> None:
    with pytest.raises(EmbedderUnavailable, match=f"{MULTILINGUAL_MODEL}.*download"):
        Embedder(MULTILINGUAL_MODEL, cache_dir=tmp_path).load()
