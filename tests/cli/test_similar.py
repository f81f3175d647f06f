"""`similar` as people run it."""

from cli.conftest import Command


def test_a_search_that_lacks_vectors_says_so(run: Command) -> None:
    made = run("generate-data", "--count", "100", "--no-embed")
    assert made.returncode == 0, made.stderr
    found = run("similar", "nothing that anybody has ever done")
    assert found.returncode == 0, found.stderr
    assert "100 of 100 executions can't be found by meaning yet" in found.stdout
    assert "generate-embeddings" in run("similar", "nothing ever done", "--json").stderr
    assert run("similar", "nothing ever done", "--json", "--quiet").stderr == ""
