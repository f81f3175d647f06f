"""`similar` as people run it."""

from collections.abc import Callable
from subprocess import CompletedProcess

Command = Callable[..., CompletedProcess[str]]


def test_a_search_that_lacks_vectors_says_so(run: Command) -> None:
    made = run("generate-data", "--count", "100", "--no-embed")
    assert made.returncode == 0, made.stderr
    found = run("similar", "nothing that anybody has ever done")
    assert found.returncode == 0, found.stderr
    assert "100 executions still wait for their embedding" in " ".join(found.stdout.split())
