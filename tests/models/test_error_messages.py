"""The normal form of error messages, without the parts that vary between occurrences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_learning.models.error_messages import MAX_LENGTH, normal_form


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("took 12.5 s, limit 10s", "took <n> s, limit <n>s"),
        ("error TS2304 at 3:14", "error TS2304 at <n>"),
        ("at 2026-01-02 03:04:05", "at <n> <n>"),
        ("open '/etc/passwd': it's gone", "open <value>: it's gone"),
        ('say "hi there" and `x`', "say <value> and <value>"),
        ("undefined reference to `SSL_new'", "undefined reference to <value>"),
        ("GET https://a.example/x?y=1 failed", "GET <url> failed"),
        (r"no C:\Users\a\b.txt, ./c or src/d.py or e.rs", "no <path>, <path> or <path> or <path>"),
        ("id 0b7e11aa-52c9-4d0e-8f6a-9a1b2c3d4e5f", "id <id>"),
        ("0xDEADBEEF and 9f86d081884c", "<hex> and <hex>"),
        ("E       assert  1\t==  2", "assert <n> == <n>"),
        ("step one\nnpm ERR! code 1\nmore", "npm ERR! code <n>"),
        ("thread panicked at x:\nindex 3 is out", "thread panicked at x: index <n> is out"),
        ("just\ntwo lines", "just"),
        (
            'Traceback (most recent call last):\n  File "a.py", line 3\nValueError: bad 3\n',
            "ValueError: bad <n>",
        ),
        ("obj.method is unknown", "obj.method is unknown"),
        ("héllo 🦆 ошибка 5", "héllo 🦆 ошибка <n>"),
        ("  \n ", ""),
        ("x" * 20_000, "x" * 200),
    ],
)
def test_values_are_replaced_and_the_telling_line_is_kept(message: str, expected: str) -> None:
    assert normal_form(message) == expected


_PIECES = (
    *("error", "Failed:", "can't", "Traceback (most recent call last):", "TS2304", "E  "),
    *("\n", "\r\n", " ", "\t", "\u3000", "'", '"', "`", "/", "\\", "C:", "a.py", ".", "--"),
    *("é", "ß", "0x1f", "deadbeef12", "12", "1-2", "http://a.b/c", "(", "=", "a" * 1000),
)
_messages = st.text(st.characters(codec="utf-8"), max_size=80) | st.lists(
    st.sampled_from(_PIECES), max_size=25
).map("".join)


@given(_messages)
def test_a_normal_form_is_a_short_line_without_surrounding_space(message: str) -> None:
    text = normal_form(message)
    assert len(text) <= MAX_LENGTH
    assert not set(text) & set("\t\n\r")
    assert text == text.lstrip(" ")


@given(_messages, st.integers(0, 10**7 - 1), st.integers(0, 10**7 - 1))
def test_messages_that_differ_in_a_number_have_one_normal_form(
    before: str, one: int, other: int
) -> None:
    messages = [f"{before} code {number}" for number in (one, other)]
    assert normal_form(messages[0]) == normal_form(messages[1])


@pytest.mark.parametrize(
    "unit",
    ["a", "a.", "/", "a/", "C:", "='", "`", "1-", "a1", ".py", "-a", "\n", "error:\n", "a:/", " "],
)
def test_a_long_hostile_message_has_a_normal_form(unit: str) -> None:
    """A pattern that gives characters back would take minutes for some of them."""
    hostile = unit * (20_000 // len(unit))
    for message in (hostile, f"\n{hostile}", f"error:\n{hostile}"):
        assert len(normal_form(message)) <= MAX_LENGTH
