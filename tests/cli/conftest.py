"""Running commands as people do: a process, in a home of its own."""

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

import anyio
import pytest
from typer.testing import CliRunner, Result

from mcp_learning.cli.app import app
from mcp_learning.settings import Settings
from mcp_learning.synthetic.loading import Plan, generate

Command = Callable[..., subprocess.CompletedProcess[str]]
Invoke = Callable[..., Result]
Ask = Callable[..., dict[str, Any]]
TypeIn = Callable[[str], None]


@contextmanager
def started(
    command: list[str],
    *,
    ignored: tuple[signal.Signals, ...] = (),
    stdout: int | IO[Any] | None = subprocess.PIPE,
    **options: Any,
) -> Iterator["subprocess.Popen[str]"]:
    """A running process, killed at the end of the block if it hasn't ended by then.

    Leaving a `Popen` block waits for the process instead: a test whose time is up would hang.

    Args:
        command: With its arguments.
        ignored: Signals that the process ignores from its start on. It has the default action of
            the others that end a command, also when the tests run as a background job.
        stdout: As `Popen` has it.
        options: Others of `Popen`.
    """
    process = subprocess.Popen(
        command,
        stdout=stdout,
        text=True,
        preexec_fn=partial(_set_signals, ignored),
        **options,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _set_signals(ignored: tuple[signal.Signals, ...]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Home and current directory of the commands; empty."""
    directory = tmp_path / "home"
    directory.mkdir()
    return directory


@pytest.fixture
def run(home: Path) -> Command:
    """Runs `mcp-learning ARGUMENTS` in `home`, as `commands_in` describes it."""
    return commands_in(home)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory; not made yet."""
    return tmp_path / "data"


@pytest.fixture
def ask(invoke: Invoke, data_dir: Path) -> Ask:
    """What a command on `data_dir` prints as JSON."""

    def ask(*arguments: str) -> dict[str, Any]:
        done = invoke(*arguments, "--json", "--data-dir", str(data_dir))
        assert done.exit_code == 0, done.stderr
        values: dict[str, Any] = json.loads(done.stdout)
        return values

    return ask


def commands_in(home: Path) -> Command:
    """Runs `mcp-learning ARGUMENTS` to its end, nothing of the machine's user in its environment.

    Keyword arguments are further environment variables.
    """
    kept = {name: value for name, value in os.environ.items() if "MCP_LEARNING" not in name}
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        kept.pop(name, None)

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-m", "mcp_learning", *arguments],
            cwd=home,
            env={**kept, "HOME": str(home), "COLUMNS": "400", **more},
            capture_output=True,
            encoding="utf-8",
            timeout=100,
            check=False,
        )

    return run


def invoked(*arguments: str, **more: str) -> Result:
    """What `mcp-learning ARGUMENTS` does in this process; `more` are environment variables."""
    loggers = logging.getLogger(), logging.getLogger("mcp_learning")
    levels, handlers = [one.level for one in loggers], loggers[0].handlers
    loggers[0].handlers = []  # or the command would leave the log to pytest
    try:
        return CliRunner().invoke(app, arguments, env=more)
    finally:
        loggers[0].handlers = handlers
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)  # doctor silences the second


@pytest.fixture
def invoke(home: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Runs `mcp-learning ARGUMENTS` in `home`, in this process: to start one takes a second.

    Keyword arguments are further environment variables.
    """
    monkeypatch.chdir(home)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("COLUMNS", "400")
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    return invoked


def generated_in(directory: Path, count: int) -> Path:
    """A data directory in `directory` with generated executions and their vectors."""
    settings = Settings.model_construct(data_dir=directory / "data")
    anyio.run(lambda: generate(settings, Plan(count), embed=True, progress=lambda *_: None))
    return settings.data_dir


class Shell(NamedTuple):
    """A POSIX shell that finds `mcp-learning` and `python`, in a home of its own."""

    home: Path
    command: Path
    environment: dict[str, str]

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Runs lines one after the other, until one fails."""
        return subprocess.run(
            ["sh", "-eux", "-c", script],
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )


@pytest.fixture
def shell(home: Path, tmp_path: Path) -> Shell:
    """A shell in `home`, which the commands take for their user's."""
    scripts = tmp_path / "bin"
    scripts.mkdir()
    for name, module in (("python", ""), ("mcp-learning", "-P -m mcp_learning")):
        command = scripts / name
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n')
        command.chmod(0o755)
    kept = {n: v for n, v in os.environ.items() if "MCP_LEARNING" not in n and "XDG" not in n}
    path = f"{scripts}{os.pathsep}{os.environ['PATH']}"
    return Shell(home, command, {**kept, "HOME": str(home), "PATH": path, "BROWSER": "true"})


@pytest.fixture
def type_in(shell: Shell, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> TypeIn:
    """Does a line as typed into the shell: `mcp-learning` in this process, all else in the shell.

    The shell expands the arguments. A line that fails is an error.
    """
    data_dir = shell.home / ".local" / "share" / "mcp-learning"  # as in the shell
    monkeypatch.setenv("MCP_LEARNING_DATA_DIR", str(data_dir))
    exported: dict[str, str] = {}

    def printed(line: str) -> str:
        done = shell.run(line)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def type_in(line: str) -> None:
        command, _, rest = line.partition(" ")
        if command == "export":
            name, _, value = rest.partition("=")
            shell.environment[name] = exported[name] = printed(f"printf %s {value}")
        elif command == "mcp-learning":
            assert not set("|<>&;") & set(rest), "is for a shell"
            done = invoke(*printed(f"printf '%s\\0' {rest}").split("\0")[:-1], **exported)
            assert done.exit_code == 0, f"{line}\n{done.output}"
            assert "Traceback" not in done.output
        else:
            printed(line)

    return type_in
