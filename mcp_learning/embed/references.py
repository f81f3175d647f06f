"""Reference sentences without content, in many languages, to measure a query's background noise.

A model trained on one language places all texts in another near each other, and near "thanks" and
"continue". The cosine similarity of a query to the nearest of these sentences is the part of any
similarity that is due to that.
"""

from functools import cache
from importlib.resources import files


@cache
def sentences() -> tuple[str, ...]:
    """The sentences; each line of the file has a language and a sentence."""
    table = files(__package__).joinpath("references.tsv").read_text(encoding="utf-8")
    return tuple(line.split("\t")[1] for line in table.splitlines())
