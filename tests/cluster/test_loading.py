"""What a server has imported when it can answer its first calls."""

import subprocess
import sys

SCRIPT = """
import sys
import mcp_learning.server.app
import mcp_learning.store.duckdb.store
from mcp_learning.cluster.loading import load_service
load_service()
print(*sys.modules)
"""


def test_a_first_record_needs_no_part_of_the_service_that_others_use() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "mcp_learning.service.learning" in loaded
    parts = {"dashboard", "statistics", "lesson_book", "remarks", "corrections", "indexer"}
    assert not loaded & {f"mcp_learning.service.{part}" for part in parts}
    assert not loaded & {f"mcp_learning.models.{part}" for part in ("dashboard", "corrections")}
    rooms = {name.split(".")[1] for name in loaded if name.startswith("mcp_learning.")}
    assert not rooms & {"insights", "search", "team", "clients", "web"}
    assert not loaded & {"numpy", "onnxruntime", "rich"}
