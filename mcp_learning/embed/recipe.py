"""The text of an execution that is embedded, the same for stored tasks and searches."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

RECIPE_VERSION = 1
"""Part of every fingerprint: raise it when `embedding_text` gives other text for any input."""

# The bundled model reads 256 tokens: at most 1,307 characters of the agent-run texts it was
# measured on (512 tokens, as other models read: 2,364). Cutting here makes tokenising 20,000
# characters as cheap as tokenising 4,000 (1 ms).
MAX_CHARS = 4_000

ONE_PASSAGE = 1_000
"""Bytes up to which a text is one passage: the bundled model reads about as much of English."""

PASSAGE_CHARS = 500
"""Characters of a passage of a longer text, at most. Of texts over 10,000 characters it is more."""

PASSAGE_TOKENS = 230  # tokens of a passage, roughly, at most; the bundled model reads 254
MOST_PASSAGES = 32  # passages of one text. Those of 20,000 characters of prose cover all of it

_SAMPLE = 1_000

_FULL = 0.65
"""Share of their greatest length that passages have on average, at least, of whole lines."""

_SENTENCE_END = re.compile("(?<=[.!?]) |(?<=[\u3002\uff01\uff1f])")
_TOKEN = re.compile(r"[A-Za-z]{1,6}|[^\sA-Za-z]")


def embedding_text(task_description: str) -> str:
    """Return the text to embed for a task: its description and nothing else.

    Outcome, routing (model tier, pool, topology), approach and error text are left out on purpose.
    They are what a recommendation predicts; if they were in the vector, tasks would look alike
    because they ended alike or were handled alike, and the evidence would leak into the question.
    Besides, they aren't known yet when an agent asks. Error texts are found by words instead.

    Returns:
        The description on one line, each run of whitespace made one space, cut to MAX_CHARS
        characters. The tokens that the model sees are those of the whole description, unless
        nearly all of it is unbroken runs of over 100 characters (each is a single token).
    """
    # Bounded before splitting too: a description padded with blanks costs no more than another.
    return " ".join(task_description[: 5 * MAX_CHARS].split())[:MAX_CHARS].rstrip()


@lru_cache(64)  # searches show passages of the same executions again and again
def passages(task_description: str) -> tuple[str, ...]:
    """Cut a long description at the ends of lines; a long line at those of its sentences.

    A turn of a conversation is a line, and what is asked about is often said in one turn.

    The model reads the beginning of a text. So a long one has a vector for each passage besides the
    one of `embedding_text`, which stands for the first passage.

    Returns:
        The passages in their order, each on one line: the whole text if it is short, else at most
        MOST_PASSAGES. What is beyond them is left out.
    """
    if len(task_description.encode()) <= ONE_PASSAGE:
        return (task_description,)
    longest = _longest(task_description)
    found: list[str] = []
    for line in task_description.splitlines():
        parts = _packed(_sentences(" ".join(line.split()), longest), longest)
        if found and len(parts) == 1 and len(found[-1]) + 1 + len(parts[0]) <= longest:
            parts = [f"{found.pop()} {parts[0]}"]
        found += parts
    return tuple(found[:MOST_PASSAGES]) or (task_description,)


def _packed(pieces: Iterable[str], longest: int) -> list[str]:
    """Pieces joined to as few texts as their order and `longest` allow."""
    found: list[str] = []
    for piece in pieces:
        if found and len(found[-1]) + 1 + len(piece) <= longest:
            found[-1] += f" {piece}"
        else:
            found.append(piece)
    return found


def _longest(text: str) -> int:
    """Characters of a passage of this text: PASSAGE_CHARS, unless it is very long or dense."""
    middle = len(text) // 2
    samples = (text[:_SAMPLE], text[middle : middle + _SAMPLE], text[-_SAMPLE:])
    tokens = max(len(_TOKEN.findall(sample)) for sample in samples)
    fitting = PASSAGE_TOKENS * min(_SAMPLE, len(text)) // max(tokens, 1)
    return min(max(PASSAGE_CHARS, int(len(text) / MOST_PASSAGES / _FULL)), fitting)


def _sentences(line: str, longest: int) -> Iterator[str]:
    """The line if it fits into a passage, else its sentences; those that don't fit in parts."""
    if len(line) <= longest:
        if line:
            yield line
        return
    for sentence in _SENTENCE_END.split(line):
        rest = sentence
        while len(rest) > longest:
            blank = rest.rfind(" ", longest // 2, longest + 1)
            end = blank if blank > 0 else longest
            yield rest[:end]
            rest = rest[end:].lstrip()
        if rest:
            yield rest
