"""Editing JSON in place: a value is added, all other bytes stay, removing it restores the file."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_learning.clients.install import jsonc
from mcp_learning.clients.install.jsonc import BrokenText

ENTRY = {"command": "mcp-learning", "args": [], "env": {}}

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


def with_entry(text: str) -> tuple[Any, Any]:
    """What a text holds, and the same with the entry."""
    value = jsonc.loads(text)
    return value, {**value, "mcpServers": {**value.get("mcpServers", {}), "learning": ENTRY}}


@pytest.mark.parametrize("text", KEPT)
def test_an_entry_that_is_taken_out_again_leaves_the_very_text(text: str) -> None:
    value, wanted = with_entry(text)
    edited = jsonc.rewrite(text, wanted)
    assert jsonc.loads(edited) == wanted
    assert jsonc.rewrite(edited, value) == text


@pytest.mark.parametrize("text", KEPT)
def test_only_text_is_added(text: str) -> None:
    kept = iter(jsonc.rewrite(text, with_entry(text)[1]))
    assert all(character in kept for character in text), "the old text is not contained in order"


def test_an_entry_has_the_layout_of_those_around_it() -> None:
    text = '{\n\t"mcpServers": { // mine\n\t\t"a": {"command": "b"} // first\n\t}\n}\n'
    value = {"mcpServers": {"a": {"command": "b"}, "c": {"command": "d", "args": []}}}
    assert jsonc.rewrite(text, value) == (
        '{\n\t"mcpServers": { // mine\n'
        '\t\t"c": {\n\t\t\t"command": "d",\n\t\t\t"args": []\n\t\t},\n'
        '\t\t"a": {"command": "b"} // first\n\t}\n}\n'
    )


def test_objects_that_are_missing_are_made() -> None:
    assert jsonc.rewrite("{}\n", {"a": {"b": {"c": 1}}}) == (
        '{\n  "a": {\n    "b": {\n      "c": 1\n    }\n  }\n}\n'
    )


def test_a_value_is_replaced_where_it_stands() -> None:
    text = '{"a": {"b" : 1 /* one */ , "c": [ 2,3 ]}}'
    for value, expected in (
        ({"b": 9, "c": [2, 3]}, '{"a": {"b" : 9 /* one */ , "c": [ 2,3 ]}}'),
        ({"b": 1, "c": [4, 2, 3]}, '{"a": {"b" : 1 /* one */ , "c": [ 4, 2,3 ]}}'),
        ({"b": 1, "c": [3]}, '{"a": {"b" : 1 /* one */ , "c": [3 ]}}'),
        ({"c": [2, 3]}, '{"a": { "c": [ 2,3 ]}}'),
    ):
        assert jsonc.rewrite(text, {"a": value}) == expected


def test_what_stands_after_a_removed_entry_is_never_swallowed_by_a_comment() -> None:
    text = '{\n  // note\n  "a": 1, "b": 2 }'
    assert jsonc.loads(jsonc.rewrite(text, {"b": 2})) == {"b": 2}
    assert jsonc.loads(jsonc.rewrite('{ // note\n "a": 1 }', {})) == {}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"a": 1', "line 1, column 8: Expecting ',' delimiter"),
        ('{\n  "a": 1\n  "b": 2\n}', "line 3, column 3: Expecting ',' delimiter"),
        ('{"a": }', "Expecting value"),
        ("{'a': 1}", "line 1, column 2: Expecting property name enclosed in double quotes"),
        ('{"a": "b\n"}', "line 1, column 9: Invalid control character"),
        ('{"a": "\\x"}', r"line 1, column 8: Invalid \escape"),
        ('{"a": 1} {}', "line 1, column 10: Extra data"),
        ('{"a": 1, "a": 2}', '"a" occurs twice'),
        ('{"a":, "b": 1}', "line 1, column 6: Expecting value"),
        ("[1,,]", "line 1, column 4: Expecting value"),
        ("{,}", "line 1, column 2: Expecting property name"),
        ('{"a": NaN}', "NaN is not JSON"),
        ('{"a": 01}', "line 1, column 8: Expecting ',' delimiter"),
        ('{"a": 1 /* }', "line 1, column 9: Expecting ',' delimiter"),
        ("[" * 100_000, "recursion"),
        ("", "Expecting value"),
        ("9" * 5_000, "digits"),
    ],
)
def test_a_broken_text_is_refused_with_the_place(text: str, complaint: str) -> None:
    with pytest.raises(BrokenText) as refused:
        jsonc.loads(text)
    assert complaint in str(refused.value)


@given(st.text())
def test_any_text_is_either_read_or_refused(text: str) -> None:
    try:
        jsonc.loads(text)
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
    assert jsonc.loads(text) == document
    edited = jsonc.rewrite(text, {**document, "learning": value})
    assert jsonc.loads(edited) == {**document, "learning": value}
    assert jsonc.rewrite(edited, document) == text


@example([None, None], [None], None)
@example([[None, None]], [[None]], None)
@given(st.lists(VALUES, max_size=4), st.lists(VALUES, max_size=4), LAYOUTS)
def test_a_list_is_changed_to_any_other(
    old: list[Any], new: list[Any], indent: int | str | None
) -> None:
    edited = jsonc.rewrite(json.dumps(old, indent=indent), new)
    assert jsonc.loads(edited) == new
