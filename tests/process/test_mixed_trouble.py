"""Signals to agents and commands, restores and a moved directory: nothing lost, back, or twice.

What was acknowledged is noted in this process, and compared with all that is stored again and
again. `docs/runbooks/proofs.md` has the long form.
"""

import json
import os
import random
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path

import psutil
import pytest
from process.ledger import Ledger, Stored
from process.trouble import Trouble
from process.troubled_agents import TroubledAgent
from process.troubled_commands import KINDS, Commands, Imported, stored_in

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="needs signals, and moves an open file"),
    pytest.mark.timeout(3_600),
]

AGENTS = 4
ROWS_PER_SIGNAL = 8
"""Executions that are imported, for each signal."""

RESTORE_AFTER = 5
"""Signals from one restore to the next."""

LONG = 50
"""Signals from which on processes are stopped for longer, too."""

PAUSES, LONG_PAUSE = (0.2, 1.0, 3.0), 8.0
"""Seconds for which a process is stopped. After about five, others give a leader up."""

KEPT = {
    "learning.duckdb",
    "run",
    "run/leader.lock",
    "index",
    "index/words.bin",
    "index/hnsw.duckdb",
}
KEPT |= {"backups", "archive"}
"""What is in a data directory that nobody uses."""


class Harness:
    """Agents and commands, and the one who disturbs them."""

    def __init__(self, directory: Path, signals: int, seed: int) -> None:
        pauses = PAUSES if signals < LONG else (*PAUSES, LONG_PAUSE)
        self.trouble = Trouble(directory, seed, pauses)
        self.ledger = self.trouble.ledger
        source = random.Random(seed)
        sizes = dict(zip(KINDS, (ROWS_PER_SIGNAL * signals, 40, 40), strict=True))
        files = [
            Imported(self.trouble.files / f"{kind}.jsonl", kind, rows, source)
            for kind, rows in sizes.items()
        ]
        self.agents = [TroubledAgent(self.trouble, number, seed) for number in range(AGENTS)]
        for number, agent in enumerate(self.agents):
            for file in files[:2]:
                agent.adopt(list(file.rows)[number::AGENTS])
        self.commands = Commands(self.trouble, files, seed)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Has all work meanwhile, and end then."""
        threads = [*self.agents, self.commands]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.trouble.wait_for_stopped()
            self.trouble.over.set()
            self.trouble.present.set()
            for thread in threads:
                thread.join(120)
            for target in self.trouble.targets():
                self.trouble.fail(target.name, AssertionError("doesn't end"))
                target.process.kill()
        self.trouble.raise_failures()

    def settle(self) -> None:
        """Compares all that is stored, through whoever leads, while nobody asks for anything."""
        self.trouble.wait_for_stopped()
        with self.trouble.starts.alone(), self.trouble.calls.alone():
            self.trouble.raise_failures()
            for agent in self.agents:
                agent.mark()
            self.commands.import_again("later")
            found = self.commands.export()
            twice = {one: states for one, states in found.items() if len(states) > 1}
            assert not twice, twice
            self.ledger.settle({one: state for one, (state,) in found.items()})
            if self.commands.backups:
                self.commands.restore()  # is refused while a server leads
        self.trouble.note("all is as acknowledged")

    def move(self) -> None:
        """Moves the directory away for a while; a process may be killed meanwhile."""
        data_dir = self.trouble.data_dir
        elsewhere = data_dir.with_name("elsewhere")
        with self.trouble.starts.alone():
            self.trouble.moves += 1
            self.trouble.present.clear()
            data_dir.rename(elsewhere)
            self.trouble.note("the directory is away")
            if self.trouble.random.random() < 0.5:
                self.trouble.disturb()
            status, errors, _ = self.commands.command("stats")
            assert (status, "there is no database" in errors) == (1, True), errors
            assert not data_dir.exists(), "made where there was none"
            elsewhere.rename(data_dir)
            self.trouble.moves += 1
            self.trouble.note("the directory is back")
            self.trouble.present.set()

    def restore(self) -> None:
        """Goes back to a backup when the leader was killed; calls in flight wait for it."""
        source = self.trouble.random
        self.trouble.wait_for_stopped()
        with self.trouble.starts.alone():
            while not self.commands.backups:
                self.commands.backup()
            first = self.commands.restored == 0
            self._take_leader_away(all_of_them=first or source.random() < 0.2)
            victim = threading.Timer(source.random() * 3, self._disturb_restore)
            if source.random() < 0.6:
                victim.start()
            self.commands.restore()
            victim.cancel()

    def _take_leader_away(self, *, all_of_them: bool) -> None:
        """Kills the leader while the others are stopped, or everybody."""
        servers = self.trouble.targets("server")
        followers = [one for one in servers if one.process.pid != self._leader()]
        for target in followers:
            if all_of_them or self.trouble.random.random() < 0.2:
                self.trouble.send(target, signal.SIGKILL)
            else:
                self.trouble.send(target, signal.SIGSTOP)
        for target in servers:
            if target not in followers:
                self.trouble.send(target, signal.SIGKILL)
            if target.doomed:
                target.process.wait(timeout=60)

    def _leader(self) -> int:
        address = self.trouble.data_dir / "run" / "leader.json"
        try:
            return int(json.loads(address.read_text())["leader"]["pid"])
        except FileNotFoundError:
            return 0

    def _disturb_restore(self) -> None:
        for target in self.trouble.targets("command restore"):
            kinds = [signal.SIGKILL, *((signal.SIGTERM, signal.SIGINT) if target.polite else ())]
            self.trouble.send(target, random.choice(kinds))


def processes_of(directory: Path) -> list[psutil.Process]:
    """Processes that were told of a directory, whoever is their parent now."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            told = [*process.cmdline(), *process.environ().values()]
            if process.pid != os.getpid() and any(str(directory) in one for one in told):
                found.append(process)
    return found


def assert_nothing_left(directory: Path) -> None:
    """No process, and no file but those that the runbooks name."""
    _, left = psutil.wait_procs(processes_of(directory), timeout=30)
    assert not left, [process.cmdline() for process in left]
    data_dir = directory / "data"
    files = {path.relative_to(data_dir).as_posix() for path in data_dir.rglob("*")}
    patterns = ("backups/replaced-*.duckdb", "archive/*.parquet")
    more = {one for one in files - KEPT if not any(fnmatch(one, pattern) for pattern in patterns)}
    assert not more, more


def told(ledger: Ledger, task_id: str, outcome: str, *, answered: bool = True) -> None:
    write = ledger.begin({task_id: lambda _: frozenset({Stored("a", outcome)})})
    if answered:
        ledger.acknowledge(write)
    else:
        ledger.leave_open(write)


@pytest.mark.parametrize(
    ("stored", "what"),
    [
        ({}, "lost"),
        ({"1": Stored("a", "failure"), "2": Stored("a", "pending")}, "an older value"),
        ({"1": Stored("a", "success", feedback=1), "2": Stored("a", "pending")}, "done twice"),
        ({"1": Stored("a", "success"), "3": Stored("a", "pending")}, "never written"),
    ],
)
def test_the_ledger_notices(stored: dict[str, Stored], what: str) -> None:
    ledger = Ledger()
    told(ledger, "1", "failure")
    told(ledger, "1", "success")
    told(ledger, "2", "pending", answered=False)
    ledger.check({"1": Stored("a", "success")}, ledger.all_possible())
    ledger.check({"1": Stored("a", "success"), "2": Stored("a", "pending")}, ledger.all_possible())
    with pytest.raises(AssertionError, match="rows differ"):
        ledger.settle(stored)


def test_the_ledger_takes_overlapping_writes_in_either_order_and_others_in_their_own() -> None:
    ledger = Ledger()
    told(ledger, "1", "pending")
    restore = ledger.begin({"1": lambda _: frozenset({None})})
    told(ledger, "1", "failure")
    told(ledger, "1", "success")
    ledger.acknowledge(restore)
    assert ledger.possible("1") == {None, Stored("a", "success")}
    told(ledger, "1", "failure")
    assert ledger.possible("1") == {Stored("a", "failure")}


def test_nothing_acknowledged_is_lost_nothing_forgotten_is_back_and_nothing_is_there_twice(
    tmp_path: Path, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    signals, seed = pytestconfig.getoption("trouble"), pytestconfig.getoption("seed")
    harness = Harness(tmp_path, signals, seed)
    trouble = harness.trouble
    try:
        with harness.working():
            for number in range(1, signals + 1):
                trouble.wait_for_writes(trouble.random.randint(1, 12))
                trouble.over.wait(trouble.random.random())  # signals fall between writes, too
                trouble.disturb()
                if number % RESTORE_AFTER == 0:
                    harness.restore()
                    trouble.wait_for_writes(1)
                if number % 10 == 3:
                    harness.move()
                if number % 5 == 2 or number == signals:
                    harness.settle()
        harness.ledger.check(
            stored_in(trouble.data_dir / "learning.duckdb"), harness.ledger.all_possible()
        )
        assert_nothing_left(tmp_path)
        assert harness.commands.restored or signals < RESTORE_AFTER
    except BaseException as error:
        history = "\n".join(trouble.history[-200:])
        why = "\n".join([str(error), *trouble.failures])
        raise AssertionError(f"--trouble {signals} --seed {seed}: {why}\n{history}") from error
    with capsys.disabled():
        print(  # noqa: T201 - what the long form is run for
            f"\n{signals} signals, {harness.ledger.acknowledged} writes acknowledged, "
            f"{harness.ledger.in_doubt} not answered, {harness.ledger.settled} rows compared, "
            f"{harness.commands.restored} restores (seed {seed})"
        )
