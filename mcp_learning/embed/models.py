"""The models that can be configured, and the prefixes that their texts need."""

import threading
from typing import Any

from mcp_learning.settings import DEFAULT_MODEL

BUNDLED_MODEL = DEFAULT_MODEL
"""The default. It comes with this package: no download, no cache, no network."""

MULTILINGUAL_MODEL = "intfloat/multilingual-e5-small"
"""Reads some hundred languages; downloaded at first use (470 MB). MIT."""

_E5_PREFIX = "query: "  # its authors' prefix for comparing texts of the same kind
# fastembed already lists a model under the public name, with files to download.
REGISTERED_NAME = "mcp-learning/all-MiniLM-L6-v2"

_register_lock = threading.Lock()  # guards fastembed's list, which is global


def prefix_of(model: str) -> str:
    """The prefix that a model's texts need; empty for most models."""
    return _E5_PREFIX if "/multilingual-e5-" in model.lower() else ""


def supported_models() -> list[dict[str, Any]]:
    """Return fastembed's list of models, the bundled one included."""
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    with _register_lock:
        listed = {facts["model"] for facts in TextEmbedding.list_supported_models()}
        for name, source, file, size in (
            (REGISTERED_NAME, BUNDLED_MODEL, "model.onnx", 0.02),
            (MULTILINGUAL_MODEL, MULTILINGUAL_MODEL, "onnx/model.onnx", 0.47),
        ):
            if name not in listed:
                TextEmbedding.add_custom_model(
                    name,
                    pooling=PoolingType.MEAN,
                    normalization=True,
                    sources=ModelSource(hf=source),
                    dim=384,
                    model_file=file,
                    size_in_gb=size,
                )
        return TextEmbedding.list_supported_models()
