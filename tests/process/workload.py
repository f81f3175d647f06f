"""Random work for a server: records, updates, feedback, deletions, searches and rebuilds."""

import random
from typing import Any
from uuid import UUID

from process.life import Answer, Call, State
from process.truth import Truth

PARAPHRASES = (
    "users are sent back to the sign-in page again and again",
    "the report takes too long to download",
    "dates are shown in the wrong time zone",
    "a job is done twice when a worker restarts",
    "bake a chocolate cake for a birthday party",
)
TASKS = (
    "Fix the login redirect loop after the session has expired in {}",
    "Speed up the CSV export of invoices by {}",
    "Show dates in the time zone of the user in {}",
    "Stop {} from running the nightly job twice after a restart",
    "Rename the configuration option that {} reads",
    "Review the pull request that moves {} to its own package",
)
REPOS = ("acme/shop", "acme/billing", "scratch/one", "scratch/two")
TASK_TYPES = ("bug_fix", "performance", "refactor", "code_review")
OUTCOMES = ("success", "failure", "pending")
EXPECTED_FAILURES = ("under way", "nothing to index")
"""Of a rebuild: another one runs, or no execution has a vector yet."""

MOST_ROWS = 250
"""Rows above which more is forgotten than recorded, so that looking at all of them stays quick."""


class Workload:
    """Makes calls from a seeded random source and the truth, and takes in their answers."""

    def __init__(self, source: random.Random, truth: Truth) -> None:
        self.random = source
        self.truth = truth
        self.closing = False
        """Whether stdin was closed: calls may then be refused."""
        self._clearing: set[str] = set()

    def next_call(self) -> Call:
        """A call; the truth knows of it already."""
        crowded = len(self.truth.alive) > MOST_ROWS
        makers = {
            self.record: 10 if crowded else 80,
            self._update: 30,
            self._feedback: 15,
            self._forget: 80 if crowded else 20,
            self._forget_repo: 4,
            self._find: 20,
            self.rebuild: 1,
        }
        (make,) = self.random.choices(list(makers), list(makers.values()))
        call = make() or self.record()
        self.truth.send(call)
        return call

    def take(self, answer: Answer) -> None:
        """Checks an answer, and settles what it acknowledges."""
        call = answer.call
        if answer.failed:
            refused = self.closing or (
                call.tool == "rebuild_index" and any(w in answer.text for w in EXPECTED_FAILURES)
            )
            assert refused, f"{call.tool} {call.arguments}: {answer.text}"
            return
        content = answer.content
        match call.tool:
            case "record_execution":
                assert content["redactions"] == 0, call.arguments
                new = self.truth.possible[content["task_id"]][0] is None
                assert content["created"] is new, content
            case "forget_executions":
                assert content["executions"] == len(call.changes), (call, content)
                self._clearing.discard(call.arguments.get("repo", ""))
            case "submit_feedback":
                state = call.changes[content["task_id"]]
                assert state is not None
                assert content["feedback_count"] == state["feedback"], content
            case "find_similar_tasks":
                back = call.gone & {match["task_id"] for match in content["matches"]}
                assert not back, f"forgotten and yet found: {back}"
        self.truth.settle(call)

    def restarted(self) -> None:
        """Nothing is in flight any more."""
        self._clearing.clear()

    def questions(self, count: int) -> list[dict[str, Any]]:
        """Arguments of searches: paraphrases, identifiers, filters, texts of forgotten rows."""
        asked = [{"task_description": text} for text in PARAPHRASES]
        for task_id in self._some(self.truth.alive, count):
            state = self.truth.state(task_id) or {}
            fields = ("task_description", "solution_summary", "error_message")
            texts = [state[name] for name in fields if name in state]
            words = [word for text in texts for word in text.split() if "_" in word]
            asked.append({"task_description": self.random.choice(texts + words)})
        questions = []
        for question in asked:
            filters = self._filters() if self.random.random() < 0.5 else {}
            limit = self.random.choice((1, 5, 20, 50))
            questions.append({**question, **filters, "limit": limit, "max_tokens": 50_000})
        return questions

    def _filters(self) -> dict[str, Any]:
        choices = {"repo": REPOS, "task_type": TASK_TYPES, "outcome": OUTCOMES}
        names = self.random.sample(list(choices), self.random.choice((1, 1, 2)))
        return {name: self.random.choice(choices[name]) for name in names}

    def _some(self, task_ids: list[str], count: int) -> list[str]:
        return self.random.sample(task_ids, min(count, len(task_ids)))

    def _word(self) -> str:
        return f"module_{self.random.randrange(1_000_000)}_handler"

    def _fields(self) -> dict[str, Any]:
        # A few names only, so that some tasks have several runs.
        name = self._word() if self.random.random() < 0.6 else self.random.choice(TASK_TYPES)
        repos = [repo for repo in REPOS if repo not in self._clearing]
        fields: dict[str, Any] = {
            "task_type": self.random.choice(TASK_TYPES),
            "task_description": self.random.choice(TASKS).format(name),
            "outcome": self.random.choice(OUTCOMES),
            "repo": self.random.choice(repos) if repos else None,
            "approach": self.random.choice(("read the logs", "bisect", None)),
            "duration_seconds": self.random.choice((None, self.random.randrange(1, 900) / 4)),
        }
        if self.random.random() < 0.5:
            fields["solution_summary"] = f"Change {self._word()} and restart"
        if fields["outcome"] == "failure":
            fields["error_type"] = "crash"
            fields["error_message"] = f"KeyError raised in {self._word()}"
        if self.random.random() < 0.1:  # a long text, so that the log grows to its checkpoint
            fields["error_message"] = " ".join(self._word() for _ in range(400))
        return {name: value for name, value in fields.items() if value is not None}

    def record(self) -> Call:
        """A new execution."""
        task_id = str(UUID(int=self.random.getrandbits(128), version=4))
        fields = self._fields()
        used = self._some(self.truth.alive, self.random.choice((0, 0, 1, 3)))
        state = {**fields, "feedback": 0, "used": used}
        changes: dict[str, State] = {task_id: state}
        # The used ones are busy until this is answered: forgotten before it, they are refused.
        changes |= {task: self.truth.state(task) for task in used}
        return Call(
            "record_execution", {**fields, "task_id": task_id, "used_task_ids": used}, changes
        )

    def _update(self) -> Call | None:
        for task_id in self._some(self.truth.alive, 1):
            old, fields = self.truth.state(task_id), self._fields()
            assert old is not None
            if self.random.random() < 0.5:  # the outcome arrives later
                fields |= {"task_description": old["task_description"]}
            return Call(
                "record_execution", {**fields, "task_id": task_id}, {task_id: {**old, **fields}}
            )
        return None

    def _feedback(self) -> Call | None:
        for task_id in self._some(self.truth.alive, 1):
            old = self.truth.state(task_id)
            assert old is not None
            state = {**old, "feedback": old["feedback"] + 1}
            arguments = {"task_id": task_id, "rating": self.random.randint(1, 5)}
            return Call("submit_feedback", arguments, {task_id: state})
        return None

    def _forget(self) -> Call | None:
        chosen = self._some(self.truth.alive, self.random.choice((1, 1, 2, 5)))
        if not chosen:
            return None
        arguments = {"task_ids": chosen, "dry_run": False}
        return Call("forget_executions", arguments, dict.fromkeys(chosen))

    def _forget_repo(self) -> Call | None:
        repo = self.random.choice(REPOS[2:])
        doubtful = [s for t in self.truth.in_doubt for s in self.truth.possible[t]]
        if repo in self._clearing or any(s and s.get("repo") == repo for s in doubtful):
            return None  # which rows it would meet depends on what comes first
        alive = self.truth.alive
        chosen = [t for t in alive if (self.truth.state(t) or {}).get("repo") == repo]
        self._clearing.add(repo)  # nothing is recorded there until this is answered
        arguments = {"repo": repo, "dry_run": False}
        return Call("forget_executions", arguments, dict.fromkeys(chosen))

    def _find(self) -> Call:
        (question,) = self.random.sample(self.questions(3), 1)
        return Call("find_similar_tasks", question, gone=self.truth.gone)

    def rebuild(self) -> Call:
        """A rebuild of the index."""
        return Call("rebuild_index", {"preset": self.random.choice(("fast", "balanced"))})
