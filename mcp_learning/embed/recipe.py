"""The text that is embedded for a task, made in the same way for stored tasks and for searches."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

RECIPE_VERSION = 1
"""Part of every fingerprint: increase it when `embedding_text` changes its result for any input."""

# The bundled model reads 256 tokens, at most 1,307 characters of the agents' texts that were
# measured; models that read 512 tokens, 2,364. Cutting makes tokenising 20,000 characters as cheap
# as 4,000 (1 ms).
MAX_CHARS = 4_000

ONE_PASSAGE = 1_000
"""Longest text, in bytes, that is one passage: about as much English as the bundled model reads."""

PASSAGE_CHARS = 500
"""Most characters of a passage of a longer text; more in texts of over 10,000 characters."""

PASSAGE_TOKENS = 230  # most tokens of a passage, estimated; the bundled model reads 254
MOST_PASSAGES = 32  # per text; enough for all of 20,000 characters of prose

_SAMPLE = 1_000  # characters of a text whose tokens are counted, at each of three places

_FULL = 0.65
"""Least mean length of passages of whole lines, as a share of the greatest length."""

_SENTENCE_END = re.compile("(?<=[.!?]) |(?<=[\u3002\uff01\uff1f])")
_TOKEN = re.compile(r"[A-Za-z]{1,6}|[^\sA-Za-z]")


def embedding_text(task_description: str) -> str:
    """Return the text to embed for a task: its description and nothing else.

    Outcome, routing (model tier, pool, topology), approach and error text are left out on purpose.
    Recommendations predict them: with them in the vector, tasks would look similar because they
    ended or were handled alike, and the evidence would leak into the query. Besides, they aren't
    known yet when an agent asks. Error texts are found by words instead.

    Returns:
        The description on one line, with each run of whitespace replaced by a space, cut to
        MAX_CHARS characters. The model reads the same tokens as of the whole description, unless
        nearly all of it is unbroken runs of over 100 characters (each is a single token).
    """
    # Cut before splitting too, so that a description padded with white space costs no more.
    return " ".join(task_description[: 5 * MAX_CHARS].split())[:MAX_CHARS].rstrip()


@lru_cache(64)  # searches show passages of the same executions repeatedly
def passages(task_description: str) -> tuple[str, ...]:
    """Split a long description at ends of lines, and long lines at ends of sentences.

    The model reads only the beginning of a text. So a long one has a vector for each passage after
    the first, besides that of `embedding_text`, which represents the first. Lines are kept whole
    where possible: in a conversation a line is a turn, which often holds what is asked about.

    Returns:
        The passages in order, each on one line: the whole text if it is short, else the first
        MOST_PASSAGES.
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
    """Consecutive pieces joined with spaces to texts of up to `longest` characters."""
    found: list[str] = []
    for piece in pieces:
        if found and len(found[-1]) + 1 + len(piece) <= longest:
            found[-1] += f" {piece}"
        else:
            found.append(piece)
    return found


def _longest(text: str) -> int:
    """Most characters of a passage: PASSAGE_CHARS, unless the text is very long or dense."""
    middle = len(text) // 2
    samples = (text[:_SAMPLE], text[middle : middle + _SAMPLE], text[-_SAMPLE:])
    tokens = max(len(_TOKEN.findall(sample)) for sample in samples)
    fitting = PASSAGE_TOKENS * min(_SAMPLE, len(text)) // max(tokens, 1)
    return min(max(PASSAGE_CHARS, int(len(text) / MOST_PASSAGES / _FULL)), fitting)


def _sentences(line: str, longest: int) -> Iterator[str]:
    """The line if it fits into a passage, else its sentences, split where they don't fit."""
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
