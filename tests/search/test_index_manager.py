"""The HNSW index in use: which files are refused, when it is stale, and when searches use it."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from anyio.from_thread import BlockingPortal
from search.extension import without_vss
from search.world import World, ask, assert_exact, description_of, like, opened
from store.rows import execution

from mcp_learning.errors import IndexUnavailable
from mcp_learning.models.results import Execution
from mcp_learning.search import vss
from mcp_learning.search.hnsw import FILE_NAME, IndexInfo, read_info
from mcp_learning.search.index_manager import MAX_UNINDEXED, MIN_RECALL
from mcp_learning.settings import SearchMode

BASE = 100

LEAST = 10

"""Rows that are worth an index here, instead of thousands."""

Built = Callable[[], tuple[Path, IndexInfo]]


@pytest.fixture(scope="module")
def base() -> list[Execution]:
    return [execution(task_description=description_of(at)) for at in range(BASE)]


@pytest.fixture(scope="module")
def prepared(
    portal: BlockingPortal,
    empty: Path,
    base: list[Execution],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    directory = tmp_path_factory.mktemp("index")
    with opened(portal, empty, directory, "hnsw") as world:
        world.fill(base)
        world.install()
    return directory


@pytest.fixture
def world(
    portal: BlockingPortal, prepared: Path, base: list[Execution], tmp_path: Path
) -> Iterator[World]:
    """`BASE` executions, all of them in the index that is in use."""
    with opened(portal, prepared, tmp_path / "world", "hnsw", rows=base) as world:
        assert world.retriever.mode == "hnsw"
        yield world


@pytest.fixture
def growing(
    portal: BlockingPortal, prepared: Path, base: list[Execution], tmp_path: Path
) -> Iterator[World]:
    """As `world`, but an index lags behind from `LEAST` newer rows on."""
    values = {"rows": base, "min_indexed": LEAST}
    with opened(portal, prepared, tmp_path / "world", "hnsw", **values) as world:
        yield world


@pytest.fixture
def built(prepared: Path, tmp_path: Path) -> Built:
    """Makes finished index files of `BASE` executions, as a build leaves them."""

    def copy() -> tuple[Path, IndexInfo]:
        path = Path(shutil.copy(prepared / FILE_NAME, tmp_path / "building.duckdb"))
        return path, read_info(path)

    return copy


def describe(file: Path, **values: object) -> None:
    """Makes an index file say something else of itself."""
    with vss.connect(file) as connection:
        connection.execute("SET hnsw_enable_experimental_persistence = true")
        (text,) = connection.execute("SELECT description FROM info").fetchone() or ("",)
        info = replace(IndexInfo.from_json(text), **values)  # type: ignore[arg-type]
        connection.execute("UPDATE info SET description = ?", [info.to_json()])


def of_another_format(file: Path) -> None:
    with vss.connect(file) as connection:
        connection.execute("SET hnsw_enable_experimental_persistence = true")
        connection.execute("UPDATE info SET format = format + 1")


def lacking_rows(file: Path) -> None:
    with vss.connect(file) as connection:
        connection.execute("SET hnsw_enable_experimental_persistence = true")
        connection.execute("DELETE FROM vectors WHERE version % 3 = 0")


def of_another_database(file: Path) -> None:
    with vss.connect(file) as connection:
        connection.execute("SET hnsw_enable_experimental_persistence = true")
        connection.execute("UPDATE vectors SET version = version % 100 + 1")


def lacking_recall(file: Path) -> None:
    describe(file, recall_at_10=MIN_RECALL - 0.01)


def damaged(file: Path) -> None:
    file.write_bytes(b"no database" * 9_999)


SPOILT = {
    "of another model": lambda file: describe(file, model="another"),
    "of another format": of_another_format,
    "lacking rows": lacking_rows,
    "said to lack rows": lambda file: describe(file, rows=BASE - 1),
    "of another database": of_another_database,
    "of too low recall": lacking_recall,
    "damaged": damaged,
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_new_index_that_is_not_what_was_to_be_built_is_refused_and_the_old_one_stays(
    spoil: Callable[[Path], None], world: World, built: Built
) -> None:
    manager = world.retriever.index_manager
    old, state = manager.index, manager.state
    new, info = built()
    spoil(new)
    with pytest.raises(IndexUnavailable):
        world.retriever.replace_index(new, info)
    assert (manager.index, manager.state) == (old, state)
    found = world.find(description_of(3), like(3, 0))
    assert (found.mode, found.ranked[0].similarity) == ("hnsw", 1.0)
    world.load()  # and after a restart
    assert world.retriever.mode == "hnsw"


def test_an_index_of_barely_enough_recall_is_used(world: World, built: Built) -> None:
    old = world.retriever.index_manager.index
    new, info = built()
    describe(new, recall_at_10=MIN_RECALL)
    world.retriever.replace_index(new, info)
    assert world.retriever.index_manager.index not in (None, old)
    assert world.retriever.index_manager.state.info == replace(info, recall_at_10=MIN_RECALL)
    assert not new.exists()


@pytest.mark.parametrize("name", sorted(SPOILT.keys() - {"of too low recall"}))
def test_an_index_file_that_does_not_fit_is_left_aside_at_the_start(
    name: str, world: World
) -> None:
    world.retriever.close()
    SPOILT[name](world.directory / FILE_NAME)
    world.load()
    assert (world.retriever.mode, world.retriever.index_manager.index) == ("exact", None)
    assert world.retriever.index_manager.state.info is None
    assert world.retriever.index_manager.state.problem
    assert world.retriever.stale
    query = ask(description_of(3), like(3, 1))
    assert_exact(world, query, world.search(query))


def test_an_index_of_vectors_that_are_all_gone_is_of_another_database(world: World) -> None:
    world.retriever.close()
    world.delete(*world.rows)
    world.record(1)
    world.embed()
    world.load()
    assert world.retriever.index_manager.index is None
    assert "another database" in str(world.retriever.index_manager.state.problem)


def test_an_index_is_stale_when_too_many_rows_are_newer(
    growing: World,
) -> None:
    info = growing.retriever.index_manager.state.info
    assert info is not None
    for number in range(int(MAX_UNINDEXED * BASE)):
        assert growing.retriever.newer_than(info) == number
        assert not growing.retriever.stale
        growing.record(number)
        growing.embed()
    assert not growing.retriever.stale
    growing.record(1)
    assert not growing.retriever.stale  # it has no vector that an index could have
    growing.embed()
    assert growing.retriever.stale


def test_an_index_is_stale_when_too_much_of_it_is_gone(
    growing: World,
) -> None:
    gone = list(growing.rows)[: int(MAX_UNINDEXED * BASE) + 1]
    growing.delete(*gone[1:])
    growing.sync()
    assert not growing.retriever.stale
    growing.change(gone[0], task_description=description_of(BASE))  # its vector is gone, too
    growing.sync()
    assert growing.retriever.stale


def test_few_newer_rows_do_not_make_a_small_index_stale(world: World) -> None:
    world.delete(*list(world.rows)[: BASE // 2])
    for number in range(BASE // 2):
        world.record(number)
    world.embed()
    assert not world.retriever.stale


def test_no_index_is_stale_where_none_is_wanted(
    portal: BlockingPortal, prepared: Path, base: list[Execution], tmp_path: Path
) -> None:
    (tmp_path / "world").mkdir()
    shutil.copy(prepared / "learning.duckdb", tmp_path / "world")
    cases: list[tuple[SearchMode, int, bool]] = [
        ("exact", 0, False),
        ("auto", BASE + 1, False),
        ("auto", BASE, True),
        ("hnsw", BASE + 1, True),
    ]
    for mode, least, wanted in cases:
        path = tmp_path / "world" / "learning.duckdb"
        world = World(portal, path, path.parent, mode, least, rows=base)
        assert world.retriever.wants_index == wanted
        assert not world.retriever.stale  # too few for one that nobody asked for
        damaged(path.parent / FILE_NAME)
        world.load()
        assert world.retriever.stale == wanted
        (path.parent / FILE_NAME).unlink()
        world.close()


class Clock:
    """Tells the seconds that two kinds of work are said to take, one after the other."""

    def __init__(self, near: float, comparing: float) -> None:
        self._steps = (0.0, near, comparing)
        self._now = 0.0
        self._at = 0

    def __call__(self) -> float:
        self._now += self._steps[self._at % 3]
        self._at += 1
        return self._now


@pytest.mark.parametrize(
    ("near", "comparing", "mode"), [(0.002, 0.001, "exact"), (0.001, 0.002, "hnsw")]
)
def test_auto_uses_the_index_only_where_it_was_measured_to_be_faster(
    near: float,
    comparing: float,
    mode: str,
    portal: BlockingPortal,
    prepared: Path,
    base: list[Execution],
    built: Built,
    tmp_path: Path,
) -> None:
    values = {"rows": base, "clock": Clock(near, comparing)}
    with opened(portal, prepared, tmp_path / "world", "auto", **values) as world:
        for at_start in (True, False):
            if not at_start:
                world.retriever.replace_index(*built())
            assert world.retriever.mode == mode
            assert world.retriever.index_manager.index is not None
            assert world.find(description_of(3), like(3, 0)).mode == mode


@pytest.mark.parametrize(("mode", "least"), [("exact", 0), ("auto", BASE + 1)])
def test_an_index_that_was_built_is_not_used_where_searches_are_to_be_exact(
    mode: SearchMode,
    least: int,
    portal: BlockingPortal,
    prepared: Path,
    base: list[Execution],
    built: Built,
    tmp_path: Path,
) -> None:
    values = {"hnsw_min_rows": least, "rows": base, "clock": Clock(0.001, 0.002)}
    with opened(portal, prepared, tmp_path / "world", mode, **values) as world:
        assert world.retriever.mode == "exact"
        world.retriever.replace_index(*built())
        assert world.retriever.mode == "exact"
        assert world.find(description_of(3), like(3, 0)).mode == "exact"


def test_a_configured_index_is_used_however_slow_it_is(
    portal: BlockingPortal, prepared: Path, base: list[Execution], tmp_path: Path
) -> None:
    values = {"rows": base, "clock": Clock(9.0, 0.001)}
    with opened(portal, prepared, tmp_path / "world", "hnsw", **values) as world:
        assert world.retriever.mode == "hnsw"


def test_without_the_extension_searches_are_exact_and_say_how_to_mend_it(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_vss(tmp_path, monkeypatch)
    world.load()
    assert (world.retriever.mode, world.retriever.index_manager.index) == ("exact", None)
    assert f"duckdb-extension-vss=={duckdb.__version__}" in str(
        world.retriever.index_manager.state.problem
    )
    query = ask(description_of(3), like(3, 1))
    assert_exact(world, query, world.search(query))
    assert (world.directory / FILE_NAME).exists()


def test_an_index_that_fails_again_and_again_is_not_built_again_by_itself(
    world: World, built: Built
) -> None:
    for due in (True, False):
        index = world.retriever.index_manager.index
        assert index is not None
        index.close()  # every search on it fails from now on
        assert world.find(description_of(3), like(3, 0)).mode == "exact"
        assert world.retriever.stale is due
        world.retriever.replace_index(*built())

    assert world.find(description_of(3), like(3, 0)).mode == "hnsw"


def test_an_index_may_use_as_much_memory_as_it_has_bytes(tmp_path: Path) -> None:
    path = tmp_path / "large.duckdb"
    vss.connect(path).close()
    with path.open("r+b") as file:
        file.truncate(3 * 2**30)  # sparse: a gigabyte was too little for a file of four

    with vss.connect(path, read_only=True) as connection:
        (limit,) = connection.execute("SELECT current_setting('memory_limit')").fetchone() or ("",)

    assert limit == "3.0 GiB"
