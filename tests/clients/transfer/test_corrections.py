"""All the ways in which a commit takes back or mends an earlier one."""

from datetime import timedelta

import pytest
from clients.transfer.repositories import BEGINNING

from mcp_learning.clients.transfer import corrections
from mcp_learning.clients.transfer.commit_history import Commit
from mcp_learning.clients.transfer.corrections import CorrectedCommits, Correction
from mcp_learning.clients.transfer.subjects import is_routine

FIRST, SECOND, THIRD = ("1a" * 20, "2b" * 20, "3c" * 20)
SUBJECT = "feat(kettle): boil the water twice (#12)"


def made(name: str, message: str, day: float = 0) -> Commit:
    subject, _, body = message.partition("\n\n")
    at = (BEGINNING + timedelta(days=day)).isoformat()
    return Commit(name, at, subject, body, ("a.txt",))


def found(*later: str, day: float = 1) -> CorrectedCommits:
    names = (SECOND, THIRD, "4d" * 20)
    history = [made(name, text, day) for name, text in zip(names, later, strict=False)]
    return corrections.find([made(FIRST, SUBJECT), *history])


@pytest.mark.parametrize(
    "message",
    [
        f'Revert "{SUBJECT}"',
        f'Revert "{SUBJECT}" (#13)',
        f'Revert "{SUBJECT}" (fixes #99) (#13)',
        f'revert: "{SUBJECT}"',
        'Revert "feat(kettle): boil the water…',
        f"revert: {SUBJECT} (#13)",
        "revert(kettle): boil the water twice",
        "fix: revert boil the water twice (#12) (#13)",
        f"Revert {SUBJECT}",
        f'chore: revert "{SUBJECT}"',
        "Revert #12",
        "Revert PR #12 (#13)",
        f"Revert {FIRST[:9]}",
        f"Reverted commit {FIRST}",
        f"Back out {SUBJECT}",
        f'Back out "{SUBJECT}"',
        f"Backed out changeset {FIRST[:12]} for failures",
        f"Rollback: {SUBJECT}",
        "Roll back boil the water twice",
        f"rollback {FIRST[:8]}",
        f"Boil once again\n\nThis reverts commit {FIRST}.",
        f'Revert "two things"\n\nThis reverts commits {"9f" * 20} and {FIRST}.',
        "Boil once again\n\nReverts acme/teapot#12",
        "Boil once again, reverts #12 (#13)",
    ],
)
def test_a_commit_is_taken_back_in_many_words(message: str) -> None:
    assert found(message).of == {FIRST: Correction("reverted", SECOND)}


@pytest.mark.parametrize(
    "message",
    [
        "Add a rollback of orders",
        "Roll back the session when the cart is empty",
        "feat: revert a change with one click",
        "Explain how to revert",
        "Undo the last step with Ctrl-Z",
        "fix: back out of the menu",
        f"Go on\n\nThe kettle is better than in {FIRST}.",
    ],
)
def test_other_words_take_nothing_back_and_are_tasks(message: str) -> None:
    result = found(message)
    assert (result.of, result.alone) == ({}, set())


@pytest.mark.parametrize(
    ("message", "alone"),
    [
        (f'Revert "{SUBJECT}"', True),
        ('Revert "of something unknown"', True),
        (f"Boil once again\n\nThis reverts commit {FIRST}.", False),
        ("Boil once again, reverts #12 (#13)", False),
        (f"fixup! {SUBJECT}", True),
    ],
)
def test_what_only_takes_back_is_no_task(message: str, alone: bool) -> None:
    assert found(message).alone == ({SECOND} if alone else set())


@pytest.mark.parametrize(
    "message",
    [
        f'Reapply "{SUBJECT}" (#14)',
        f'Reland "{SUBJECT}"',
        f'Revert "Revert "{SUBJECT}""',
        f"Boil twice after all\n\nThis reverts commit {SECOND}.",
    ],
)
def test_what_is_brought_back_stands_again(message: str) -> None:
    result = found(f'Revert "{SUBJECT}" (#13)', message)
    assert (result.of, result.restored) == ({}, {FIRST: THIRD})


def test_a_revert_of_a_revert_of_a_revert_takes_back_again() -> None:
    revert = f'Revert "{SUBJECT}"'
    result = found(revert, f'Revert "{revert}"', revert)
    assert result.of == {FIRST: Correction("reverted", "4d" * 20)}


@pytest.mark.parametrize("again", [f'Reapply "{SUBJECT}"', f'Revert "Revert "{SUBJECT}""'])
def test_a_revert_of_what_brought_back_takes_back_again(again: str) -> None:
    by = Correction("reverted", "4d" * 20)
    assert found(f'Revert "{SUBJECT}"', again, f'Revert "{again}"').of == {FIRST: by, THIRD: by}


@pytest.mark.parametrize(
    "message",
    [
        f"fixup! {SUBJECT}",
        f"squash! {SUBJECT}",
        f"The kettle leaks\n\nFixes: {FIRST[:12]} (feat: boil the water twice)",
        "fix: the kettle leaks, regression from #12 (#15)",
        f"fix: the kettle leaks\n\nThis bug was introduced in {FIRST[:10]}.",
        'Partially revert "boil the water twice"',
    ],
)
def test_a_commit_is_mended_within_two_weeks(message: str) -> None:
    assert found(message).of == {FIRST: Correction("mended", SECOND)}
    if "revert" not in message:
        assert found(message, day=15).of == {}


def test_without_a_hash_the_latest_commit_with_the_subject_is_meant() -> None:
    result = found(SUBJECT, f'Revert "{SUBJECT}"')
    assert result.of == {SECOND: Correction("reverted", THIRD)}


@pytest.mark.parametrize(
    "subject",
    [
        f"Revert {'deadbeef' * 50}! It broke the lid",
        f"Revert {'#11' * 200}! They broke the lid",
        f"update x to {'1.' * 20_000}!",
        f"fix {'(#1) ' * 20_000}",
        f"fix {'a/b.' * 20_000}",
    ],
    ids=["a long hash", "many numbers", "a long version", "many pull requests", "a long path"],
)
def test_no_subject_takes_long(subject: str) -> None:
    assert found(subject).of == {}
    assert not is_routine(f"{subject} now")
