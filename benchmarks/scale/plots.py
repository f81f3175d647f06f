"""Draws the results over sizes as SVG; the same results give the same files."""

from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.scale.peers import EF_SEARCH
from benchmarks.scale.results import Outcome, Results
from mcp_learning.errors import LearningError

T = TypeVar("T")

_KINDS = {"in": "queries in distribution", "out": "queries out of distribution"}
_PRESETS = {"fast": "tab:green", "balanced": "tab:blue", "high_recall": "tab:red"}
_MARKERS = "x+*dvPXs"
_STYLE = {
    "svg.hashsalt": "mcp-learning",  # ids inside the file would be random
    "svg.fonttype": "none",  # text stays text
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 9,
}


def draw(found: Results, directory: Path) -> tuple[dict[int, Path], Path]:
    """Writes `recall-<rows>.svg` for each size and `latency.svg` over all of them.

    Args:
        found: At least one size.
        directory: Made if absent; older pictures in it are replaced.

    Returns:
        The picture of each size, and the one over all.

    Raises:
        LearningError: matplotlib isn't installed, or the directory can't be written.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise LearningError(
            "--plots needs matplotlib: pip install ./benchmarks, or leave --plots out"
        ) from error

    def write(
        name: str, size: tuple[float, float], fill: Callable[[Any, T], None], values: T
    ) -> Path:
        with mpl.rc_context(_STYLE):
            figure = Figure(size, layout="constrained")
            fill(figure, values)
            figure.savefig(directory / name, metadata={"Date": None, "Creator": None})
        return directory / name

    try:
        directory.mkdir(parents=True, exist_ok=True)
        pictures = {
            rows: write(f"recall-{rows}.svg", (9, 4), _recall, outcome)
            for rows, outcome in found.items()
        }
        return pictures, write("latency.svg", (6, 4), _latency, found)
    except OSError as error:
        raise LearningError(f"{directory} can't be written: {error.strerror}") from error


def _recall(figure: Any, outcome: Outcome) -> None:
    """Recall against latency: a line per preset over ef_search, a mark per peer."""
    figure.suptitle(f"{outcome['rows']:,} rows: the ten nearest, p50")
    for axes, (kind, title) in zip(figure.subplots(1, 2, sharey=True), _KINDS.items(), strict=True):
        for preset, built in outcome["presets"].items():
            points = [(point["ef_search"], point[kind]) for point in built["curve"]]
            recalls = [point["recall"] for _, point in points]
            times = [point["p50"] for _, point in points]
            axes.plot(recalls, times, "o-", ms=3, color=_PRESETS[preset], label=preset)
            for (ef_search, _), x, y in zip(points, recalls, times, strict=True):
                axes.annotate(ef_search, (x, y), (0, 4), textcoords="offset points", size=6)
        exact = outcome["exact"][kind]["p50"]
        axes.axhline(exact, ls="--", lw=1, color="tab:gray", label="exact, in memory")
        others = {k: v for k, v in outcome.get("peers", {}).items() if k != "mcp-learning"}
        for marker, (name, peer) in zip(cycle(_MARKERS), others.items(), strict=False):
            if kind in peer:
                at = peer[kind]["recall"], peer[kind]["p50"]
                axes.plot(*at, marker, ms=5, color="black", alpha=0.6, label=name)
        axes.set(title=title, xlabel="recall@10", yscale="log")
    figure.axes[0].set_ylabel("milliseconds")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside right upper")


def _latency(figure: Any, found: Results) -> None:
    """Latency against rows: whole searches, and the ten nearest in each way."""
    axes = figure.subplots()
    sizes = list(found)
    searches = [outcome["auto"]["search_in"]["p50"] for outcome in found.values()]
    exact = [outcome["exact"]["in"]["p50"] for outcome in found.values()]
    axes.plot(sizes, searches, "o-", color="black", label="whole search, auto")
    axes.plot(sizes, exact, "o--", color="tab:gray", label="ten nearest, exact")
    for preset, color in _PRESETS.items():
        with_index = {rows: one for rows, one in found.items() if preset in one["presets"]}
        times = [_default(outcome["presets"][preset]) for outcome in with_index.values()]
        if times:
            label = f"ten nearest, HNSW {preset}"
            axes.plot(list(with_index), times, "s-", ms=4, color=color, label=label)
    axes.set(xscale="log", yscale="log", xlabel="executions", ylabel="milliseconds, p50")
    axes.legend()


def _default(built: Outcome) -> float:
    """p50 at the ef_search that is nearest to the product's own."""
    point = min(built["curve"], key=lambda point: abs(point["ef_search"] - EF_SEARCH))
    return float(point["in"]["p50"])
