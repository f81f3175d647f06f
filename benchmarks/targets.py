"""What is measured, and the target that each measurement has to meet."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Target:
    """A bound that a measurement has to keep.

    Attributes:
        name: Key in the JSON report.
        title: What is measured, for people.
        unit: Of the measured value.
        factor: Bound of measured / reference.
        reference: The bound itself for absolute targets, in `unit`; None: it is measured.
        beside: What the reference is, if it is measured.
        bound: Whether the ratio has to be at most or at least `factor`.
        how: How it is measured, in a sentence.
    """

    name: str
    title: str
    unit: str
    how: str
    factor: float = 1.0
    reference: float | None = None
    beside: str = ""
    bound: Literal["<=", ">="] = "<="

    @property
    def text(self) -> str:
        """The target in words, e.g. `<= 8 ms` or `<= 1.3 x an empty MCPServer`."""
        sign = "≤" if self.bound == "<=" else "≥"
        if self.reference is not None:
            return f"{sign} {self.reference:,g} {self.unit}".rstrip()
        return f"{sign} {self.factor:g} x {self.beside}"


@dataclass(frozen=True)
class Measurement:
    """A measured value beside its target.

    Attributes:
        target: What it is held against.
        measured: The value, in the target's unit.
        reference: What `ratio` divides by, in the same unit.
        samples: How many repetitions `measured` is the median of.
    """

    target: Target
    measured: float
    reference: float
    samples: int

    @property
    def ratio(self) -> float:
        """Measured / reference."""
        return self.measured / self.reference

    @property
    def passed(self) -> bool:
        """Whether the target is met."""
        low, high = sorted((self.ratio, self.target.factor))
        return self.ratio == (low if self.target.bound == "<=" else high)


def compare(target: Target, samples: Sequence[float], *references: Sequence[float]) -> Measurement:
    """Compares the median of samples with the target's reference, or the sum of others' medians."""
    beside = sum(map(statistics.median, references))
    reference = beside if target.reference is None else target.reference
    return Measurement(target, statistics.median(samples), reference, len(samples))


START = Target(
    "start_ms",
    "spawn → initialize answered",
    "ms",
    "Both servers are spawned in turn, each on a new data directory, over pipes.",
    factor=1.15,
    beside="an empty MCPServer",
)
FIRST_RECORD = Target(
    "first_record_ms",
    "record_execution as the very first call",
    "ms",
    "The call follows initialize at once, in the same freshly spawned servers.",
    reference=8.0,
)
RECORD = Target(
    "record_ms",
    "record_execution, durable",
    "ms",
    "One after the other over stdio, on the filled database, while earlier ones are embedded in "
    "the background.",
    reference=8.0,
)
GET = Target(
    "get_ms",
    "get_execution that finds nothing",
    "ms",
    "Over stdio, each time with another id, in turn with the empty server's tool.",
    factor=1.6,
    beside="an empty call",
)
FIND = Target(
    "find_ms",
    "what find_similar_tasks adds to embedding and an empty call",
    "ms",
    "Over stdio, each time with another text; in turn, the same text is embedded and the empty "
    "server's tool is called: the difference of the medians.",
    reference=1.5,
)
RECOMMEND = Target(
    "recommend_ms",
    "recommend_approach",
    "ms",
    "Over stdio, in turn with find_similar_tasks on the same server, each with a text of its own.",
    factor=1.5,
    beside="find_similar_tasks",
)
SEARCH = Target(
    "search_ms",
    "search without embedding, exact",
    "ms",
    "Candidates, check against the database, grouping and relevance, for vectors at hand.",
    reference=2.0,
)
MEMORY = Target(
    "resident_mb",
    "resident memory of the server",
    "MB",
    "After the searches over stdio, with everything loaded.",
    reference=300.0,
)
EMBED = Target(
    "embed_per_s",
    "embedding in batches",
    "texts/s",
    "Batches of mixed lengths through the Embedder and through fastembed's own embed() with "
    "default settings on the same model files, in turn. The latter pads a batch to its longest "
    "text, so a mix of lengths slows it down; for texts of equal length the two come close.",
    factor=0.9,
    beside="fastembed alone",
    bound=">=",
)
INSERT = Target(
    "insert_per_s",
    "bulk insert with vectors",
    "rows/s",
    "All rows in transactions of at most 5,000, commits included, into new databases.",
    reference=20_000.0,
    bound=">=",
)

FOLLOWER = Target(
    "follower_ms",
    "overhead of a call through a follower",
    "ms",
    "The same call over stdio to a leader and to its follower, in turn: the difference for each "
    "of get_execution, find_similar_tasks and learning_stats.",
    reference=1.5,
)
FOLLOWER_MEMORY = Target(
    "follower_mb",
    "resident memory of a follower",
    "MB",
    "After those calls, compared with an empty server.",
    factor=1.2,
    beside="an empty MCPServer",
)

ALL = (
    START,
    RECORD,
    FIRST_RECORD,
    GET,
    FIND,
    RECOMMEND,
    SEARCH,
    MEMORY,
    FOLLOWER,
    FOLLOWER_MEMORY,
    EMBED,
    INSERT,
)
"""In the order of the report."""


def _at(search_ms: float, recall: float, resident_mb: float) -> tuple[Target, ...]:
    return (
        Target(
            "search_p50_ms",
            "search as auto plans it, p50",
            "ms",
            "A whole search as a tool call makes it, without embedding the question: by meaning "
            "and by words, check against the database, grouping, relevance. Queries in "
            "distribution.",
            reference=search_ms,
        ),
        Target(
            "recall_at_10",
            "recall@10 in distribution",
            "",
            "The ten nearest executions as auto finds them, against the exact ones by distance.",
            reference=recall,
            bound=">=",
        ),
        Target(
            "resident_mb",
            "resident memory of the server",
            "MB",
            "Of the real server over stdio, after it has answered all queries in distribution.",
            reference=resident_mb,
        ),
    )


AT_ROWS = {
    1_000: _at(1, 1.0, 250),
    10_000: _at(2, 1.0, 350),
    100_000: (
        *_at(15, 0.98, 900),
        Target(
            "words_ms",
            "what words add to a search, p50",
            "ms",
            "The same search with and without its text, in turn: the difference for each query.",
            reference=10,
        ),
        Target(
            "cold_start_s",
            "spawn → first correct answer",
            "s",
            "A new server process on the existing database, until find_similar_tasks has answered "
            "with the very task that was asked for, and not degraded. The files are in the page "
            "cache.",
            reference=3,
        ),
        Target(
            "import_s",
            "import with vectors, index not counted",
            "s",
            "The inserting transactions, at most 5,000 rows each, commits included.",
            reference=10,
        ),
    ),
    1_000_000: _at(20, 0.95, 5 * 1024),
}
"""By rows: what the benchmark over sizes holds its figures against."""
