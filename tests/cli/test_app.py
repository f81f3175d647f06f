"""The group of commands knows each by name and help, and imports the one that is asked for."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from cli.conftest import Command as Run
from cli.conftest import Invoke, Shell, started
from store.rows import execution, migrated
from typer.testing import CliRunner

from mcp_learning.cli.app import COMMANDS, app
from mcp_learning.store.duckdb import executions

MODULES = {f"mcp_learning.cli.{command.module}" for command in COMMANDS.values()}


SCRIPT = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
from mcp_learning.cli import main
main()
"""


def imported(*arguments: str) -> set[str]:
    """The modules that `mcp-learning ARGUMENTS` imports."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    return set(done.stderr.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_the_group_says_what_the_command_says_of_itself(name: str) -> None:
    command = COMMANDS[name]
    assert (command.load().__doc__ or "").splitlines()[0] == command.help


@pytest.mark.parametrize("name", COMMANDS)
def test_usage_names_arguments_in_capitals_as_the_documentation_does(
    name: str, invoke: Invoke
) -> None:
    usage = invoke(name, "--help").stdout.strip().splitlines()[0].split(name, 1)[1]
    assert usage == usage.upper()


def test_the_help_of_the_group_lists_every_command(invoke: Invoke) -> None:
    listed = invoke("--help").stdout
    assert [name for name in COMMANDS if f" {name} " not in listed] == []


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_no_command_is_imported_to_show_what_there_is(argument: str) -> None:
    assert MODULES & imported(argument) == set()


def test_only_the_command_that_is_asked_for_is_imported() -> None:
    modules = imported("similar", "--help")
    assert MODULES & modules == {"mcp_learning.cli.similar"}
    assert not {"duckdb", "mcp.types", "anyio", "mcp_learning.settings"} & modules


def test_a_misspelt_command_is_answered_with_the_nearest(invoke: Invoke) -> None:
    done = invoke("similer")
    assert done.exit_code == 2
    assert "'similar'" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("stats --days 0", "must be greater than or equal to 1"),
        ("similar x --limit many", "must be a valid integer"),
    ],
)
def test_a_wrong_number_is_told_in_plain_words(words: str, said: str) -> None:
    done = CliRunner().invoke(app, words.split())
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.replace("\u2502", "").split())
    assert "Input should" not in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--http", ""), "give HOST:PORT"),
        (("--allow-host", "db.example.org"), "--allow-host: needs --http"),
        (("--new-token",), "--new-token: needs --http"),
        (("--http", "127.0.0.1:0", "--allow-host", "https://db.example.org"), "give NAME or NAME:"),
    ],
)
def test_an_option_that_would_have_no_effect_starts_no_server(
    invoke: Invoke, words: tuple[str, ...], said: str
) -> None:
    done = invoke("serve", *words)
    assert done.exit_code == 2
    assert said in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal of POSIX")
def test_on_a_terminal_the_server_says_what_it_is_and_what_it_waits_for(home: Path) -> None:
    ours, theirs = os.openpty()
    with started(
        [sys.executable, "-P", "-m", "mcp_learning", "--data-dir", str(home / "data")],
        stdin=theirs,
        stderr=subprocess.PIPE,
    ) as server:
        os.close(theirs)
        assert server.stderr is not None
        assert "waits for a client on stdin" in server.stderr.readline()
    os.close(ours)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_a_server_without_stdin_does_not_start(shell: Shell) -> None:
    done = shell.run("mcp-learning <&-")
    assert done.returncode == 2
    assert done.stderr.endswith("stdin is closed; a client has to be connected to it\n")
    asked = shell.run(
        "mcp-learning generate-data --count 3 --no-embed <&- && mcp-learning list <&-"
    )
    assert asked.returncode == 0, asked.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is of Linux")
def test_a_stdout_that_takes_nothing_is_one_line(shell: Shell) -> None:
    data_dir = shell.home / ".local" / "share" / "mcp-learning"
    data_dir.mkdir(parents=True, mode=0o700)
    with migrated(data_dir / "learning.duckdb") as cursor:
        executions.insert(cursor, execution())
    for command, place, problem in (
        ("list", ">/dev/full", "No space left on device"),
        ("stats --json", ">/dev/full", "No space left on device"),
        ("export -", ">/dev/full", "stdout can't be written: No space left on device"),
        ("export -", ">&-", "stdout is closed; give the path of a file"),
    ):
        done = shell.run(f"set +x; mcp-learning {command} {place}")
        lines = done.stderr.splitlines()[1:]  # after the line that says +x
        assert (done.returncode, lines) == (1, [f"mcp-learning: {problem}"])


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_a_text_that_stdout_can_not_encode_is_escaped(shell: Shell) -> None:
    data_dir = shell.home / ".local" / "share" / "mcp-learning"
    data_dir.mkdir(parents=True, mode=0o700)
    with migrated(data_dir / "learning.duckdb") as cursor:
        executions.insert(cursor, execution(task_description="fix the \u0142\u00f3d\u017a report"))
    done = shell.run("PYTHONIOENCODING=ascii mcp-learning list")
    assert done.returncode == 0, done.stderr
    assert "fix the \\u0142" in done.stdout


def test_a_path_that_the_system_refuses_is_one_line(run: Run) -> None:
    done = run("import", "jsonl", "a" * 5_000)
    assert done.returncode == 1
    assert done.stderr == f"mcp-learning: {'a' * 5_000}: File name too long\n"


INTERRUPTED = """
import signal, sys, weakref
from importlib.abc import MetaPathFinder
from mcp_learning.cli import main
class Module: pass
class Interrupting(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.startswith("mcp_learning.cli."):
            module = Module()
            reference = weakref.ref(module, lambda _: signal.raise_signal(signal.SIGINT))
            del module  # importing forgets its locks like this
sys.meta_path.insert(0, Interrupting())
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""


@pytest.mark.parametrize("words", ["stats", "hook claude-code"])
def test_a_command_that_is_interrupted_while_it_is_imported_ends_without_a_traceback(
    words: str,
) -> None:
    command = [sys.executable, "-c", INTERRUPTED, *words.split()]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100
    )
    assert (done.returncode, done.stderr) == (130, "mcp-learning: interrupted\n")


INTERRUPTED_QUERY = """
import os, signal, threading, time
import duckdb
from mcp_learning.cli import main
from mcp_learning.store.duckdb import copies

def endless(path):
    with duckdb.connect(config={"threads": 1}) as connection:
        threading.Thread(target=interrupt, args=(time.process_time(),), daemon=True).start()
        connection.execute("SELECT count(*) FROM range(1_000_000_000_000) t(n) WHERE hash(n) = 1")

def interrupt(started):  # when the query has begun, by the time of its threads
    while time.process_time() - started < 0.1:
        threading.Event().wait(0.01)
    os.kill(os.getpid(), signal.SIGINT)

copies.examine = endless
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize("name", ["restore", "doctor"])
def test_a_command_that_is_interrupted_in_a_query_ends_without_a_traceback(
    tmp_path: Path, name: str
) -> None:
    database = tmp_path / "learning.duckdb"
    duckdb.connect(str(database)).close()
    words = ["doctor", "--data-dir", str(tmp_path)]
    if name == "restore":
        words = ["restore", str(database), "--data-dir", str(tmp_path / "data")]
    command = [sys.executable, "-c", INTERRUPTED_QUERY, *words]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100
    )
    assert (done.returncode, done.stderr) == (130, "mcp-learning: interrupted\n")
