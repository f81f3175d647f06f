"""Which commands check or publish work, and what came of them."""

from typing import Any

import pytest
from clients.capture.happening import ran
from clients.transcripts.sessions import START

from mcp_learning.clients.capture.checks import kinds, passed, published
from mcp_learning.clients.transcripts.events import Action, ToolCall
from mcp_learning.clients.transcripts.wording import is_publication


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("pytest -q", "test"),
        ("cd app && .venv/bin/pytest tests 2>&1 | tail -3", "test"),
        ("python3 -m unittest discover", "test"),
        ("uv run --frozen ruff check .", "check"),
        ("CI=1 npx vitest run", "test"),
        ("pnpm --filter web test", "test"),
        ("npm run test:unit && npm run lint", "check test"),
        ("bash -lc 'cargo test --all'", "test"),
        ("go test ./... && golangci-lint run", "check test"),
        ("./gradlew :app:testDebugUnitTest", "test"),
        ("php artisan test && vendor/bin/phpstan analyse", "check test"),
        ("yarn jest && yarn build", "check test"),
        ("pnpm --filter web vitest run; pnpm tsc --noEmit", "check test"),
        ("python -m coverage run -m pytest", "test"),
        (r".venv\Scripts\python.exe -m pytest", "test"),
        ("node --test; npm t", "test"),
        ("node node_modules/mocha/bin/mocha.js out/test", "test"),
        ("$r = Invoke-Pester -Path scripts/tests -PassThru", "test"),
        ("pnpm check-types", "check"),
        ("npm run check:lint && npm run check", "check test"),
        ("yarn add jest; pnpm install vitest; bun why eslint", ""),
        ("make", "check"),
        ("tsc --noEmit", "check"),
        ("git add -A && git commit -m 'run pytest; npm test'", "publish"),
        ("git -C shop push origin main", "publish"),
        ("gh pr merge 3 --squash", "publish"),
        ("git commit -F - <<'EOF'\npytest\nEOF", "publish"),
        ("cat pytest.ini; pip install pytest; npm ci", ""),
        ("grep -rn 'npm test' .", ""),
        ("git commit --dry-run; git log", ""),
        (r'bash -lc "git commit -m \"run pytest; npm test\""', "publish"),
        (r"echo it\"s done; npm test", "test"),
        ("echo done", ""),
    ],
)
def test_a_command_is_known_by_the_programs_that_it_runs(command: str, found: str) -> None:
    assert " ".join(sorted(kinds(ran(command)))) == found


def test_a_command_with_many_quotes_options_or_words_does_not_take_long() -> None:
    assert kinds(ran("pytest " + '"\\' * 200_000)) == {"test"}
    assert kinds(ran("pnpm" + " -a" * 200_000)) == set()
    assert kinds(ran("A=" + "b/" * 100_000)) == set()
    assert not is_publication("git " * 100_000)


@pytest.mark.parametrize(
    ("output", "status", "result"),
    [
        ("7 passed in 0.3s", 0, True),
        ("1 failed, 7 passed", 1, False),
        ("1 failed, 7 passed", 0, False),
        ("0 failed, 8 passed; 0 errors", 0, True),
        ("\x1b[31mFAIL\x1b[0m src/app.test.ts", 0, False),
        ("src/a.ts(3,1): error TS2304: Cannot find name 'x'", 0, False),
        ("All checks passed!\nexit: 0", 0, True),
        ("exit code: 2", 0, False),
        ("Tests run: 7, Failures: 1, Errors: 0, Skipped: 0\n[INFO] BUILD FAILURE", 0, False),
        ("Tests run: 7, Failures: 0, Errors: 0, Skipped: 0\n[INFO] BUILD SUCCESS", 0, True),
        ("Failed!  - Failed:     1, Passed:     6, Skipped:     0", 0, False),
        ("Passed!  - Failed:     0, Passed:     7, Skipped:     0", 0, True),
        ("ok 1 - pours\nnot ok 2 - stops\n# pass 1\n# fail 1", 0, False),
        ("\u2139 pass 6\n\u2139 fail 1", 0, False),
        ("ok 1 - should fail 3 times\n# pass 1\n# fail 0", 0, True),
        (" 6 pass\n 1 fail\nRan 7 tests across 1 file.", 0, False),
        (" 7 pass\n 0 fail\nRan 7 tests across 1 file.", 0, True),
        ("** TEST FAILED **", 0, False),
    ],
)
def test_a_check_in_a_pipe_passed_if_neither_status_nor_output_say_otherwise(
    output: str, status: int, result: bool
) -> None:
    assert passed(ran("pytest | tail -3", output, status)) is result


def test_the_status_of_a_check_alone_has_the_last_word() -> None:
    printed = "error: expected, and caught\n1 error was raised\n7 passed"
    assert passed(ran("cd app && pytest -k 'a;b|c' 2>&1", printed)) is True
    assert passed(ran("pytest; echo done", printed)) is False
    assert passed(ran("pytest", "7 passed", status=1)) is False


def test_of_a_check_in_the_background_nothing_is_known() -> None:
    call = ToolCall(at=START, tool="Bash", action=Action.RUN, command="pytest")
    assert passed(call) is None


@pytest.mark.parametrize(
    ("call", "result"),
    [
        (ran("git commit -m x", "[main 1a2b3c4] x\n 1 file changed"), True),
        (ran("git push", "To example.org:shop.git"), True),
        (ran("git commit -m x", "nothing to commit, working tree clean"), False),
        (ran("git push", "rejected", status=1), False),
        (ran("git push", "Everything up-to-date"), False),
        (ran("git push | tail -2", " ! [rejected] main -> main (fetch first)"), False),
        (ran("git status", "On branch main"), False),
        (ran("./release", "[main 1a2b3c4] x\n Date: today\n 1 file changed"), True),
        (ran("./serve", "[MainThread 140735123456] started"), False),
        (ran("git commit -m x 2>&1 | tail -3", "- hook id: ruff\n- exit code: 1"), False),
        (ran("git commit -m x | tail", "husky - pre-commit script failed (code 1)"), False),
    ],
)
def test_work_is_published_by_a_command_that_succeeded(call: ToolCall, result: bool) -> None:
    assert published(call) is result


def test_a_tool_of_a_server_publishes_as_well() -> None:
    values: dict[str, Any] = {"at": START, "tool": "mcp__github__create_pull_request"}
    assert published(ToolCall(**values, failed=False))
    assert not published(ToolCall(**values, failed=True))
