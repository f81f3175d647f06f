"""What was told of an execution stays, whatever a source observes of it later."""

from datetime import UTC, datetime
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_learning.clients.transcripts import claude_code, codex, copilot, gemini
from mcp_learning.models.provenance import (
    apply_verdict,
    merge_source,
    told_fields,
    with_told_fields,
)
from mcp_learning.models.results import Execution
from mcp_learning.models.verdicts import OBSERVERS, PENDING, Source, Verdict, reason, with_noted

CLIENTS = (claude_code, codex, copilot, gemini)
THEN = datetime(2025, 1, 1, tzinfo=UTC)
OBSERVED = {"metadata": {"source": "claude-code", "tools": {"Bash": 1}}}


def execution(**values: Any) -> Execution:
    known = {"task_type": "task", "task_description": "mend it", "outcome": "pending", **values}
    return Execution(task_id=uuid4(), recorded_at=THEN, updated_at=THEN, **known)


def tell(stored: Execution, **values: Any) -> Execution:
    return stored.model_copy(update=with_told_fields(stored, values))


def observe(stored: Execution, **values: Any) -> Execution:
    return merge_source(stored, {"outcome": "pending", **OBSERVED, **values})


def test_the_clients_whose_sessions_are_read_and_git_are_observers() -> None:
    assert {module.SOURCE for module in CLIENTS} | {"git"} == OBSERVERS


@pytest.mark.parametrize("client", CLIENTS)
def test_a_told_outcome_and_solution_stay_and_the_rest_goes_on(client: ModuleType) -> None:
    observed = {"metadata": {"source": client.SOURCE, "tools": {"Bash": 1}}}
    one = execution(**observed, solution_summary="I look.", duration_seconds=1.0)
    one = tell(one, outcome="success", solution_summary="cleared the cookie")
    more = {"source": client.SOURCE, "tools": {"Bash": 9}}
    one = observe(one, solution_summary="Bye.", duration_seconds=9.0, metadata=more)
    assert (one.outcome, one.solution_summary) == ("success", "cleared the cookie")
    assert one.duration_seconds == 9.0
    assert one.metadata == {**more, "told": ["outcome", "solution_summary"]}


def test_an_outcome_that_a_record_says_to_be_inferred_is_replaced_by_those_who_know() -> None:
    inferred = {"outcome": "success", "outcome_basis": "tests", "outcome_confidence": 0.9}
    one = execution(**inferred)
    for _ in range(2):  # sessions that show nothing
        one = observe(one)
        assert known(one) == ("success", "tests", 0.9)
    one = observe(show(one, COMMITTED))
    assert known(one) == ("pending", "none", 0.0), "the session takes its own word back"
    assert known(apply_verdict(execution(**inferred), "git", REVERTED)) == ("failure", "git", 0.95)


def test_a_field_that_was_cleared_stays_empty_until_it_is_told() -> None:
    one = tell(execution(**OBSERVED, error_message="1 failed"), error_message=None)
    one = observe(one, error_message="1 failed", solution_summary="Bye.")
    assert (one.error_message, one.solution_summary) == (None, "Bye.")
    one = observe(tell(one, error_message="the disk was full"), error_message="1 failed")
    assert one.error_message == "the disk was full"


def test_to_what_was_told_as_a_whole_the_observed_is_added() -> None:
    one = execution(outcome="success", approach="a")
    for seconds in (1.0, 2.0):
        one = observe(one, task_description="go on", duration_seconds=seconds)
        assert (one.task_description, one.outcome) == ("mend it", "success")
        assert one.duration_seconds == seconds


def test_a_crash_that_was_observed_is_none_when_the_session_goes_on() -> None:
    one = observe(execution(**OBSERVED), outcome="failure", error_type="crash")
    assert (one.outcome, one.error_type) == ("failure", "crash")
    one = observe(one)
    assert (one.outcome, one.error_type) == ("pending", None)


def test_an_error_after_which_the_session_went_on_goes_unless_it_was_told() -> None:
    one = observe(execution(**OBSERVED), error_message="1 failed", solution_summary="I look.")
    assert observe(one, solution_summary="Mended.").error_message is None
    one = tell(one, error_message="the disk was full")
    assert observe(one, solution_summary="Mended.").error_message == "the disk was full"


def test_a_table_without_outcomes_does_not_know_them() -> None:
    one = merge_source(execution(outcome="failure"), {"outcome": "pending", "approach": "b"})
    assert (one.outcome, one.approach) == ("failure", "b")


def test_what_another_database_was_told_later_replaces() -> None:
    one = tell(execution(**OBSERVED), outcome="failure", approach="a")
    metadata = {"source": "claude-code", "told": ["outcome"]}
    one = merge_source(one, {"outcome": "success", "approach": "guess", "metadata": metadata})
    assert (one.outcome, one.approach) == ("success", "a")


def test_an_outcome_that_was_told_before_names_were_kept_stays() -> None:
    one = observe(execution(**OBSERVED, outcome="success", solution_summary="so"))
    assert (one.outcome, one.solution_summary) == ("success", "so")
    one = observe(execution(**OBSERVED, outcome="failure", error_type="timeout"))
    assert (one.outcome, one.error_type) == ("failure", "timeout")


def test_metadata_that_was_told_stays() -> None:
    one = tell(execution(**OBSERVED), outcome="success", metadata={"ticket": 7})
    one = observe(one)
    assert one.metadata is not None
    assert one.metadata["ticket"] == 7
    own = {"source": "a tracker", "ticket": 8}
    one = observe(execution(outcome="success", metadata=own), duration_seconds=1.0)
    assert (one.metadata, one.outcome) == (own, "success")


FIELDS = {
    "outcome": st.sampled_from(["success", "failure", "pending"]),
    "solution_summary": st.sampled_from("ab"),
    "approach": st.sampled_from("ab"),
    "error_type": st.sampled_from(["crash", "timeout"]),
    "duration_seconds": st.sampled_from([1.0, 2.0]),
    "metadata": st.sampled_from([{"a": 1}, {"source": "codex"}, {"source": "else"}, {"told": 3}]),
}
SAID = st.fixed_dictionaries({}, optional=FIELDS)


@given(st.booleans(), st.lists(st.tuples(st.booleans(), SAID), max_size=6))
def test_whatever_is_told_and_observed_each_field_is_as_it_was_told_last(
    is_observed: bool, steps: list[tuple[bool, dict[str, Any]]]
) -> None:
    one = execution(**OBSERVED) if is_observed else execution()
    last: dict[str, Any] = {}
    for number, (is_told, said) in enumerate(steps):
        if is_told:
            one, again = tell(one, **said), tell(tell(one, **said), **said)
            assert one == again
            last |= said
            if last.get("outcome") == "pending":
                del last["outcome"]
        else:
            guessed = ("solution_summary", "approach", "duration_seconds")
            observed = {name: said[name] for name in guessed if name in said}
            if said.get("error_type") == "crash":
                observed |= {"outcome": "failure", "error_type": "crash"}
            metadata = {"source": "claude-code", "step": number}
            one = observe(one, **observed, metadata=metadata)
        for name, value in last.items():
            if name != "metadata":
                assert getattr(one, name) == value, name
            else:
                assert one.metadata is not None
                assert value.get("a") == one.metadata.get("a")
        assert told_fields(dict(one)) >= last.keys() - {"metadata"}


def test_a_told_outcome_is_certain_unless_it_is_told_otherwise() -> None:
    one = tell(execution(**OBSERVED), outcome="success")
    assert (one.outcome_basis, one.outcome_confidence) == ("told", 1.0)
    one = tell(one, outcome="failure", outcome_confidence=0.6)
    assert (one.outcome_basis, one.outcome_confidence) == ("told", 0.6)
    assert tell(one, outcome="failure") == one, "told again, it stays as it was told"
    one = tell(one, outcome="pending")
    assert (one.outcome_basis, one.outcome_confidence) == ("none", 0.0)


def test_what_a_source_says_of_a_told_outcome_leaves_its_basis() -> None:
    seen = {"outcome": "failure", "outcome_basis": "tests", "outcome_confidence": 0.8}
    one = observe(execution(outcome="success"), **seen)
    assert (one.outcome, one.outcome_basis) == ("success", "told")
    one = observe(execution(**OBSERVED), **seen)
    assert (one.outcome, one.outcome_basis, one.outcome_confidence) == ("failure", "tests", 0.8)


TESTS_FAILED = Verdict("failure", "tests", 0.9, "the last tests failed")
COMMITTED = Verdict("success", "git", 0.95, "commit 1a2b3c4")
REVERTED = Verdict("failure", "git", 0.95, "reverted by 5d6e7f8", "2025-02-01T00:00:00+00:00")
PASSED = Verdict("success", "ci", 0.9, "7 tests passed", "2025-03-01T00:00:00+00:00")


def show(stored: Execution, verdict: Verdict) -> Execution:
    """What the reading of a session says, as a source gives it."""
    seen = {
        "outcome": verdict.outcome,
        "outcome_basis": verdict.basis,
        "outcome_confidence": verdict.confidence,
    }
    metadata = with_noted(OBSERVED["metadata"], {"session": verdict})
    return merge_source(stored, {**OBSERVED, **seen, "metadata": metadata})


def known(one: Execution) -> tuple[str, str, float]:
    return one.outcome, one.outcome_basis, one.outcome_confidence


def test_facts_against_a_told_outcome_lower_its_confidence_and_say_why() -> None:
    for stored in (execution(outcome="success"), tell(execution(**OBSERVED), outcome="success")):
        one = show(stored, TESTS_FAILED)
        assert (one.outcome, one.outcome_basis) == ("success", "told")
        assert one.outcome_confidence == 0.556
        assert reason(dict(one)) == "told success, but tests says failure: the last tests failed"
        assert show(one, TESTS_FAILED) == one
        assert tell(one, outcome="success") == one, "the same words add nothing"
        assert known(show(one, COMMITTED)) == ("success", "told", 1.0), "the later reading counts"
        assert known(tell(one, outcome="failure")) == ("failure", "told", 1.0)


def test_a_told_confidence_is_what_facts_lower() -> None:
    one = tell(execution(**OBSERVED), outcome="success", outcome_confidence=0.6)
    doubted = show(one, TESTS_FAILED)
    assert doubted.outcome_confidence == 0.333
    assert known(show(doubted, COMMITTED)) == ("success", "told", 0.6)


def test_history_corrects_what_a_session_showed_and_a_later_reading_leaves_it() -> None:
    one = show(execution(**OBSERVED), COMMITTED)
    assert known(one) == ("success", "git", 0.95)
    assert reason(dict(one)) == "git: commit 1a2b3c4"
    one = apply_verdict(one, "git", REVERTED)
    assert known(one) == ("failure", "git", 0.95)
    assert known(show(one, COMMITTED)) == ("failure", "git", 0.95)
    assert known(observe(one)) == ("failure", "git", 0.95), "who doesn't know replaces nothing"
    one = apply_verdict(one, "ci", PASSED)
    assert known(one) == ("success", "ci", 0.9), "of git and ci, the later one counts"
    withdrawn = PENDING._replace(at=PASSED.at)
    one = apply_verdict(apply_verdict(one, "ci", withdrawn), "git", PENDING)
    assert known(one) == ("success", "git", 0.95), "what is taken back leaves the session's word"
    assert known(apply_verdict(one, "session", PENDING)) == ("pending", "none", 0.0)


FAILED_BEFORE = Verdict("failure", "ci", 0.9, "1 of 7 tests failed", "2025-02-20T00:00:00+00:00")


@pytest.mark.parametrize("source", ["ci", "later"])
@pytest.mark.parametrize("said", [{}, {"outcome": "success"}])
def test_of_two_results_the_later_one_counts_whichever_is_read_first(
    source: Source, said: dict[str, str]
) -> None:
    one = execution(**said)
    for verdicts in ((FAILED_BEFORE, PASSED), (PASSED, FAILED_BEFORE)):
        last = one
        for verdict in verdicts:
            last = apply_verdict(last, source, verdict)
        assert last == apply_verdict(one, source, PASSED)


def test_a_reading_that_knows_no_longer_takes_its_own_word_back() -> None:
    one = observe(show(execution(**OBSERVED), COMMITTED))
    assert known(one) == ("pending", "none", 0.0)
    assert "verdicts" not in (one.metadata or {})


def test_verdicts_of_another_form_are_nothing() -> None:
    for value in (7, {"git": 7}, {"git": {"outcome": "failure"}}, {"git": {"x": 1}}):
        one = execution(outcome="success", metadata={"verdicts": value})
        assert reason(dict(one)) == ""
        assert known(observe(one)) == ("success", "told", 1.0)


@pytest.mark.parametrize("source", [{}, {"source": "git"}])
def test_what_git_says_no_more_goes_unless_it_was_told(source: dict[str, str]) -> None:
    commit = {"commit": "ab" * 20, "committed_at": "2026-01-01T00:00:00+00:00"}
    stored = {"outcome": "success", "outcome_basis": "none", "metadata": {**source, **commit}}
    inferred = execution(**stored, approach="README.md", solution_summary="Changed README.md.")
    now = {"outcome": "pending", "metadata": {"source": "git", **commit}}

    plain = merge_source(inferred, now)
    assert (plain.outcome, plain.approach, plain.solution_summary) == ("pending", None, None)

    told_since = tell(inferred, outcome="success", approach="a new lid")
    kept = merge_source(told_since, now)
    assert (kept.outcome, kept.outcome_basis) == ("success", "told")
    assert (kept.approach, kept.solution_summary) == ("a new lid", None)
