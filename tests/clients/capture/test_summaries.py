"""What a record tells: what was asked and settled, what was done, and what stopped it."""

import pytest
from clients.capture.happening import asked, edited, noticed, ran, said, task

from mcp_learning.clients.capture.summaries import description, error, solution
from mcp_learning.clients.capture.task_types import task_type
from mcp_learning.clients.transcripts.sessions import Task

ASKED = "Fix the drip of the spout"
DID = "The edge of the spout was blunt, so that drops crept back below it. " * 3
MORE = "The lid has a hole now, since the air has to get in while tea is poured out. " * 3


def test_a_prompt_that_is_sent_again_with_more_is_described_once() -> None:
    found = task(asked("The lid is loose."), said("?"), asked("The lid is loose. See @lid.svg"))
    assert description(found) == "The lid is loose. See @lid.svg"


def test_a_description_has_what_was_settled_on_the_way_and_no_go_aheads() -> None:
    found = task(
        asked(ASKED),
        said("Bend the neck, or sharpen the edge?"),
        asked("but sharpen only the upper edge"),
        said(DID),
        asked("ok, commit"),
        asked(ASKED),
    )
    assert description(found) == f"{ASKED}\n\nbut sharpen only the upper edge"


def test_a_solution_is_what_was_done_and_not_the_last_line() -> None:
    found = task(
        asked(ASKED),
        said("Let me look."),
        edited("spout.py"),
        said(DID),
        asked("commit"),
        ran("git commit -am x", "[main 1a2b3c4] fix(spout): no drip\n 1 file changed"),
        said("Committed as 1a2b3c4."),
        noticed("<task-notification>…"),
        said("Background task completed, nothing to do."),
    )
    assert solution(found) == (
        f"{DID.strip()}\n\nCommitted as 1a2b3c4.\n\nCommitted: fix(spout): no drip"
        "\n\nChanged: spout.py"
    )


def test_a_solution_tells_earlier_turns_but_for_those_that_were_rejected() -> None:
    wrong = "I glued the lid to the pot, so that nothing can fall out of it any more. " * 3
    found = task(
        asked(ASKED),
        edited("spout.py"),
        said(DID),
        asked("also the lid"),
        edited("lid.py"),
        said(wrong),
        asked("no, that is wrong"),
        edited("lid.py"),
        said(MORE),
    )
    assert solution(found).startswith(MORE.strip())
    assert DID.strip() in solution(found)
    assert wrong.strip() not in solution(found)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (task(asked(ASKED), ran("ls lid", "no such file", 2), ran("ls", "spout.py")), ""),
        (task(asked(ASKED), ran("pytest", "1 failed", 1)), "1 failed"),
        (task(asked(ASKED), ran("pytest", "1 failed", 1), edited("spout.py")), ""),
    ],
)
def test_an_error_is_what_stopped_a_task_and_not_each_failure(found: Task, told: str) -> None:
    assert error(found) == told


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        ("test", task(asked("Show that it does not drip"), edited("tests/test_spout.py"))),
        ("test", task(asked("Show it"), edited("src/spout.test.ts"), edited("README.md"))),
        ("docs", task(asked("Add the new lid"), edited("docs/lid.md"))),
        ("ci", task(asked("Fix the drip"), edited(".github/workflows/pour.yml"))),
        ("build", task(asked("Add tea"), edited("package.json"), edited("/a/yarn.lock"))),
        ("build", task(asked("Add tea"), edited("requirements-dev.txt"), edited("README.md"))),
        (
            "feature",
            task(
                asked("Add tea", "/home/user/tests/teapot"),
                edited("/home/user/tests/teapot/spout.py"),
            ),
        ),
        ("bug_fix", task(asked("Fix the drip"), edited("spout.py"), edited("tests/test_a.py"))),
        ("docs", task(asked("Plan the lid"), edited("specs/001-lid/spec.md"))),
        ("docs", task(asked("Plan the lid"), edited("specs/001-lid/contracts/lid.yaml"))),
        ("bug_fix", task(asked("修复登录错误"), edited("spout.py"))),
        ("feature", task(asked("Füge bitte einen Deckel hinzu"), edited("lid.py"))),
        ("change", task(asked("Paint the pot blue"), edited("pot.py"))),
        (
            "performance",
            task(
                asked("Fix the drip"),
                edited("spout.py"),
                ran("git commit", "[main 1a2b3c4] perf(spout)!: pours twice as fast"),
            ),
        ),
        ("analysis", task(asked("Why does the spout drip?"), said("It is blunt."))),
        ("code_review", task(asked("Review the lid"), said("It is fine."))),
        ("task", task(asked("Show me the teapot"), said("Here."))),
    ],
)
def test_a_type_comes_from_what_was_done_and_then_from_what_was_asked(
    expected: str, found: Task
) -> None:
    assert task_type(found) == expected
