"""Agents and commands at work on one data directory, while their processes get signals.

Whoever asks for something notes it in the ledger. What a signal, or a directory that was moved
away, excuses is said in one place each; everything else that fails is a finding.
"""

import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from process.ledger import Ledger

PATIENCE = 150.0
"""Seconds after which something that is waited for is taken for lost."""

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)


class Gate:
    """Lets many work at the same time, or one alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside: list[str] = []
        self._closed = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Waits until nobody works alone."""
        name = threading.current_thread().name
        with self._changed:
            assert self._changed.wait_for(lambda: not self._closed, PATIENCE), "never opened"
            self._inside.append(name)
        try:
            yield
        finally:
            with self._changed:
                self._inside.remove(name)
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Waits until nobody works, and lets nobody begin."""
        with self._changed:
            self._closed = True
            if not self._changed.wait_for(lambda: not self._inside, PATIENCE):
                raise AssertionError(f"still waiting for an answer: {self._inside}")
        try:
            yield
        finally:
            with self._changed:
                self._closed = False
                self._changed.notify_all()


@dataclass(eq=False)
class Target:
    """A process that may get signals.

    Attributes:
        name: What it is.
        process: The process.
        polite: Whether it has come so far that SIGTERM and SIGINT end it cleanly.
        sent: Signals that it got.
    """

    name: str
    process: subprocess.Popen[bytes]
    polite: bool = False
    sent: list[signal.Signals] = field(default_factory=list)

    @property
    def doomed(self) -> bool:
        """Whether it got a signal that ends it."""
        return any(one in ENDING for one in self.sent)


class Trouble:
    """What agents, commands and the one who disturbs them share.

    Attributes:
        data_dir: The data directory that all of them use.
        files: Directory for what commands read and write, beside it.
        ledger: What was asked for and acknowledged.
        calls: Held by each call of an agent.
        starts: Held while a server starts, and by each command: by all that may make a database.
        over: Set when all shall come to an end.
        history: What happened, and when.
        moves: Times that the directory was moved, away or back: an odd number while it is away.
    """

    def __init__(self, directory: Path, seed: int, pauses: Sequence[float]) -> None:
        self.data_dir, self.files = directory / "data", directory / "files"
        self.files.mkdir()
        self._log = directory / "history.txt"
        self.ledger = Ledger()
        self.calls, self.starts = Gate(), Gate()
        self.over, self.present = threading.Event(), threading.Event()
        self.present.set()
        self.moves = 0
        self.failures: list[str] = []
        self.history: list[str] = []
        self.random = random.Random(seed)
        self._pauses = pauses
        self._began = time.monotonic()
        self._targets: list[Target] = []
        self._stopped: list[threading.Timer] = []

    def note(self, event: str) -> None:
        """Adds to the history, which a failure shows."""
        self.history.append(f"{time.monotonic() - self._began:7.2f} {event}")
        with self._log.open("a") as file:
            file.write(self.history[-1] + "\n")

    def fail(self, who: str, error: BaseException) -> None:
        """Notes what went wrong for a thread; the others come to an end."""
        with self.ledger.changed:
            self.failures.append(f"{who}: {type(error).__name__}: {error}")
            self.over.set()
            self.ledger.changed.notify_all()

    def raise_failures(self) -> None:
        """Raises what went wrong for any thread."""
        assert not self.failures, "\n".join(self.failures)

    def wait_for_writes(self, count: int) -> None:
        """Waits until so many more writes were acknowledged."""
        reached = self.ledger.acknowledged + count
        with self.ledger.changed:
            assert self.ledger.changed.wait_for(
                lambda: self.failures or self.ledger.acknowledged >= reached, PATIENCE
            ), "nothing is acknowledged any more"
        self.raise_failures()

    @contextmanager
    def target(self, target: Target) -> Iterator[Target]:
        """Has a process among those that get signals."""
        self._targets.append(target)
        try:
            yield target
        finally:
            self._targets.remove(target)

    def targets(self, name: str = "") -> list[Target]:
        """The processes that run, by the beginning of their name."""
        running = [one for one in self._targets if one.process.poll() is None]
        return [one for one in running if one.name.startswith(name)]

    def disturb(self) -> None:
        """Sends a random signal to a random process."""
        commands = self.targets("command")
        servers = self.targets("server")
        chosen = commands if commands and self.random.random() < 0.4 else servers
        if not chosen:
            return
        target = self.random.choice(chosen)
        kinds = {signal.SIGKILL: 4, signal.SIGSTOP: 3}
        if target.polite:
            kinds |= {signal.SIGTERM: 2, signal.SIGINT: 2}
        (kind,) = self.random.choices(list(kinds), list(kinds.values()))
        self.send(target, kind)

    def send(self, target: Target, kind: signal.Signals) -> None:
        """Sends a signal; after SIGSTOP, SIGCONT follows when one of the pauses is over."""
        target.sent.append(kind)  # first: what it says next may be due to it
        self.note(f"{kind.name} to {target.name} {target.process.pid}")
        target.process.send_signal(kind)
        if kind == signal.SIGSTOP:
            pause = self.random.choice(self._pauses)
            timer = threading.Timer(pause, target.process.send_signal, [signal.SIGCONT])
            timer.daemon = True
            self._stopped.append(timer)
            timer.start()

    def wait_for_stopped(self) -> None:
        """Waits until every process that was stopped goes on."""
        for timer in self._stopped:
            timer.join()
        self._stopped = []
