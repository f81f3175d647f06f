"""Sets up a checkout and runs a task in it, with nothing but Python at hand.

    python3 tools/dev.py demo     installs, then shows the server at work on this repository
    python3 tools/dev.py test     installs, then runs every check that CI runs; with arguments:
                                  pytest alone, with these
    python3 tools/dev.py lock     rewrites requirements-dev.txt from pyproject.toml

The environment is `.venv` in the checkout, with the versions and hashes of requirements-dev.txt;
it is made again when that file changes.
"""

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
REQUIREMENTS = ROOT / "requirements-dev.txt"
BIN = ENVIRONMENT / ("Scripts" if sys.platform == "win32" else "bin")
PYTHON = BIN / ("python.exe" if sys.platform == "win32" else "python")

CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("pytest", "-n", "auto", "--dist", "loadfile"),
)


def main() -> int:
    """Runs the named task; the exit status is its own."""
    task, *arguments = sys.argv[1:] or ["help"]
    if task == "demo":
        install()
        return run("mcp_learning", "demo", *arguments)
    if task == "test":
        install()
        if arguments:
            return run("pytest", *arguments)
        return next((status for check in CHECKS if (status := run(*check))), 0)
    if task == "lock":
        install()
        return lock()
    print(__doc__)
    return 2


def install() -> None:
    """Makes the environment, unless it is there for these very requirements and this project."""
    pinned = REQUIREMENTS.read_bytes() + (ROOT / "pyproject.toml").read_bytes()
    wanted = hashlib.sha256(pinned).hexdigest()
    stamp = ENVIRONMENT / "requirements.sha256"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if sys.version_info < (3, 11) or sys.version_info >= (3, 14):
        sys.exit(f"Python 3.11 to 3.13 is needed; this is {sys.version.split()[0]}")
    print(f"installing into {ENVIRONMENT} …", flush=True)
    venv.create(ENVIRONMENT, clear=True, with_pip=True)
    pip("--require-hashes", "-r", str(REQUIREMENTS))
    pip("--no-deps", "--no-build-isolation", "-e", str(ROOT))
    stamp.write_text(wanted)


def pip(*arguments: str) -> None:
    """Installs with the environment's own pip."""
    command = [str(PYTHON), "-m", "pip", "install", "-q", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, cwd=ROOT)


def run(module: str, *arguments: str) -> int:
    """Runs a module of the environment in the checkout."""
    print("$", module, *arguments, flush=True)
    return subprocess.run([str(PYTHON), "-m", module, *arguments], cwd=ROOT, check=False).returncode


def lock() -> int:
    """Pins everything, for all supported Pythons and platforms, with hashes and without hosts."""
    pip("uv")
    return run(
        *("uv", "pip", "compile", "pyproject.toml", "--group", "dev", "--universal"),
        *("--python-version", "3.11", "--generate-hashes", "--no-emit-index-url", "--no-annotate"),
        *("--no-header", "--upgrade", "-q", "-o", REQUIREMENTS.name),
    )


if __name__ == "__main__":
    sys.exit(main())
