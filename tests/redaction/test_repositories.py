"""A repository is one under all its spellings; two that differ in anything known stay two."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_learning.redaction.repositories import matching, merged, parse

SHOP = [
    "acme/shop",
    "Acme/Shop",
    "acme/shop.git",
    "acme/shop/",
    "github.com/acme/shop",
    "https://github.com/acme/shop",
    "https://GitHub.com/Acme/Shop.git",
    "https://www.github.com/acme/shop/",
    "http://github.com:80/acme/shop",
    "https://someone:secret@github.com/acme/shop.git",
    "git@github.com:acme/shop.git",
    "ssh://git@github.com/acme/shop.git",
    "ssh://git@ssh.github.com:443/acme/shop.git",
    "git+ssh://git@github.com/acme/shop",
    "https://github.com/acme/shop/tree/main/src",
    "https://github.com/acme/shop/pull/7#issuecomment-1",
    "https://github.com/acme/shop?tab=readme",
    "github.com/acme/shop#readme",
    "git@github-at-work:acme/shop.git",
]
DIRECTORIES = [
    "/srv/acme/shop",
    "/srv/acme/shop/",
    "/srv//acme/./shop/../shop",
    "/srv/acme/shop/.git",
    "file:///srv/acme/shop",
    "/srv/acme/shop/.claude/worktrees/fix",
    "/srv/acme/shop/.git/worktrees/fix",
    "/srv/acme/shop/worktrees/fix",
]
OTHERS = ["other/shop", "acme/shop2", "gitlab.com/acme/shop-tools", "/home/me/shop", "acme"]


@pytest.mark.parametrize("one", [*SHOP, "shop", "SHOP", "./shop"])
def test_all_spellings_of_a_repository_match(one: str) -> None:
    assert matching(one, SHOP + DIRECTORIES) == SHOP + DIRECTORIES
    if "/" in one.removeprefix("./"):
        assert matching(one, OTHERS) == []


def test_all_spellings_of_a_directory_match() -> None:
    for one in DIRECTORIES:
        assert matching(one, DIRECTORIES) == DIRECTORIES
        assert matching(one, OTHERS) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a/app", "b/app"),
        ("github.com/a/app", "gitlab.com/a/app"),
        ("/srv/a/app", "/home/me/a/app"),
        ("/home/me/app", "a/app"),
        ("/home/me/app", "https://github.com/a/app"),
        ("app", "apps"),
        ("app", ""),
        ("/", "app"),
        (".", "app"),
    ],
)
def test_what_differs_in_something_known_is_not_the_same(one: str, other: str) -> None:
    assert not parse(one).is_same(parse(other))
    assert not parse(other).is_same(parse(one))


@pytest.mark.parametrize(
    ("address", "host", "path"),
    [
        ("https://gitlab.com/group/sub/app/-/merge_requests/1", "gitlab.com", "group/sub/app"),
        ("git@gitlab.example.com:2222/group/sub/app.git", "gitlab.example.com", "group/sub/app"),
        ("https://dev.azure.com/org/project/_git/app", "dev.azure.com", "org/project/app"),
        ("git@ssh.dev.azure.com:v3/org/project/app", "dev.azure.com", "org/project/app"),
        (
            "https://bitbucket.example.com/projects/P/repos/app/browse",
            "bitbucket.example.com",
            "p/app",
        ),
        ("https://bitbucket.example.com/scm/P/app.git", "bitbucket.example.com", "p/app"),
        ("https://bitbucket.org/acme/app/src/main/", "bitbucket.org", "acme/app"),
        ("https://git.sr.ht/~someone/app", "git.sr.ht", "~someone/app"),
        ("https://[2001:db8::1]:8443/acme/app", "[2001:db8::1]", "acme/app"),
        ("https://codeberg.org/acme/caf%C3%A9", "codeberg.org", "acme/café"),
        ("C:\\src\\app", "", "c:/src/app"),
        ("file:///C:/src/app", "", "c:/src/app"),
    ],
)
def test_addresses_of_many_forges_are_read(address: str, host: str, path: str) -> None:
    found = parse(address)
    assert (found.host, "/".join(found.parts)) == (host, path)


def test_composition_and_invisible_characters_do_not_tell_repositories_apart() -> None:
    assert parse("acme/café") == parse("acme/cafe\u0301") == parse("ACME/CAFE\u0301\u200b")


def test_groups_are_named_by_the_commonest_name_with_an_owner() -> None:
    counts = dict.fromkeys(SHOP + DIRECTORIES, 1) | {"acme/shop": 3, "shop": 9, "other/app": 1}
    shown = merged(counts)
    assert {shown[one] for one in [*SHOP, *DIRECTORIES, "shop"]} == {"acme/shop"}
    assert shown["other/app"] == "other/app"


def test_a_name_that_two_repositories_share_is_a_group_of_its_own() -> None:
    names = ["a/app", "b/app", "app", "/home/me/app"]
    assert merged(dict.fromkeys(names, 1)) == {
        "a/app": "a/app",
        "b/app": "b/app",
        "app": "app",
        "/home/me/app": "app",
    }
    assert (
        merged(dict.fromkeys(["a/app", "b/app", "app", "/srv/a/app"], 1))["/srv/a/app"] == "a/app"
    )


_names = st.sampled_from(["a", "b", "App", "git", "www", "é", "e\u0301", "worktrees", ".git", ".."])
_spellings = st.builds(
    lambda before, names, after: before + "/".join(names) + after,
    st.sampled_from(
        ["", "/", "~/", "./", "https://a.example/", "git@a.example:", "C:\\", "//", "?"]
    ),
    st.lists(_names, max_size=5),
    st.sampled_from(["", "/", ".git", "#x", "?y=1", "/tree/main", "/-/x"]),
)


@given(st.lists(st.one_of(_spellings, st.text(max_size=20)), max_size=8))
def test_whatever_is_written_has_a_group_and_is_the_same_as_itself(spellings: list[str]) -> None:
    shown = merged(dict.fromkeys(spellings, 1))
    assert shown.keys() == set(spellings)
    assert set(shown.values()) <= set(spellings)
    assert all(shown[best] == best for best in shown.values())
    for one, other in itertools.combinations(map(parse, spellings), 2):
        assert one.is_same(other) == other.is_same(one)
    assert all(one in matching(one, spellings) for one in spellings)
