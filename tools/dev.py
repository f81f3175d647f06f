"""Sets up a checkout and runs a task in it, with nothing but Python at hand.

    python3 tools/dev.py TASK [ARGUMENT …]

The environment is `.venv` in the checkout, with the versions and hashes of requirements-dev.txt;
it is made again when that file or pyproject.toml changes.
"""

import hashlib
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
REQUIREMENTS = ROOT / "requirements-dev.txt"
BIN = ENVIRONMENT / ("Scripts" if sys.platform == "win32" else "bin")
PYTHON = BIN / ("python.exe" if sys.platform == "win32" else "python")

LINT = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",))
PYTEST = ("pytest", "-n", "logical", "--dist", "loadfile", "--no-loadscope-reorder")


def demo(*arguments: str) -> int:
    """Show the server at work on the commits of this repository (demo --repo PATH: of another)."""
    return run("mcp_learning", "demo", *arguments)


def check() -> int:
    """Run ruff and mypy."""
    return run_all(LINT)


def fast() -> int:
    """Run ruff, mypy and the tests without servers, commands and browsers."""
    return run_all((*LINT, (*PYTEST, "-m", "not process")))


def process() -> int:
    """Run the tests that start servers, commands and browsers."""
    return run(*PYTEST, "-m", "process")


def test(*arguments: str) -> int:
    """Run everything that CI runs; with arguments, pytest alone with these."""
    if arguments:
        return run("pytest", *arguments)
    return run_all((*LINT, PYTEST))


def benchmarks(*arguments: str) -> int:
    """Run `python -m benchmarks` with these arguments; without, say which benchmarks there are."""
    return run("benchmarks", *(arguments or ("--help",)))


def docs() -> int:
    """Build the documentation site in build/docs, with what docs/requirements.txt names."""
    pip("-r", str(ROOT / "docs" / "requirements.txt"))
    return run("sphinx", "-W", "--keep-going", "-q", "-b", "dirhtml", "docs", "build/docs")


def wheel() -> int:
    """Build the wheel and the source distribution in dist."""
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    return run("hatchling", "build", "-d", "dist")


def manifests() -> int:
    """Validate what the package is published with against the current schemas, from the network."""
    return run_all((("tools.manifests", "--check"), ("tools.manifests", "--validate")))


def lock() -> int:
    """Pin all versions anew, for every supported Python and platform, with hashes."""
    pip("uv")
    return run(
        *("uv", "pip", "compile", "pyproject.toml", "--group", "dev", "--universal"),
        *("--python-version", "3.11", "--generate-hashes", "--no-emit-index-url", "--no-annotate"),
        *("--no-header", "--upgrade", "-q", "-o", REQUIREMENTS.name),
    )


TASKS: dict[str, Callable[..., int]] = {
    task.__name__: task
    for task in (demo, check, fast, process, test, benchmarks, docs, wheel, manifests, lock)
}


def main() -> int:
    """Runs the named task; the exit status is its own."""
    name, *arguments = sys.argv[1:] or [""]
    if name not in TASKS or (arguments and name not in ("demo", "test", "benchmarks")):
        print(__doc__)
        for known, task in TASKS.items():
            print(f"    {known:<10} {task.__doc__}")
        return 2 if name and name not in ("help", "-h", "--help") else 0
    install()
    return TASKS[name](*arguments)


def install() -> None:
    """Makes the environment, unless it is there for these very requirements and this project."""
    pinned = REQUIREMENTS.read_bytes() + (ROOT / "pyproject.toml").read_bytes()
    wanted = hashlib.sha256(pinned).hexdigest()
    done = ENVIRONMENT / "requirements.sha256"
    if done.exists() and done.read_text() == wanted:
        return
    if sys.version_info < (3, 11) or sys.version_info >= (3, 14):
        sys.exit(f"Python 3.11 to 3.13 is needed; this is {sys.version.split()[0]}")
    print(f"installing into {ENVIRONMENT} …", flush=True)
    venv.create(ENVIRONMENT, clear=True, with_pip=True)
    pip("--require-hashes", "-r", str(REQUIREMENTS))
    pip("--no-deps", "--no-build-isolation", "-e", str(ROOT))
    done.write_text(wanted)


def pip(*arguments: str) -> None:
    """Installs with the environment's own pip."""
    command = [str(PYTHON), "-m", "pip", "install", "-q", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, cwd=ROOT)


def run_all(commands: Sequence[Sequence[str]]) -> int:
    """Runs commands until one fails; returns its status."""
    return next((status for command in commands if (status := run(*command))), 0)


def run(module: str, *arguments: str) -> int:
    """Runs a module of the environment in the checkout."""
    print("$", module, *arguments, flush=True)
    return subprocess.run([str(PYTHON), "-m", module, *arguments], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
