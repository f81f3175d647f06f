"""What is published: the package for users, nothing that only a checkout needs."""

import tarfile
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parent.parent
LARGEST_WHEEL = 26 * 2**20
ONLY_IN_A_CHECKOUT = {"benchmarks", "tests", "tools", ".ci", ".github"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(directory), versions=["standard"])
    return Path(built)


def test_the_wheel_holds_the_package_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [Path(name).parts for name in archive.namelist()]
    assert {top.partition("-")[0] for top, *_ in names} == {"mcp_learning"}
    parts = {part for name in names for part in name}
    assert not parts & ONLY_IN_A_CHECKOUT
    assert not [name for name in names if name[-1].startswith("test_")]
    assert ("mcp_learning", "cli", "benchmark.py") in names
    assert ("mcp_learning", "embed", "minilm", "model.onnx") in names
    market = ("mcp_learning", "marketplace")
    assert (*market, ".claude-plugin", "marketplace.json") in names
    assert (*market, "plugin", "skills", "learning", "SKILL.md") in names


def test_the_wheel_is_small_enough_to_download_at_once(wheel: Path) -> None:
    assert wheel.stat().st_size <= LARGEST_WHEEL


def test_the_source_distribution_holds_no_benchmark_test_or_tool(tmp_path: Path) -> None:
    (built,) = SdistBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with tarfile.open(built) as archive:
        names = [Path(name).parts[1:] for name in archive.getnames()]
    assert ("mcp_learning", "__main__.py") in names
    assert ("pyproject.toml",) in names
    assert not {part for name in names for part in name} & ONLY_IN_A_CHECKOUT


def test_the_product_imports_nothing_that_only_a_checkout_has() -> None:
    importing = [
        str(file)
        for file in (ROOT / "mcp_learning").rglob("*.py")
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.lstrip().startswith(("from benchmarks", "import benchmarks", "from tests"))
    ]
    assert importing == []
