"""Repositories that tests make: small, and with times of their own."""

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mcp_learning.clients.transfer import commits, git
from mcp_learning.clients.transfer.imported import Notes
from mcp_learning.models.requests import RecordExecution
from mcp_learning.models.transfer import PastExecution

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


class Repository:
    """A repository with a git that no configuration of the machine reaches."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str, day: float = 0) -> str:
        identity = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
        at = (BEGINNING + timedelta(days=day)).isoformat()
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            ["git", *identity, *arguments],
            cwd=self.path,
            env=environment | {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def commit(self, message: str, *paths: str, day: float = 0, text: str = "") -> str:
        """Adds a line to files, or gives them a text, and commits all that is there."""
        for path in paths:
            file = self.path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("w" if text else "a") as opened:
                opened.write(text or f"{message}\n")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}", day=day)
        return self.git("rev-parse", "HEAD")

    def learn(self, limit: int = 100) -> list[RecordExecution]:
        return commits.executions(git.read(self.path, limit))

    def past(self) -> list[PastExecution]:
        return list(commits.past_executions(git.read(self.path, 100), Notes()))

    def outcomes(self) -> dict[str, tuple[str, float | None]]:
        """Outcome and its confidence by the first line of the description."""
        return {
            task.task_description.partition("\n")[0]: (
                task.outcome,
                task.details.outcome_confidence,
            )
            for task in self.learn()
        }
