"""Recognises commands that check or publish work (tests, builds, linters, commits) and results."""

import re
from enum import StrEnum

from mcp_learning.clients.transcripts.events import Action, ToolCall


class Kind(StrEnum):
    """The kind of a command that matters for the outcome of a task."""

    TEST = "test"
    CHECK = "check"
    PUBLISH = "publish"


_SHELL = re.compile(r"""\A\s*(?:\S*/)?(?:ba|z|da)?sh\s+-\w*c\s+(['"])(?P<inner>.*)\1\s*\Z""", re.S)
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1.*?^\s*\2\s*$", re.DOTALL | re.MULTILINE)
_QUOTED = re.compile(r"(\\.)|'[^']*'|\"(?:\\.|[^\"\\])*\"", re.DOTALL)
_FOLLOWED = re.compile(r"[|;\n]")
_SEPARATOR = re.compile(r"&&|\|\||[;|\n(){}]|(?<![&>])&(?![&>])")
_OPTIONS = r"(?:\s+(?:--filter|-F|-w|--workspace|-C|--prefix|--cwd)[= ]\S+|\s+-{1,2}\S+)*+"
_WRAPPERS = (
    r"(?:\w+=\S*\s+|\$\w+\s*=\s*|(?:sudo|time|nice|command|env|exec|rtk|php|node|xvfb-run(?:\s+-a)?|wsl(?:\s+-e)?|"
    r"timeout(?:\s+-\S+)*+\s+\S+|npx(?:\s+-{1,2}\S+)*+|bunx|uvx|coverage\s+run\s+-m|"
    rf"(?:pnpm|yarn|bun){_OPTIONS}(?:\s+(?:exec|dlx|run|x))?|conda\s+run(?:\s+-n\s+\S+)?|"
    r"(?:uv|poetry|pipenv|hatch|pdm|rye|pixi)\s+run(?:\s+-{1,2}\S+)*+|bundle\s+exec|"
    r"\S*python[\d.]*(?:\.exe)?(?:\s+-m)?|py(?:\s+-[\d.]+)?\s+-m|"
    r"docker(?:\s+compose)?\s+(?:exec|run)(?:\s+-{1,2}\S+)*+\s+\S+)\s+)*(?:\S*[/\\])?+"
)
_SCRIPT = (
    r"(?:(?:npm|pnpm|yarn|bun|deno\s+task|composer|mise|make|gmake|just|task|rake|turbo|nx)"
    rf"{_OPTIONS}(?:\s+run)?(?:\s+-{{1,2}}\S+)*+\s+(?:\S*[:_.-])?"
)
_TESTS = (
    r"(?:py\.?test|\S*\btest_\w+\.py|\S*_test\.py|tox|nox|jest|vitest|mocha|ava|rspec|phpunit|pest|ctest|bats|unittest|Invoke-Pester|"
    r"(?:go|cargo|dotnet|swift|mix|flutter|dart|bun|deno|bazel|sbt|lein|stack|cabal|zig\s+build|"
    r"playwright|manage\.py|rails|hardhat|forge|ng|artisan|hatch|meson)\s+(?:nextest|test)|"
    r"cypress\s+run|node\s+--test|(?:npm|cargo)\s+t|xcodebuild\b[^\n]*\btest|"
    r"cargo\s+nextest\s+run|(?:mvnw?|gradlew?(?:\.bat)?)\b[^\n]*\b(?:\w*test|verify|check)\w*)\b|"
    + _SCRIPT
    + r"(?:tests?|spec|e2e|verify|check(?![:_.-](?:types?|lint|format|style)\b))"
    r"(?:[:_.-]\S*)?(?=\s|\Z))"
)
_CHECKS = (
    r"(?:ruff|eslint|flake8|pylint|golangci-lint|rubocop|shellcheck|stylelint|mypy|pyright|"
    r"basedpyright|ty\s+check|tsc|vue-tsc|markdownlint\S*|ktlint|detekt|swiftlint|hadolint|"
    r"pre-commit|phpstan|psalm|credo|staticcheck|vale|biome|oxlint|svelte-check|"
    r"(?:prettier|black|isort|rustfmt)\b[^\n]*--check|"
    r"(?:go\s+(?:vet|build)|cargo\s+(?:build|check|clippy|fmt\s+--check)|dotnet\s+build|"
    r"swift\s+build|cmake\s+--build|(?:next|vite|ng|astro|tauri|expo)\s+build|webpack|rollup|"
    r"docker\s+build|docker\s+compose\s+build|terraform\s+(?:validate|plan)|"
    r"(?:mvnw?|gradlew?(?:\.bat)?)\b[^\n]*\b(?:compile|package|install|build|assemble)\w*))\b|"
    + _SCRIPT
    + r"(?:build|compile|lint|types?|typecheck|type-check|tsc|fmt|format|vet)"
    r"(?:[:_.-]\S*)?(?=\s|\Z))|g?make\s*\Z"
)
_PUBLISHES = (
    r"(?:git(?:\s+-[cC]\s+\S+)*\s+(?:commit|push)\b(?!\s+--(?:dry-run|help))|"
    r"(?:gh|glab)\s+(?:pr|mr)\s+(?:create|merge|comment|review)\b|"
    r"(?:gh|glab)\s+(?:issue\s+(?:create|comment|close)|release\s+create)\b)"
)
_GIT = r"\A\s*+(?:\w++=\S*+\s++)*+git(?:\s++-[cC]\s++\S++)*+\s++"
_DISCARDS = re.compile(
    rf"{_GIT}(?:reset\s(?:.*\s)?--hard\b|(?:restore|checkout)\s(?:\S++\s++)*(?:\.|:/|\*)\s*\Z)"
)
_UNCOMMITS = re.compile(rf"{_GIT}reset\s(?:.*\s)?(?:HEAD|@)[~^]")
_KINDS = tuple(
    (kind, re.compile(rf"\A\s*{_WRAPPERS}(?:{commands})", re.IGNORECASE))
    for kind, commands in (
        (Kind.TEST, _TESTS),
        (Kind.CHECK, _CHECKS),
        (Kind.PUBLISH, _PUBLISHES),
    )
)
_PUBLISHING_TOOL = re.compile(
    r"(?:create|merge)_(?:pull|merge)_request|push_files|create_or_update_file|git_commit\Z"
)

_COLOUR = re.compile(r"\x1b\[[\d;]*[A-Za-z]|\^\[\[[\d;]*[A-Za-z]")
_FAILED = re.compile(
    r"(?i:\b[1-9]\d*(?: tests?)? (?:failed|failures?|failing|errors?)\b(?! and 0))"
    r"|(?i:\b(?:failures|errors|failed): *[1-9])|^\s*[1-9]\d* fail$|^[#\u2139] fail [1-9]"
    r"|^\s*(?:FAIL|FAILED|--- FAIL|BUILD FAILED|npm ERR!|panic:|make: \*\*\*|error\[E\d+\]|not ok)"
    r"|\b(?:BUILD FAILURE|TEST FAILED|FAIL code [1-9])"
    r"|\berror TS\d+|\bcommand not found\b|^error: |\bELIFECYCLE\b"
    r"|(?i:\bexit(?:ed)?(?: code| status| with(?: code)?)?[:= ]+[1-9]\d*\b)",
    re.MULTILINE,
)
"""Output by which test runners report a failure, and shells an exit status."""

_NOT_PUBLISHED = re.compile(
    r"nothing (?:added )?to commit|no changes added to commit|^Everything up-to-date|rejected\]"
    r"|^(?:fatal|error): |^- exit code: [1-9]|(?:hook exited with|script failed \() ?code [1-9]",
    re.MULTILINE,
)
"""Output of git, and of hooks that refuse a commit: those of pre-commit and husky."""


def kinds(call: ToolCall) -> set[Kind]:
    """The kinds of a tool call; empty if it neither checks nor publishes."""
    if call.action is not Action.RUN:
        return {Kind.PUBLISH} if _PUBLISHING_TOOL.search(call.tool) else set()
    return {kind for part in _parts(call) for kind, pattern in _KINDS if pattern.match(part)}


def passed(call: ToolCall) -> bool | None:
    """Whether a check passed; None if that isn't known, for instance if it runs in the background.

    If other commands follow, as in a pipe, the exit status is theirs, and the output decides.
    Otherwise the status does, since tests that pass may print errors.
    """
    if call.is_rejected or call.failed is None:
        return None
    if call.failed or call.status not in (0, None):
        return False
    is_last = call.status == 0 and not _FOLLOWED.search(_bare(call.command))
    return is_last or not _FAILED.search(_COLOUR.sub("", call.output))


def discards(call: ToolCall) -> bool:
    """Whether it took back all changes that weren't committed."""
    return call.failed is False and any(map(_DISCARDS.match, _parts(call)))


def uncommits(call: ToolCall) -> bool:
    """Whether it took the last commits off the branch."""
    return call.failed is False and any(map(_UNCOMMITS.match, _parts(call)))


def _parts(call: ToolCall) -> list[str]:
    """The commands of a command line, without quoted text."""
    return _SEPARATOR.split(_bare(call.command))


def _bare(command: str) -> str:
    """A command line without quoted text."""
    if shell := _SHELL.match(command):
        command = shell["inner"]
    return _QUOTED.sub(lambda found: found[1] or "''", _HEREDOC.sub("", command))


def published(call: ToolCall) -> bool:
    """Whether a commit, a push, a pull request or a comment was made."""
    if call.failed is not False or call.is_rejected:
        return False
    return bool(call.commits) or (
        Kind.PUBLISH in kinds(call) and not _NOT_PUBLISHED.search(call.output)
    )
