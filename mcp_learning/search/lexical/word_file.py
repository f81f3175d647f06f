"""The file of the word index: a header with a checksum, then the arrays as they are in memory.

If anything is wrong with the file, it is ignored and the texts are read from the store again. By a
hash of each row's texts, rows of another database, or with texts that have changed since, are
recognised and left out.
"""

import json
import logging
import os
import zlib
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcp_learning.errors import IndexUnavailable
from mcp_learning.search.lexical import terms
from mcp_learning.search.lexical.postings import Segment
from mcp_learning.search.lexical.word_index import WordIndex

logger = logging.getLogger(__name__)

FILE_NAME = "words.bin"

_FORMAT = f"mcp-learning words 1 terms {terms.VERSION}"
_ARRAYS = {
    "terms": np.int64,
    "offsets": np.int64,
    "rows": np.int32,
    "counts": np.uint8,
    "lengths": np.int32,
    "text_hashes": np.uint64,
}


class SavedWords(NamedTuple):
    """A segment of n rows, and (n,) uint64 hashes of their texts; 0 for a dead row."""

    segment: Segment
    text_hashes: NDArray[np.uint64]


def save(path: Path, words: SavedWords) -> None:
    """Replaces the file atomically.

    Raises:
        IndexUnavailable: It can't be written, for example because the disk is full. The old file
            stays.
    """
    arrays = {**vars(words.segment), "text_hashes": words.text_hashes}
    parts = [np.ascontiguousarray(arrays[name], kind) for name, kind in _ARRAYS.items()]
    sizes = [len(part) for part in parts]
    check = _check_of(sizes)
    for part in parts:
        check = zlib.crc32(part.data, check)
    header = json.dumps({"format": _FORMAT, "sizes": sizes, "crc32": check})
    writing = path.with_suffix(".writing")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with writing.open("wb") as file:
            file.write(header.encode() + b"\n")
            for part in parts:
                file.write(part.data)
            file.flush()
            os.fsync(file.fileno())
        writing.replace(path)
    except OSError as error:
        with suppress(OSError):
            writing.unlink(missing_ok=True)
        raise IndexUnavailable(
            f"the word index can't be written to {path.parent} ({error.strerror}): free some "
            "space; until then words are read again at each start"
        ) from error


def load(path: Path) -> SavedWords | None:
    """Reads the file; None if there is none, or it can't be used, which is logged."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        logger.warning("%s can't be read (%s); words are read again", path.name, error.strerror)
        return None
    try:
        return _parse(content)
    except (ValueError, KeyError, TypeError, RecursionError) as problem:
        logger.warning("%s is damaged or outdated (%s); words are read again", path.name, problem)
        return None


def restore(path: Path, text_hashes: NDArray[np.uint64]) -> tuple[WordIndex, NDArray[np.int64]]:
    """The word index of those of n executions that the file has, and a row order for all of them.

    Args:
        path: The file.
        text_hashes: (n,) hashes of the executions' texts.

    Returns:
        The index, and (n,) positions of the executions: first those of the index, in its row order.
    """
    saved = load(path)
    if saved is None or not len(text_hashes):
        return WordIndex(), np.arange(len(text_hashes))
    order = np.argsort(text_hashes, kind="stable")
    at = np.searchsorted(text_hashes, saved.text_hashes, sorter=order)
    at = order[np.minimum(at, len(text_hashes) - 1)]
    kept = np.flatnonzero(text_hashes[at] == saved.text_hashes)
    words = WordIndex(saved.segment).compacted(kept)
    rest = np.ones(len(text_hashes), bool)
    rest[at[kept]] = False
    return words, np.concatenate([at[kept], np.flatnonzero(rest)])


def _check_of(sizes: list[int]) -> int:
    return zlib.crc32(json.dumps(sizes).encode())


def _parse(content: bytes) -> SavedWords:
    header, newline, _ = content[:1000].partition(b"\n")
    if not newline:
        raise ValueError("no header")
    description = json.loads(header)
    if description["format"] != _FORMAT:
        raise ValueError("another format")
    start = len(header) + 1
    body = memoryview(content)[start:]
    sizes = description["sizes"]
    kinds = map(np.dtype, _ARRAYS.values())
    expected = sum(size * kind.itemsize for size, kind in zip(sizes, kinds, strict=True))
    if len(body) != expected or zlib.crc32(body, _check_of(sizes)) != description["crc32"]:
        raise ValueError("not what was written")
    arrays, at = {}, 0
    for (name, kind), size in zip(_ARRAYS.items(), sizes, strict=True):
        # Copied, since the header leaves the arrays at odd addresses.
        part = body[at : at + size * np.dtype(kind).itemsize]
        arrays[name] = np.frombuffer(part, kind).copy()
        at += len(part)
    segment = Segment(
        arrays["terms"], arrays["offsets"], arrays["rows"], arrays["counts"], arrays["lengths"]
    )
    return SavedWords(segment, arrays["text_hashes"])
