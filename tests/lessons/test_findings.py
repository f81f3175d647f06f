"""Lessons of experience alone: planted effects are found, and chance is not."""

from lessons.generated import Found, compared
from lessons.generated import experience as experience_of
from lessons.worlds import CHATTER, approaches, experience, failures
from mcp_learning.lessons.recurrences import all_findings

SEEDS = range(12)


def test_four_of_five_planted_approaches_are_found_and_few_others() -> None:
    planted = hits = false = total = 0
    for seed in SEEDS:
        world = approaches(seed, effect=0.3)
        keys = {one.key for one in all_findings(world.experience)}
        types = {key.split(":")[2] for key in world.planted}
        planted += len(world.planted)
        hits += len(world.planted & keys)
        # Where one approach is better, the others are truly worse than the rest together.
        false += sum(key.split(":")[2] not in types for key in keys)
        total += len(keys)
    assert hits >= 0.8 * planted
    assert false <= 0.05 * total


def test_four_of_five_effects_that_generated_data_plant_are_found_and_hardly_any_other() -> None:
    found = [
        compared(runs, all_findings(runs)) for runs in (experience_of(3_000, n) for n in range(3))
    ]
    sums = Found(*(sum(values) for values in zip(*found, strict=True)))
    assert sums.large_found >= 0.8 * sums.large
    assert sums.fixes_found >= 0.8 * sums.fixes
    planted = sums.approaches + sums.fixes
    assert sums.approaches_found + sums.fixes_found >= 0.8 * planted
    assert sums.false <= 0.05 * sums.lessons


def test_where_nothing_differs_hardly_anything_is_found() -> None:
    worlds = [all_findings(approaches(seed, effect=0.0).experience) for seed in range(40)]
    assert sum(bool(one) for one in worlds) <= 0.05 * len(worlds) + 1


def test_recurring_failures_are_found_with_what_ended_them_and_chance_is_not() -> None:
    planted = hits = total = 0
    for seed in SEEDS:
        world = failures(seed, real=True)
        keys = {one.key for one in all_findings(world.experience)}
        planted, hits, total = (
            planted + len(world.planted),
            hits + len(world.planted & keys),
            total + len(keys),
        )
    assert hits >= 0.8 * planted
    assert total - hits <= 0.05 * total
    assert sum(len(all_findings(failures(seed, real=False).experience)) for seed in SEEDS) <= 3


def test_a_fix_is_the_same_though_each_task_names_other_files() -> None:
    runs: list[dict[str, object]] = []
    failed = {"success": False, "error_message": "linter: E in", "error_text": "linter"}
    for task, file in enumerate(("core/parser.py", "web/login_form.ts", "billing/invoices.go")):
        what = {"description": f"tidy {file}", "repo": "acme/shop"}
        told = f"Ran the formatter and removed the unused imports of {file}. {CHATTER[task]}."
        runs += [{**what, **failed}, {**what, "solution": told}]
    flat = [experience(n, **values) for n, values in enumerate(runs)]
    (found,) = all_findings(flat)
    assert "(ended it in 3 of 3 tasks after 3 failures)" in (found.do or "")
    other = [one._replace(solution=f"Wrote {one.description} anew.") for one in flat]
    assert all_findings(other) == []


def test_a_command_that_keeps_failing_is_told_with_what_worked_instead() -> None:
    failed = {"success": False, "error_message": "`npm ci` exits with 1", "error_text": "e"}
    told = {"solution": "The lock file is of pnpm: `pnpm install` instead."}
    runs = [
        experience(2 * task + solved, description=f"task {task}", **(told if solved else failed))
        for task in range(3)
        for solved in (0, 1)
    ]
    (found,) = (one for one in all_findings(runs) if one.kind == "command")
    assert found.key == "command:acme/shop:npm ci"
    assert found.do is not None
    assert "`pnpm install` worked instead" in found.do


def test_a_command_that_recovers_the_same_way_is_told_also_of_tasks_without_outcome() -> None:
    pair = ("cd web && npm test", "pnpm test --run")
    runs = [experience(n, success=None, recovered=(pair,)) for n in range(3)]
    (found,) = all_findings(runs)
    assert (found.key, found.kind) == ("command:acme/shop:npm test", "command")
    assert found.do == "`pnpm test --run` then worked, 3 of 3 times"
    assert all_findings(runs[:2]) == []
    twice = [one._replace(recovered=(pair, pair)) for one in runs[:2]]
    assert all_findings(twice) == []  # failed four times, in two executions


def test_commands_of_any_program_are_known_with_and_without_redirections() -> None:
    failed = ("mise run lint 2>&1", "mise run lint | tail -5", "FORCE=1 mise run lint")
    runs = [
        experience(n, success=None, recovered=((one, "mise run fmt 2>&1"), ("ls lid", "ls -a")))
        for n, one in enumerate(failed)
    ]
    both = ("mise run fmt && mise run lint", "mise run lint")
    runs += [experience(3 + n, success=None, recovered=(both,)) for n in range(3)]
    (found,) = all_findings(runs)
    assert (found.when, found.do) == (
        "about to run `mise run lint`: it failed 3 times here",
        "`mise run fmt` then worked, 3 of 3 times",
    )


def test_a_file_whose_tasks_fail_more_often_than_others_is_told() -> None:
    risky = [experience(n, files=("core/lock.py",), success=n % 10 == 0) for n in range(30)]
    others = [experience(30 + n, files=("a.py",), success=n % 10 != 0) for n in range(60)]
    found = {one.key for one in all_findings([*risky, *others]) if one.kind == "file"}
    assert found == {"file:acme/shop:core/lock.py"}


def test_the_latest_of_a_chain_of_decisions_is_told() -> None:
    a, b = experience(0, solution="use JSON"), experience(1, solution="use CBOR")
    b = b._replace(supersedes=a.task_id)
    c = experience(2, solution="use Arrow", supersedes=b.task_id)
    (found,) = all_findings([a, b, c])
    assert (found.kind, found.evidence) == ("decision", (b.task_id, c.task_id))
    assert "use Arrow" in (found.do or "")
    assert "use CBOR" in (found.avoid or "")
    again = experience(3, solution="use XML", supersedes=b.task_id)
    assert "use XML" in (all_findings([a, b, c, again])[0].do or "")
    assert all_findings([a, b, c._replace(success=None)]) == []  # C stands, though it may yet fail
    assert all_findings([a, b, c._replace(success=None)]) == []  # superseded, by what is not known


def test_one_lesson_about_two_approaches_names_both_in_full() -> None:
    runs = [
        experience(n, approach=f"tool: {'slow' if n % 2 else 'fast'}", success=n % 2 * (n % 5) == 0)
        for n in range(200)
    ]
    (found,) = all_findings(runs)
    assert (found.do or "").startswith('the approach "tool: fast": 100 % of 100 succeeded')
    assert found.avoid == 'the approach "tool: slow"'


def test_an_approach_for_easy_repositories_is_not_taken_for_a_good_one() -> None:
    runs = []
    for n in range(400):
        easy = n % 2 == 0
        own = n % 10 < (8 if easy else 2)
        success = (n // 10) % 10 < (9 if easy else 3)
        runs.append(
            experience(
                n,
                repo="acme/easy" if easy else "acme/hard",
                approach="x" if own else "y",
                success=success,
            )
        )
    assert [one.key for one in all_findings(runs) if one.kind == "approach"] == []
