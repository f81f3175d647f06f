"""Editing JSON in place: what is added is meant, what was there stays, and goes back to it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_learning.clients.install import jsonc
from mcp_learning.clients.install.jsonc import BrokenText

ENTRY = {"command": "mcp-learning", "args": [], "env": {}}
PATH = ("mcpServers", "learning")

KEPT = [
    '{"mcpServers":{}}',
    '{"mcpServers":{"a":{"command":"b"}}}\n',
    '{ "mcpServers": { "a": { "command": "b" } } }',
    '{\n  "mcpServers": {\n    "a": {"command": "b"}\n  }\n}\n',
    '{\n\t"mcpServers": {\n\t\t"a": {"command": "b"}, // the first\n\t},\n\t// the end\n}\n',
    '{\r\n   "mcpServers": {\r\n      "a": {"command": "b"} /* one */ // two\r\n   }\r\n}\r\n',
    '// before\n{\n    "mcpServers": {\n        // none yet\n    }, "x": [1, 2,\n  3]\n}\n// after',
    '{"mcpServers": {"a": {"command": "// no comment", "args": ["/* nor this */"]},}}',
    '{"x": 1e5, "mcpServers": {"a": {"command": "\\u00e9\\n\\"}"}}, "y": null}',
    '{\n  "mcpServers":\n  {\n    "a":\n    {\n      "command": "b"\n    }\n  }\n}\n',
]


@pytest.mark.parametrize("text", KEPT)
def test_an_entry_that_is_taken_out_again_leaves_the_very_text(text: str) -> None:
    edited = jsonc.put(text, PATH, ENTRY)
    assert jsonc.parse(edited).value["mcpServers"]["learning"] == ENTRY
    assert jsonc.remove(edited, PATH) == text


@pytest.mark.parametrize("text", KEPT)
def test_only_lines_are_added_and_a_comma(text: str) -> None:
    edited = jsonc.put(text, PATH, ENTRY)
    kept = iter(edited)
    assert all(character in kept for character in text), "the old text is not contained in order"


def test_an_entry_has_the_layout_of_those_around_it() -> None:
    text = '{\n\t"mcpServers": {\n\t\t"a": {"command": "b"} // first\n\t}\n}\n'
    assert jsonc.put(text, PATH, {"command": "c", "args": []}) == (
        '{\n\t"mcpServers": {\n\t\t"a": {"command": "b"}, // first\n'
        '\t\t"learning": {\n\t\t\t"command": "c",\n\t\t\t"args": []\n\t\t}\n\t}\n}\n'
    )


def test_objects_that_are_missing_are_made() -> None:
    assert jsonc.put("{}\n", ("a", "b", "c"), 1) == (
        '{\n  "a": {\n    "b": {\n      "c": 1\n    }\n  }\n}\n'
    )
    assert jsonc.parse(jsonc.put('{"a": {}}', ("a", "b", 0), 1)).value == {"a": {"b": [1]}}


def test_a_value_is_replaced_where_it_stands() -> None:
    text = '{"a": {"b" : 1 /* one */ , "c": [ 2,3 ]}}'
    assert jsonc.put(text, ("a", "b"), 9) == '{"a": {"b" : 9 /* one */ , "c": [ 2,3 ]}}'
    assert jsonc.put(text, ("a", "c", 2), 4) == '{"a": {"b" : 1 /* one */ , "c": [ 2,3, 4 ]}}'


def test_what_stands_after_a_removed_entry_is_never_swallowed_by_a_comment() -> None:
    text = '{\n  // note\n  "a": 1, "b": 2 }'
    assert jsonc.parse(jsonc.remove(text, ("a",))).value == {"b": 2}
    assert jsonc.parse(jsonc.remove('{ // note\n "a": 1 }', ("a",))).value == {}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"a": 1', "line 1, column 8: ',' or '}' is missing"),
        ('{\n  "a": 1\n  "b": 2\n}', "line 3, column 3: ',' or '}' is missing"),
        ('{"a": }', "a value is missing"),
        ("{'a': 1}", "double quotes"),
        ('{"a": "b\n"}', "a string doesn't end"),
        ('{"a": "\\x"}', "a string doesn't end, or has an invalid character"),
        ('{"a": 1} {}', "more after the value"),
        ('{"a": 1, "a": 2}', '"a" is there twice'),
        ("{,}", "a key in double quotes"),
        ('{"a": NaN}', "not a JSON value"),
        ('{"a": 01}', "not a JSON value"),
        ('{"a": 1 /* }', "a comment doesn't end"),
        ("[" * 100_000, "nested deeper"),
        ("", "a value is missing"),
        ("9" * 5_000, "a number that is too long"),
    ],
)
def test_a_broken_text_is_refused_with_the_place(text: str, complaint: str) -> None:
    with pytest.raises(BrokenText) as refused:
        jsonc.put(text, PATH, ENTRY)
    assert complaint in str(refused.value)


@given(st.text())
def test_any_text_is_either_read_or_refused(text: str) -> None:
    try:
        jsonc.parse(text)
    except BrokenText:
        with pytest.raises(ValueError):
            _strict(text)


def _strict(text: str) -> Any:
    def refuse(name: str) -> None:
        raise ValueError(name)

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("twice")
        return dict(pairs)

    return json.loads(text, parse_constant=refuse, object_pairs_hook=once)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip
LAYOUTS = st.sampled_from([None, 0, 1, 2, 4, "\t"])


@given(st.dictionaries(st.text(), VALUES, max_size=5), LAYOUTS, st.booleans(), VALUES)
def test_adding_and_removing_changes_nothing_else_in_any_layout(
    document: dict[str, Any], indent: int | str | None, carriage: bool, value: Any
) -> None:
    document.pop("learning", None)
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    text = text.replace("\n", "\r\n") if carriage else text
    assert jsonc.parse(text).value == document
    edited = jsonc.put(text, ("learning",), value)
    assert jsonc.parse(edited).value == {**document, "learning": value}
    assert jsonc.remove(edited, ("learning",)) == text
