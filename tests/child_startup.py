"""Code that Python processes started by the product run first, to observe or hold them."""

import os
from pathlib import Path

import pytest


def run_at_start(directory: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Has every Python process that is started from now on run this code first.

    Args:
        directory: A folder for the code is made in it.
        monkeypatch: Undoes it.
        code: Of a module.
    """
    folder = directory / "startup"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)


def hold_at_start(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """From now on, Python processes stop at their start until the returned pipe is closed.

    Opening the pipe to write waits until one has stopped.
    """
    pipe = directory / "hold"
    os.mkfifo(pipe)
    run_at_start(directory, monkeypatch, f"open({str(pipe)!r}).read()\n")
    return pipe
