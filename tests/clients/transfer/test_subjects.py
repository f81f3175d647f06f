"""What the first line of a commit says."""

import pytest

from mcp_learning.clients.transfer import subjects


@pytest.mark.parametrize(
    ("line", "task_type", "told"),
    [
        ("feat: whistle when it boils", "feature", "whistle when it boils"),
        ("feat(lid)!: open by itself", "feature", "lid: open by itself"),
        ("perf: boil faster (#3)", "performance", "boil faster"),
        ("docs: how to pour (acme/pot#2) (#3)", "docs", "how to pour"),
        ("build: a thinner wall", "build", "a thinner wall"),
        ("ci: weigh it", "ci", "weigh it"),
        ("chore: polish", "chore", "polish"),
        ("refactor: two lids in one", "refactor", "two lids in one"),
        ("test: pour in the dark", "test", "pour in the dark"),
        ("Fix the handle", "bug_fix", "Fix the handle"),
        ("Add a second spout", "feature", "Add a second spout"),
        ("Add tests of the lid", "test", "Add tests of the lid"),
        ("Rename the knob", "refactor", "Rename the knob"),
        ("lid: fix the hinge", "bug_fix", "lid: fix the hinge"),
        ("Make it round", "change", "Make it round"),
    ],
)
def test_the_kind_comes_from_the_prefix_or_else_from_the_words(
    line: str, task_type: str, told: str
) -> None:
    subject = subjects.parse(line)
    assert (subject.task_type, subject.told) == (task_type, told)


@pytest.mark.parametrize(
    "line",
    [
        *("1.2.0", "v1.2.0-rc.1", "Release 1.2.0", "release: v7.2.5", "Version 0.13.0.dev2 (#941)"),
        *("chore(release): 1.2.3", "release: plugin@8.0.1", "Prepare release v0.14.14 (#22813)"),
        *("Prepare for the next development version", "back to development", "Cut release 1.2"),
        *("[maven-release-plugin] prepare release 1.2", "chore: updates for v9.39.4 release"),
        *("Bump black from 22.3.0 to 22.6.0 (#2290)", "bump version to 26.1.1dev", "Uprev to 2"),
        *("build(deps): Bump anyio in /testing", "chore(deps): anything", "docs version bump"),
        *("Update actions/setup-go action to v6.5.0", "chore: upgrade @eslint/js@8.48.0 (#1)"),
        *("fix(deps): update all non-major dependencies", "Update dependency uv to v0.12.3"),
        *("Update salsa digest to 59aa107 (#21708)", "Lock file maintenance", "⬆️ Bump tea"),
        *("[pre-commit.ci] pre-commit autoupdate", "Update version number", "Upgrade tea to 3"),
        *("Merge pull request #5 from acme/lid", "Merge branch 'main' into lid", "Merged main"),
    ],
)
def test_releases_bumps_and_merges_are_routine(line: str) -> None:
    assert subjects.is_routine(line) is (line != "Merged main")


@pytest.mark.parametrize(
    "line",
    [
        "Upgrade Django from 3.2 to 4.2 and repair the tests",
        "Update README to remove a warning",
        "Update IDNA encoding to 2008 spec (#161)",
        "feat!: bump the target of builds, and name it baseline",
        "Document the release process (#363)",
        "Merge parameters of URLs instead of replacing them",
        "Fix version of the importer",
        "Use version 2 of the protocol",
        "fix(deps): upgrade tea 4.22.4+ to avoid a hole",
        "Release the semaphore when a connection is dropped",
    ],
)
def test_work_about_versions_and_merging_is_work(line: str) -> None:
    assert not subjects.is_routine(line)


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("wip", True),
        ("fix typo", True),
        ("fix a typo", False),
        ("修复", True),
        ("修复登录循环", False),
        ("wip\n\nThe lid is half done.", False),
    ],
)
def test_texts_under_ten_columns_say_too_little(text: str, short: bool) -> None:
    assert subjects.is_too_short(text) is short
