"""Text that is stored has no control characters; text that is shown hides nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_learning.models.characters import clean, visible, visible_values

ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)
TERMINAL = st.lists(
    st.sampled_from(
        ["\x1b", "[", "]", "0;", "31m", "\x07", "\x1b\\", "\x9b", "(", "B", "wörd", "\n"]
    )
).map("".join)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("\x1b[31mE   AssertionError\x1b[0m: 1 != 2", "E   AssertionError: 1 != 2"),
        ("\x1b[1;38;5;196mred\x1b[K\x1b[?25l", "red"),
        ("\x1b[38:2::255:0:0mred", "red"),
        ("\x9b31mred\x9b0m", "red"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0;2\x1b\\text", "text"),
        ("\x1b(B\x1b[mplain\x1b7\x1b8\x1b=", "plain"),
        ("cut off \x1b[3", "cut off "),
        ("a title that does not end \x1b]0;lines\nmore", "a title that does not end 0;lines\nmore"),
        ("\x1bwords stay", "words stay"),
        ("b\x08\x0c\x7f\x00\x85\x9fell\x07", "bell"),
        ("tab\tline\r\n", "tab\tline\r\n"),
        ("half \ud83d of one", "half \ufffd of one"),
        ("\u202e \u200b stay in what is stored", "\u202e \u200b stay in what is stored"),
    ],
)
def test_terminal_sequences_and_control_characters_go_and_words_stay(
    text: str, cleaned: str
) -> None:
    assert clean(text) == cleaned


@given(ANY | TERMINAL)
def test_a_clean_text_can_be_stored_and_is_cleaned_once(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()
    assert clean(cleaned) == cleaned
    assert not any(is_control(character) for character in cleaned)
    if not any(is_control(character) or is_surrogate(character) for character in text):
        assert cleaned == text


@given(ANY | TERMINAL)
def test_whatever_is_shown_has_neither_control_nor_bidirectional_characters(text: str) -> None:
    shown = visible(text)
    assert not any(is_control(character) for character in shown)
    assert not any("\u202a" <= character <= "\u202e" for character in shown)
    assert not any("\u2066" <= character <= "\u2069" for character in shown)
    assert not any("\U000e0000" <= character <= "\U000e0fff" for character in shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("pass\u200bword\ufeff\u2060\xad", "password"),
        ("a\u200db\u200cc\u200d", "abc"),
        ("\u202egnp.exe\u202c \u2066x\u2069 \u200e\u200f\u061c", "gnp.exe x "),
        ("tag\U000e0041\U000e007f \U000e0101selector", "tag selector"),
        ("\u115f\u1160\u3164\uffa0\u034f\u180e filler", " filler"),
        ("a\ufe0f\ufe0e\ufe01b", "ab"),
        ("☃\ufe0f\ufe0f\ufe0f", "☃\ufe0f"),
        ("क\u200d\u200d\u200dष", "कष"),
    ],
)
def test_what_hides_is_left_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "naïve 日本語 שלום مرحبا",
        "क्\u200dष",
        "\u0645\u06cc\u200c\u062e",
        "👩\u200d💻 ❤️\u200d🔥 👍🏽",
        "e\u0301\ttwo\nlines\u2028",
    ],
)
def test_what_scripts_and_emoji_need_stays(text: str) -> None:
    assert visible(text) == text


def test_names_and_texts_within_a_value_are_made_visible() -> None:
    value = {"a\u202e": ["\u200bb", 1, None, {"c": "\x1b[31md"}], "e": True}
    assert visible_values(value) == {"a": ["b", 1, None, {"c": "[31md"}], "e": True}


@pytest.mark.parametrize("part", ["\x1b", "\x1b[", "\x1b]", "\x1b]" + "a" * 5_000, "\x1b[0"])
def test_a_megabyte_of_half_a_sequence_is_cleaned_at_once(part: str) -> None:
    assert len(clean(part * (2**20 // len(part)))) < 2**20  # in quadratic time, an hour


def is_control(character: str) -> bool:
    return character not in "\t\n\r" and (ord(character) < 32 or 127 <= ord(character) < 160)


def is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"
