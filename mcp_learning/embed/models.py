"""The models that can be named, and what their texts begin with."""

import threading
from typing import Any

from mcp_learning.settings import DEFAULT_MODEL

BUNDLED_MODEL = DEFAULT_MODEL
"""The default. It comes with this package: no download, no cache, no network."""

MULTILINGUAL_MODEL = "intfloat/multilingual-e5-small"
"""Reads some hundred languages; downloaded at first use (470 MB). MIT."""

_E5_PREFIX = "query: "  # what its authors put before texts that are compared with texts like them

_register_lock = threading.Lock()  # guards fastembed's list, which is global


def prefix_of(model: str) -> str:
    """What a model wants its texts to begin with; empty for most."""
    return _E5_PREFIX if "/multilingual-e5-" in model.lower() else ""


def supported_models() -> list[dict[str, Any]]:
    """Return fastembed's list of models, with the multilingual one."""
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    with _register_lock:
        listed = {facts["model"] for facts in TextEmbedding.list_supported_models()}
        if MULTILINGUAL_MODEL not in listed:
            TextEmbedding.add_custom_model(
                MULTILINGUAL_MODEL,
                pooling=PoolingType.MEAN,
                normalization=True,
                sources=ModelSource(hf=MULTILINGUAL_MODEL),
                dim=384,
                model_file="onnx/model.onnx",
                size_in_gb=0.47,
            )
        return TextEmbedding.list_supported_models()
