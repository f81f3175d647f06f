"""The word index's file: what was saved comes back whole, or not at all, and never an exception."""

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_learning.errors import IndexUnavailable
from mcp_learning.search.lexical import word_file
from mcp_learning.search.lexical.postings import Segment
from mcp_learning.search.lexical.terms import TokenisedQuery, count_terms
from mcp_learning.search.lexical.word_file import SavedWords
from mcp_learning.search.lexical.word_index import WordIndex

TEXTS = ["retry the login", "TypeError in src/auth/login.py", "", "retry retry retry"]


def rows_of(*texts: str) -> SavedWords:
    index = WordIndex()
    index.add([count_terms(text) for text in texts])
    return SavedWords(index.merge(), np.arange(2**63, 2**63 + len(texts), dtype=np.uint64))


def assert_same(found: SavedWords | None, saved: SavedWords) -> None:
    assert found is not None
    assert np.array_equal(found.text_hashes, saved.text_hashes)
    assert found.text_hashes.dtype == np.uint64
    for name in ("terms", "offsets", "rows", "counts", "lengths"):
        one, other = getattr(found.segment, name), getattr(saved.segment, name)
        assert np.array_equal(one, other), name
        assert one.dtype == other.dtype, name


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "words.bin"
    word_file.save(path, rows_of(*TEXTS))
    return path.read_bytes()


def assert_left_aside(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()
    assert word_file.load(path) is None
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert path.name in record.getMessage()
    assert "\n" not in record.getMessage()


@given(texts=st.lists(st.text(max_size=60), max_size=8))
@settings(deadline=None, max_examples=40)
def test_what_was_saved_is_what_is_loaded(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "index" / "words.bin"
    saved = rows_of(*texts)
    word_file.save(path, saved)
    assert_same(word_file.load(path), saved)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_loaded_index_scores_as_the_saved_one_and_can_grow(tmp_path: Path) -> None:
    word_file.save(tmp_path / "words.bin", rows_of(*TEXTS))
    loaded = word_file.load(tmp_path / "words.bin")
    assert loaded is not None
    index, whole = WordIndex(loaded.segment), WordIndex()
    index.add([count_terms("retry the export")])
    whole.add([count_terms(text) for text in [*TEXTS, "retry the export"]])
    for question in map(TokenisedQuery.of, ("retry", "login.py", "the export")):
        assert index.score(question).coverage.tolist() == pytest.approx(
            whole.score(question).coverage.tolist()
        )


def test_nothing_of_the_texts_can_be_read_in_the_file(content: bytes) -> None:
    for word in ("retry", "login", "TypeError", "auth"):
        assert word.encode() not in content


def test_a_missing_file_is_no_trouble(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert word_file.load(tmp_path / "words.bin") is None
    assert word_file.load(tmp_path / "no directory" / "words.bin") is None
    assert caplog.records == []


def test_a_file_cut_short_anywhere_is_left_aside(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "words.bin"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert_left_aside(path, caplog)


def test_a_file_with_any_byte_changed_is_left_aside_or_the_same(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path, whole = tmp_path / "words.bin", rows_of(*TEXTS)
    for at in range(len(content)):
        changed = bytearray(content)
        changed[at] ^= 1 << at % 8
        path.write_bytes(changed)
        caplog.clear()
        found = word_file.load(path)
        if found is None:
            assert len(caplog.records) == 1
        else:  # white space and the names of sizes in the header carry nothing
            assert at < content.index(b"\n")
            assert_same(found, whole)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda whole: b"",
    "an empty header": lambda whole: b"\n",
    "zeroed": lambda whole: bytes(len(whole)),
    "zeroed after the header": lambda whole: whole[:200] + bytes(len(whole) - 200),
    "longer": lambda whole: whole + b"\0",
    "another format": lambda whole: whole.replace(b"words 1", b"words 0"),
    "another version of terms": lambda whole: whole.replace(b" terms ", b" terms 9"),
    "another header": lambda whole: b"[]\n" + whole,
    "no object": lambda whole: b"null\n",
    "lists in lists": lambda whole: b"[" * 900 + b"\n",
    "more lists in lists": lambda whole: b"[" * 999 + b"\n",
    "objects in objects": lambda whole: b'{"a":' * 199 + b"\n",
    "no text": lambda whole: "ß".encode("latin-1") * 30 + b"\n",
    "noise": lambda whole: np.random.default_rng(0).bytes(len(whole)),
    "huge sizes": lambda whole: _with_header(whole, sizes=[2**62] * 6),
    "infinite sizes": lambda whole: _with_header(whole, sizes=[float("inf")] * 6),
    "negative sizes": lambda whole: _with_header(whole, sizes=[-1] * 6),
    "sizes as texts": lambda whole: _with_header(whole, sizes=["1"] * 6),
    "sizes as fractions": lambda whole: _with_header(whole, sizes=[1.0] * 6),
    "too few sizes": lambda whole: _with_header(whole, sizes=[1]),
    "no sizes": lambda whole: _with_header(whole, sizes=None),
    "sizes of the same total": lambda whole: _with_header(whole, sizes=_shifted(whole)),
    "no check": lambda whole: _with_header(whole, crc32=None),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_file_that_is_something_else_is_left_aside(
    tmp_path: Path,
    content: bytes,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[bytes], bytes],
) -> None:
    path = tmp_path / "words.bin"
    path.write_bytes(damage(content))
    assert_left_aside(path, caplog)


def _with_header(whole: bytes, **changed: object) -> bytes:
    header, _, body = whole.partition(b"\n")
    return json.dumps({**json.loads(header), **changed}).encode() + b"\n" + body


def _shifted(whole: bytes) -> list[int]:
    """Sizes of the same total: a row more, a posting less."""
    sizes: list[int] = json.loads(whole.partition(b"\n")[0])["sizes"]
    sizes[2] -= 1
    sizes[4] += 1
    return sizes


@given(noise=st.binary(max_size=200))
def test_any_bytes_are_left_aside(tmp_path_factory: pytest.TempPathFactory, noise: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "noise.bin"
    path.write_bytes(noise)
    assert word_file.load(path) is None


def test_a_directory_in_its_place_is_left_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "words.bin").mkdir()
    assert_left_aside(tmp_path / "words.bin", caplog)
    with pytest.raises(IndexUnavailable, match="can't be written"):
        word_file.save(tmp_path / "words.bin", rows_of(*TEXTS))


def test_a_temporary_file_that_can_t_be_made_leaves_the_old_file(tmp_path: Path) -> None:
    path, old = tmp_path / "words.bin", rows_of("retry")
    word_file.save(path, old)
    path.with_suffix(".writing").mkdir()
    with pytest.raises(IndexUnavailable, match="can't be written"):
        word_file.save(path, rows_of(*TEXTS))
    assert_same(word_file.load(path), old)


@pytest.mark.parametrize("below", ["words.bin", "index/words.bin"])
def test_a_file_in_the_place_of_its_directory_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, below: str
) -> None:
    (tmp_path / "derived").write_text("not a directory")
    path = tmp_path / "derived" / below
    with pytest.raises(IndexUnavailable, match="can't be written"):
        word_file.save(path, rows_of(*TEXTS))
    assert_left_aside(path, caplog)


FULL_DISK = """
import resource, signal, sys
from pathlib import Path

import numpy as np

from mcp_learning.errors import IndexUnavailable
from mcp_learning.search.lexical.postings import Segment
from mcp_learning.search.lexical.terms import count_terms
from mcp_learning.search.lexical.word_file import SavedWords, save

rows = [count_terms(f"word{number}") for number in range(500)]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
try:
    save(Path(sys.argv[1]), SavedWords(Segment.of(rows, 0), np.ones(500, np.uint64)))
except IndexUnavailable as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of file sizes")
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path, old = tmp_path / "words.bin", rows_of("retry")
    word_file.save(path, old)
    child = [sys.executable, "-P", "-c", FULL_DISK, str(path)]
    told = subprocess.run(child, check=True, capture_output=True, text=True).stdout.splitlines()
    assert len(told) == 1
    assert "free some space" in told[0]
    assert str(tmp_path) in told[0]
    assert_same(word_file.load(path), old)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_new_file_replaces_the_old_one_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "words.bin"
    for texts in (TEXTS, ["retry"], [], TEXTS[:2]):
        word_file.save(path, rows_of(*texts))
        assert_same(word_file.load(path), rows_of(*texts))
    assert_same(word_file.load(path), rows_of(*TEXTS[:2]))


def test_what_a_killed_process_left_of_a_file_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "words.bin"
    path.with_suffix(".writing").write_bytes(b"half of a file")
    word_file.save(path, rows_of(*TEXTS))
    assert_same(word_file.load(path), rows_of(*TEXTS))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_an_index_without_rows_can_be_kept_too(tmp_path: Path) -> None:
    nothing = SavedWords(Segment.empty(), np.empty(0, np.uint64))
    word_file.save(tmp_path / "words.bin", nothing)
    assert_same(word_file.load(tmp_path / "words.bin"), nothing)
