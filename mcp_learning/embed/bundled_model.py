"""The bundled model on onnxruntime alone.

fastembed gives the same vectors, bit for bit (a test proves it), but its import brings clients for
HTTP, image libraries and models of other kinds, which take 0.25 s and 16 MB of every server.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DIRECTORY = Path(__file__).parent / "minilm"


class BundledModel:
    """The model and its tokenizer, loaded. Safe to use from several threads.

    Attributes:
        tokenizer: Cuts texts at the model's limit of 256 tokens.
    """

    def __init__(self) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        # One thread per run: lanes use the CPUs better, and onnxruntime's own threads would spin.
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # Patterns are kept for each length of a text, and lengths hardly repeat: 5 MB.
        options.enable_mem_pattern = False
        self._session = onnxruntime.InferenceSession(
            str(DIRECTORY / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self.tokenizer = Tokenizer.from_file(str(DIRECTORY / "tokenizer.json"))

    def embed(self, text: str) -> NDArray[np.float32]:
        """(384,) float32: the normalised mean of the vectors of a text's tokens."""
        import numpy as np

        encoding = self.tokenizer.encode(text)
        ids = np.array([encoding.ids], np.int64)
        given = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        tokens = self._session.run(None, given)[0]
        mean = tokens.sum(axis=1, dtype=np.float64) / ids.shape[1]
        return np.asarray((mean / np.linalg.norm(mean, axis=1, keepdims=True))[0], np.float32)
