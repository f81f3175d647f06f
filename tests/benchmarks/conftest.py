"""Running `python -m benchmarks` in the tests' process: to start one takes two seconds."""

import sys
from collections.abc import Callable

import pytest

from benchmarks.__main__ import main

Run = Callable[..., tuple[str, str]]
Refusal = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process, to its status; what it printed to stdout and stderr."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(status: int, *arguments: str) -> tuple[str, str]:
        monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        assert (ended.value.code or 0) == status, printed.err
        return printed.out, printed.err

    return run


@pytest.fixture
def refusal(run: Run) -> Refusal:
    """What a command says in one line when it ends with status 1."""

    def refusal(*arguments: str) -> str:
        printed, said = run(1, *arguments)
        assert (printed, said.count("\n")) == ("", 1)
        return said

    return refusal
