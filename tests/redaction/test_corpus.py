"""Every described secret is gone as a whole, and no ordinary text is touched."""

import pytest
from redaction import corpus

from mcp_learning.redaction.secrets import redact

SAMPLES = corpus.secrets()


def test_there_are_150_secrets_and_150_ordinary_texts_at_least() -> None:
    assert len(SAMPLES) == len({sample.name for sample in SAMPLES}) >= 150
    assert len(set(corpus.ordinary())) >= 150


def test_nothing_of_a_secret_is_left_not_even_a_half() -> None:
    left = {}
    for sample in SAMPLES:
        clean, removed = redact(sample.text)
        left[sample.name] = corpus.is_left(sample, clean), redact(clean) == (clean, 0)
        assert removed >= 1, sample.name
    assert {name: found for name, found in left.items() if found != ([], True)} == {}


@pytest.mark.parametrize("seed", [2, 3])
def test_other_secrets_of_the_same_formats_are_gone_too(seed: int) -> None:
    left = {s.name: corpus.is_left(s, redact(s.text)[0]) for s in corpus.secrets(seed)}
    assert {name: parts for name, parts in left.items() if parts} == {}


@pytest.mark.parametrize("surrounded", ["see {} there", "log: {}\nnext line", "({})", '"{}"'])
def test_a_token_is_gone_in_prose_logs_brackets_and_quotes(surrounded: str) -> None:
    tokens = [
        s for s in SAMPLES if len(s.secrets) == 1 and " " not in s.text and "\n" not in s.text
    ]
    left = {
        sample.name: corpus.is_left(sample, redact(surrounded.format(sample.text))[0])
        for sample in tokens
        if not any(sign in sample.text for sign in ":=<>,\"'({")  # no names with values
    }
    assert len(left) >= 70
    assert {name: parts for name, parts in left.items() if parts} == {}


def test_an_ordinary_text_is_left_as_it_is() -> None:
    assert {text: found for text in corpus.ordinary() if (found := redact(text)) != (text, 0)} == {}


def test_ordinary_texts_stay_whole_among_each_other() -> None:
    text = "\n\n".join(corpus.ordinary())
    assert redact(text) == (text, 0)
