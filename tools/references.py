"""Makes mcp_learning/embed/references.npy: the bundled model's vectors of references.tsv.

    python tools/references.py

To be run when the sentences or the model change; a test compares the file with the model.
"""

from pathlib import Path

import numpy as np

from mcp_learning import embed
from mcp_learning.embed.embedder import Embedder
from mcp_learning.embed.references import sentences

if __name__ == "__main__":
    vectors = Embedder(cache_dir=Path("unused")).embed(sentences())
    np.save(Path(embed.__file__).parent / "references.npy", vectors.astype(np.float16))
