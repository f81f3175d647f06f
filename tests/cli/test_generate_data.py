import json

from cli.conftest import Command


def test_generate_data_tells_what_it_added(run: Command) -> None:
    made = run("generate-data", "--count", "40", "--task-types", "docs,test", "--json")
    assert made.returncode == 0, made.stderr
    values = json.loads(made.stdout)
    assert values["rows"] == 40
    assert values["rows_per_second"] > 0
    groups = json.loads(run("stats", "--days", "365", "--json").stdout)["groups"]
    assert {group["key"] for group in groups} == {"docs", "test"}
    assert sum(group["executions"] for group in groups) == 40


def test_an_unknown_task_type_ends_with_one_line_that_names_the_known_ones(run: Command) -> None:
    done = run("generate-data", "--count", "5", "--task-types", "cooking")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "bug_fix" in done.stderr
