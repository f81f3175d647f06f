"""Results over sizes: kept in a JSON file, and compared with the targets."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks import targets
from benchmarks.targets import Measurement, compare
from mcp_learning.errors import LearningError

Outcome = dict[str, Any]
Results = dict[int, Outcome]
"""What `scaling.measure` gives, by rows, ascending."""

FORMAT = 2


def load(path: Path) -> Results:
    """The results in a file; none when there is no such file.

    Raises:
        LearningError: It isn't a file of results.
    """
    if not path.exists():
        return {}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values["format"] != FORMAT:
            raise ValueError(f"format {values['format']}")
        return {int(rows): outcome for rows, outcome in values["sizes"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LearningError(f"{path} holds no results; delete it or name another file") from error


def save(path: Path, results: Results) -> None:
    """Replaces the file atomically.

    Raises:
        LearningError: It can't be written.
    """
    sizes = {str(rows): results[rows] for rows in sorted(results)}
    beside = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps({"format": FORMAT, "sizes": sizes}, indent=1) + "\n", "utf-8")
        beside.replace(path)
    except OSError as error:
        raise LearningError(f"{path} can't be written: {error.strerror}") from error


def compare_with_targets(outcome: Outcome) -> list[Measurement]:
    """Compares one size with its targets; empty for a size that has none."""
    measured = {
        "search_p50_ms": outcome["auto"]["search_in"]["p50"],
        "recall_at_10": outcome["auto"]["in"]["recall"],
        "resident_mb": outcome["server"]["resident_mb"],
        "cold_start_s": outcome["server"]["cold_start_seconds"],
        "words_ms": outcome["auto"]["words_in"]["p50"],
        "import_s": outcome["prepared"]["insert_seconds"],
    }
    promised = targets.AT_ROWS.get(outcome["rows"], ())
    return [compare(target, [measured[target.name]]) for target in promised]


def passed(results: Iterable[Outcome]) -> bool:
    """Whether every target of every size is met."""
    return all(
        measurement.passed for outcome in results for measurement in compare_with_targets(outcome)
    )
