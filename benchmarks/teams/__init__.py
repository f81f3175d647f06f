"""What a team costs and how fast it is, with a PostgreSQL that the tests know how to start."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
