"""The embedder: a fastembed model, loaded at first use, with its fingerprint and noise floor."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property, partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from mcp_learning.embed.models import BUNDLED_MODEL, REGISTERED_NAME, prefix_of, supported_models
from mcp_learning.embed.noise import BUNDLED_FLOOR, UNRELATED, noise_floor
from mcp_learning.embed.recipe import RECIPE_VERSION
from mcp_learning.embed.references import sentences
from mcp_learning.errors import EmbedderUnavailable

if TYPE_CHECKING:
    import numpy as np
    from fastembed import TextEmbedding
    from numpy.typing import NDArray


_BUNDLED_DIR = Path(__file__).parent / "minilm"
_REFERENCES = Path(__file__).parent / "references.npy"  # made by tools/references.py
_BUNDLED_DIMENSION = 384
_UNKNOWN = frozenset({"[UNK]", "<unk>"})
_LONG_WORD = re.compile(r"[^\W_]{101}")
_SETTING = "MCP_LEARNING_EMBEDDING_MODEL"
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Loaded:
    """A model in memory, and its properties."""

    session: TextEmbedding
    dimension: int
    fingerprint: str
    floor: float
    references: NDArray[np.float32]


class EmbeddedQuery(NamedTuple):
    """The vector of a query, and figures for judging its cosine similarities.

    Attributes:
        vector: (dimension,) float32, L2-normalised.
        background: Greatest cosine with a sentence without content (`references`), -1..1.
        unknown: Share of the query's word pieces that the model doesn't know, 0..1; 1 for a text
            without any.
    """

    vector: NDArray[np.float32]
    background: float
    unknown: float


class Embedder:
    """Turns texts into unit vectors with one model. Creating it loads nothing.

    Each text is run by itself, several at once on separate threads ("lanes"). Padding texts into
    one batch would be no faster, would need gigabytes for long texts, and would make a text's
    vector depend on its neighbours (int8 activations share one scale per run: cosine 0.985).

    Args:
        model: BUNDLED_MODEL, or the name of any text model that fastembed supports.
        cache_dir: Where other models are downloaded to. Not touched for the bundled one.
        threads: How many texts are embedded at once, >= 1; None or 0: one per CPU, at most 4.
        progress: Called with one line of text when a download starts and when it ends, from the
            thread that loads; by default the lines are logged.
    """

    def __init__(
        self,
        model: str = BUNDLED_MODEL,
        *,
        cache_dir: Path,
        threads: int | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self._bundled = model.lower() == BUNDLED_MODEL.lower()
        self.model = BUNDLED_MODEL if self._bundled else model
        self._cache_dir = cache_dir
        self._lanes = threads or min(4, os.cpu_count() or 1)
        self._report = progress or logger.info
        self._lock = threading.Lock()  # held while loading; guards the change of _loaded
        self._loaded: _Loaded | None = None

    @property
    def loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._loaded is not None

    @property
    def dimension(self) -> int:
        """Length of a vector: 384 for the bundled model; loads any other model to know."""
        return _BUNDLED_DIMENSION if self._bundled else self._ready().dimension

    @cached_property
    def fingerprint(self) -> str:
        """Model, start of the ONNX file's SHA-256, recipe: equal if vectors can be compared.

        Loads the model, unless it is the bundled one.
        """
        if not self._bundled:
            return self._ready().fingerprint
        return _fingerprint(self.model, _bundled_digest())

    @property
    def floor(self) -> float:
        """Cosine similarity, 0..1, below which a match is noise.

        BUNDLED_FLOOR for the bundled model. Any other is loaded and measured (`noise_floor`), since
        the similarity of unrelated texts differs between models.
        """
        return BUNDLED_FLOOR if self._bundled else self._ready().floor

    def load(self) -> None:
        """Load the model into memory; blocks, for up to minutes if it has to be downloaded.

        Idempotent and thread-safe. Can be retried after a failure.

        Raises:
            EmbedderUnavailable: The name is unknown, or the model can't be downloaded or read.
        """
        self._ready()

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector per text; blocks, and loads the model if necessary. Thread-safe.

        Takes about 1 ms for a short text and 20 ms for a long one, per lane. Texts are cut at the
        model's token limit (256 for the bundled one).

        Args:
            texts: n texts, as returned by `recipe.embedding_text`.

        Returns:
            Shape (n, dimension), float32, each row of length 1.

        Raises:
            EmbedderUnavailable: The model can't be loaded, or returned a zero or non-finite vector.
        """
        ready = self._ready()
        return self._vectors(ready.session, ready.dimension, texts)

    def embed_query(self, text: str) -> EmbeddedQuery:
        """Embed one text to compare stored ones with; otherwise as `embed`."""
        ready = self._ready()
        (vector,) = self._vectors(ready.session, ready.dimension, [text])
        return EmbeddedQuery(
            vector, float((ready.references @ vector).max()), _unknown(ready.session, text)
        )

    def _ready(self) -> _Loaded:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._open()
            return self._loaded

    def _open(self) -> _Loaded:
        """Find the files, load them, and compute the properties of the model."""
        # Must precede the import: onnxruntime reports its use to its vendor unless told not to, and
        # writes a device id and a database into HOME for it.
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        _defer_requests()
        try:
            import numpy as np
            from fastembed import TextEmbedding  # not at the top: takes 0.4 to 0.9 s

            facts = self._facts()
            directory = _BUNDLED_DIR if self._bundled else self._directory(facts)
            place = str(directory)
            # With the model's own directory as cache_dir, fastembed creates none elsewhere. One
            # thread per run: lanes use the CPUs better, and onnxruntime's own threads would spin.
            name = facts["model"]
            session = TextEmbedding(name, cache_dir=place, specific_model_path=place, threads=1)
            if self._bundled:
                known = np.load(_REFERENCES).astype(np.float32)
                return _Loaded(session, _BUNDLED_DIMENSION, self.fingerprint, BUNDLED_FLOOR, known)
            with (directory / facts["model_file"]).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            floor = noise_floor(self._vectors(session, facts["dim"], UNRELATED))
            known = self._vectors(session, facts["dim"], sentences())
            return _Loaded(session, facts["dim"], _fingerprint(self.model, digest), floor, known)
        except EmbedderUnavailable:
            raise
        except Exception as error:  # whatever fastembed, onnxruntime or the disk can raise
            # Logged, not in the message: it may have many lines, and paths of this installation.
            logger.error("loading %s failed: %s: %s", self.model, type(error).__name__, error)
            fix = "reinstall this package" if self._bundled else f"delete {self._cache_dir}"
            raise EmbedderUnavailable(
                f"The embedding model {self.model} ({_SETTING}) can't be loaded; the server's log"
                f" on stderr has the cause. If memory is short, free some; otherwise {fix}. Then"
                " try again"
            ) from error

    def _facts(self) -> dict[str, Any]:
        """Return the model's entry in fastembed's list, to which the bundled model is added."""
        wanted = REGISTERED_NAME if self._bundled else self.model
        for facts in supported_models():
            if facts["model"].lower() == wanted.lower():
                return facts
        raise EmbedderUnavailable(
            f"{_SETTING}: unknown embedding model {self.model!r}; unset it for {BUNDLED_MODEL}, or"
            ' choose a name from `python -c \'import fastembed; print(*(m["model"] for m in'
            " fastembed.TextEmbedding.list_supported_models()))'`"
        )

    def _directory(self, facts: dict[str, Any]) -> Path:
        """Return the directory of a model that isn't bundled, downloading it on first use.

        Not by fastembed, which retries for 39 s when offline and draws progress bars.
        """
        from huggingface_hub import model_info, snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError
        from huggingface_hub.utils.tqdm import disable_progress_bars

        source = facts["sources"]["hf"] or self.model
        needed = [facts["model_file"], *facts["additional_files"]]
        wanted = ["*.json", *needed]
        fetch = partial(snapshot_download, source, cache_dir=self._cache_dir, allow_patterns=wanted)
        try:
            directory = Path(fetch(local_files_only=True))
            if all((directory / file).exists() for file in needed):
                return directory
        except LocalEntryNotFoundError:
            pass
        try:
            # A small request first, with a timeout: snapshot_download has none.
            model_info(source, timeout=5.0)
            self._report(f"downloading {self.model} ({1000 * facts['size_in_GB']:.0f} MB), once")
            disable_progress_bars()
            directory = Path(fetch())
        except Exception as error:  # the hub's client has no common base for its errors
            raise EmbedderUnavailable(
                f"The embedding model {self.model} isn't in {self._cache_dir} and the download"
                f" failed ({_one_line(error)}): go online once, or unset {_SETTING}"
            ) from error
        self._report(f"downloaded {self.model} to {self._cache_dir}")
        return directory

    def _vectors(
        self, session: TextEmbedding, dimension: int, texts: Sequence[str]
    ) -> NDArray[np.float32]:
        """Embed, normalise and check; see `embed`."""
        import numpy as np

        vectors = np.empty((len(texts), dimension), np.float32)
        prefix = prefix_of(self.model)

        def run(lane: int) -> None:
            for row in range(lane, len(texts), lanes):
                vectors[row] = next(iter(session.embed(prefix + texts[row])))

        lanes = max(1, min(self._lanes, len(texts)))
        if lanes == 1:
            run(0)  # a single query stays on this thread
        else:
            with ThreadPoolExecutor(lanes, thread_name_prefix="embed") as pool:
                list(pool.map(run, range(lanes)))
        return unit_vectors(vectors, self.model)


def _unknown(session: TextEmbedding, text: str) -> float:
    """Return the share of a text's word pieces that the model's tokenizer doesn't know."""
    # All models know ASCII characters, but WordPiece knows no word of more than 100 characters.
    if text.isascii() and not _LONG_WORD.search(text):
        return 0.0 if text.strip() else 1.0
    tokenizer = session.model.tokenizer  # type: ignore[attr-defined]
    encoded = tokenizer.encode(text)
    marks = zip(encoded.tokens, encoded.special_tokens_mask, strict=True)
    pieces = [token for token, special in marks if not special]
    return sum(token in _UNKNOWN for token in pieces) / len(pieces) if pieces else 1.0


def _defer_requests() -> None:
    """Makes `requests` import on first use, instead of together with fastembed.

    fastembed needs it only to download from one kind of source, and importing it imports urllib3,
    which opens a socket on ::1 to test for IPv6.
    """
    if "requests" in sys.modules:
        return
    deferred = ModuleType("requests")
    deferred.__spec__ = find_spec("requests")

    def load(name: str) -> object:
        if sys.modules.get("requests") is deferred:
            del sys.modules["requests"]
        return getattr(import_module("requests"), name)

    deferred.__getattr__ = load  # type: ignore[method-assign]
    sys.modules["requests"] = deferred


def unit_vectors(vectors: NDArray[np.float32], model: str) -> NDArray[np.float32]:
    """Divide each row of (n, dimension) float32 by its length, in place.

    Raises:
        EmbedderUnavailable: A row is zero or not finite.
    """
    import numpy as np

    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(norms).all() and (norms > 0).all()):
        problem = f"The embedding model {model} gave a zero or non-finite vector"
        raise EmbedderUnavailable(f"{problem}: choose another with {_SETTING}")
    vectors /= norms
    return vectors


@cache
def _bundled_digest() -> str:
    provenance = json.loads((_BUNDLED_DIR / "provenance.json").read_text(encoding="utf-8"))
    return str(provenance["sha256"]["model.onnx"])


def _fingerprint(model: str, digest: str) -> str:
    prefix = "/" + prefix_of(model).strip() if prefix_of(model) else ""
    return f"{model}@{digest[:12]}/recipe-{RECIPE_VERSION}{prefix}"


def _one_line(reason: object) -> str:
    """Return the first line of an error's text, or its type when it has none."""
    lines = str(reason).strip().splitlines()
    return lines[0][:200] if lines else type(reason).__name__
