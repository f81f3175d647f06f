"""Redacting takes time linear in the length of a text, and a bounded time before a cut."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from redaction import corpus

from mcp_learning.clients.transfer.imported import clean_and_truncate
from mcp_learning.redaction.secrets import redact, redact_beginning

REPEATED = [
    *("----BEGIN PRIVATE KEY----", "-----END PRIVATE KEY-----", "Private-Lines: 2", "eyJ", "sk-"),
    *(
        "password=",
        'token="',
        "api key ",
        "secrets: {",
        '"name": "password",',
        "| password |",
        "\\",
    ),
    *(
        "<password>",
        "://a:",
        "<private ",
        "&lt;private ",
        "curl -u ",
        "Cookie: a=b;",
        "ghp_\n",
        "a",
    ),
    *(
        "\u200b",
        "密码\uff1a",
        "[redacted:",
        "password is ",
        "|---|---|\n",
        "aws key ",
        "A1b2\n",
        "key=",
    ),
]


@contextmanager
def counted_calls() -> Iterator[list[int]]:
    """Counts calls of functions, those of searches among them."""
    calls = [0]

    def count(*_: object) -> None:
        calls[0] += 1

    sys.setprofile(count)
    try:
        yield calls
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize("part", REPEATED)
def test_a_text_twice_as_long_takes_at_most_about_twice_the_calls(part: str) -> None:
    redact(part * 50)  # compiles patterns and fills caches
    counts = []
    for length in (4_000, 8_000):
        with counted_calls() as calls:
            redact(part * (length // len(part)))
        counts.append(calls[0])
    assert counts[1] <= 2.2 * counts[0] + 100


@pytest.mark.parametrize("part", REPEATED[::4])
def test_a_repetition_is_cut_before_it_is_searched(part: str) -> None:
    counts = []
    for length in (200_000, 400_000):
        text = part * (length // len(part))
        with counted_calls() as calls:
            assert len(clean_and_truncate(text, 2_000)) <= 2_000
        counts.append(calls[0])
    assert counts[1] <= 1.1 * counts[0] + 100


@pytest.mark.parametrize("sample", corpus.secrets()[::20], ids=lambda sample: sample.name)
def test_a_cut_leaves_no_half_of_a_secret_wherever_it_falls(
    sample: corpus.Sample,
) -> None:
    wanted = 500
    ends = (wanted, 2 * wanted + 20_000, 2 * wanted + 40_000)  # of the result, and of the search
    for end in ends:
        for part in (0, len(sample.text) // 2, len(sample.text) - 3):
            before = "word \n" * 10_000
            before = before[: max(0, end - part - 1)] + "\n"
            clean = redact_beginning(before + sample.text + "\n" + "more \n" * 20_000, wanted)
            assert corpus.is_left(sample, clean) == []


def test_of_a_long_text_the_beginning_is_kept() -> None:
    text = "".join(f"line {number} of the log\n" for number in range(100_000))
    assert clean_and_truncate(text, 2_000) == text[:1_999].rstrip() + "…"
