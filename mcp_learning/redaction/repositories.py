"""Parses and compares spellings of repositories, as people, agents and git write them.

    written as                                         host         path
    https://me:secret@GitHub.com:443/Acme/Shop.git/    github.com   acme/shop
    git@github.com:acme/shop.git                       github.com   acme/shop
    https://github.com/acme/shop/tree/main?x#y         github.com   acme/shop
    github.com/acme/shop                               github.com   acme/shop
    acme/shop                                          (unknown)    acme/shop
    shop                                               (unknown)    shop
    /srv/acme//./shop/, file:///srv/acme/shop          (directory)  /srv/acme/shop
    /srv/acme/shop/.claude/worktrees/fix               (directory)  /srv/acme/shop

Case and Unicode composition are ignored. Two repositories are the same if nothing known of them
differs: two addresses, or two directories, have to be equal; a name may lack its first parts. So
`shop` may be `acme/shop` and may be `other/shop`, which are two; `/srv/acme/shop` may be
`acme/shop`, but `/home/me/shop` is not.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from mcp_learning.models.folding import folded

_SCHEME = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]+)://(?P<rest>.*)", re.DOTALL)
_AUTHORITY = re.compile(r"(?:.*@)?(?P<host>\[[^\]]*\]|[^:]*)(?::\d*)?", re.DOTALL)
_USER = r"(?:[^/@:]+@)?"
_SCP = re.compile(rf"{_USER}(?P<host>[\w.-]{{2,}}|\[[0-9a-f:]+\]):(?P<path>.+)", re.DOTALL)
_HOST_FIRST = re.compile(
    rf"{_USER}(?P<host>[\w-]+(?:\.[\w-]+)+)\.?(?::\d+)?/(?P<path>.+)", re.DOTALL
)
_DRIVE = re.compile(r"/?(?P<drive>[a-z]:)(?:/|$)")
_AFTER_ADDRESS = re.compile(r"[?#].*", re.DOTALL)
_AFTER_NAME = re.compile(r"(?<=/)([^/?#]+)[?#][^/]*$")

# Other hosts of the same service; `www.` is cut off before.
_HOSTS = {
    "ssh.github.com": "github.com",
    "altssh.gitlab.com": "gitlab.com",
    "altssh.bitbucket.org": "bitbucket.org",
    "ssh.dev.azure.com": "dev.azure.com",
}
_TWO_PARTS = frozenset({"github.com", "bitbucket.org", "codeberg.org"})
# Path parts that don't belong to the repository's name, and those that begin a page in it.
_IN_BETWEEN = frozenset({"_git", "scm", "v3"})
_PAGES = frozenset(
    (
        *("-", "actions", "blame", "blob", "branches", "browse", "commit", "commits", "compare"),
        *("discussions", "issues", "merge_requests", "pull", "pull-requests", "pulls", "raw"),
        *("releases", "src", "tags", "tree", "wiki"),
    )
)
_HOMES = (("home",), ("users",))


class Repository(NamedTuple):
    """A repository, as far as its spelling determines it.

    Attributes:
        host: Of its address; empty without one.
        parts: Of its path, from the outside in; empty if nothing is known.
        is_directory: Whether the path is one of the file system, from its root.
    """

    host: str
    parts: tuple[str, ...]
    is_directory: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether the path is complete."""
        return self.is_directory or bool(self.host)

    def is_same(self, other: "Repository") -> bool:
        """Whether nothing known of the two differs. Symmetric, but not transitive."""
        if not self.parts or not other.parts:
            return False
        if self.is_whole and other.is_whole and self.is_directory == other.is_directory:
            return self == other
        end, whole = sorted((self, other), key=_by_openness)
        return whole.parts[-len(end.parts) :] == end.parts

    def within(self) -> Iterator["Repository"]:
        """Itself and its parents: directories above, and shorter names before a `/`."""
        least = 1 if self.is_directory else 2
        yield self
        for length in range(len(self.parts) - 1, least - 1, -1):
            yield self._replace(parts=self.parts[:length])

    def spellings(self) -> Iterator[str]:
        """Folded texts that patterns with wildcards are compared with: the whole and suffixes."""
        path = "/".join(self.parts)
        if self.host:
            yield f"{self.host}/{path}"
        if self.is_directory:
            yield path if _DRIVE.match(path) else f"/{path}"
        for start in range(len(self.parts)):
            yield "/".join(self.parts[start:])


def _by_openness(one: Repository) -> tuple[bool, bool, int]:
    """A sort key: names before addresses before directories, shorter names before longer ones."""
    return one.is_whole, one.is_directory, len(one.parts)


def parse(spelling: str) -> Repository:
    """The repository of an address, a name or a path; nothing is looked up.

    `~` is the user's home directory; `./` and `../` at the beginning are left out.
    """
    return _parsed(with_home(spelling))


def located(spelling: str) -> Repository:
    """As `parse`, but keeps a worktree, or a directory in `.git`, as the directory."""
    return _located(with_home(spelling))


def with_home(path: str) -> str:
    """The text with an initial `~` replaced by the home directory."""
    stripped = path.strip()
    return os.path.expanduser(stripped) if stripped.startswith("~") else stripped  # noqa: PTH111


@lru_cache(65_536)
def _parsed(spelling: str) -> Repository:
    directory = _located(spelling)
    if not directory.is_directory:
        return directory
    return directory._replace(parts=_main(directory.parts))


@lru_cache(65_536)
def _located(spelling: str) -> Repository:
    text = folded(spelling).replace("\\", "/")
    if scheme := _SCHEME.fullmatch(text):
        rest = unquote(_AFTER_ADDRESS.sub("", scheme["rest"]))
        if scheme["scheme"] == "file":
            return _directory("/" + rest.partition("/")[2])
        authority, _, path = rest.partition("/")
        host = _AUTHORITY.fullmatch(authority)
        return _address(host["host"] if host else authority, path)
    if text.startswith("/") or _DRIVE.match(text):
        return _directory(text)
    if address := _HOST_FIRST.fullmatch(text) or _SCP.fullmatch(text):
        return _address(address["host"], unquote(_AFTER_ADDRESS.sub("", address["path"])))
    parts = _plain(_AFTER_NAME.sub(r"\1", text))
    return Repository("", _without_page(parts))


def merged(counts: Mapping[str, int]) -> dict[str, str]:
    """For each spelling the one to show for its repository, by the `counts` of spellings.

    It is the most frequent name with an owner, or without one the most frequent name, or else the
    most frequent directory. A name that could be of several repositories maps to itself.
    """
    spelt: dict[Repository, list[str]] = {}
    for spelling in counts:
        spelt.setdefault(parse(spelling), []).append(spelling)
    order = sorted(spelt, key=lambda one: (one.is_directory, not one.host, -len(one.parts), one))
    groups: dict[Repository, list[str]] = {}
    ends: dict[str, list[Repository]] = {}
    for one in order:
        known = ends.setdefault(one.parts[-1] if one.parts else "", [])
        same = [other for other in known if one.is_same(other)]
        if one.is_directory:  # its whole path is known, so that the longest name says most
            longest = max((len(other.parts) for other in same), default=0)
            same = [other for other in same if len(other.parts) == longest]
        if len(same) == 1:
            groups[same[0]] += spelt[one]
        else:
            groups[one] = list(spelt[one])
            known.append(one)
    shown = {}
    for spellings in groups.values():
        best = min(spellings, key=lambda one: (_vagueness(one), -counts[one], one))
        shown.update(dict.fromkeys(spellings, best))
    return shown


def matching(wanted: str, spellings: Iterable[str]) -> list[str]:
    """Those of the spellings that may name the same repository as `wanted`."""
    repository = parse(wanted)
    return [
        spelling
        for spelling in spellings
        if spelling == wanted or repository.is_same(parse(spelling))
    ]


def _vagueness(spelling: str) -> int:
    """A sort key: names with an owner before names alone before directories."""
    repository = parse(spelling)
    if repository.is_directory:
        return 2
    return 0 if len(repository.parts) > 1 else 1


def _directory(path: str) -> Repository:
    if drive := _DRIVE.match(path):
        path = path.removeprefix("/")
        return Repository("", (drive["drive"], *_plain(path[2:])), is_directory=True)
    return Repository("", _plain(path), is_directory=True)


def _address(host: str, path: str) -> Repository:
    host = host.rstrip(".").removeprefix("www.")
    host = _HOSTS.get(host, host)
    parts = tuple(part for part in _plain(path) if part not in _IN_BETWEEN)
    if len(parts) >= 4 and parts[0] in ("projects", "users") and parts[2] == "repos":
        parts = (parts[1], parts[3])
    parts = parts[:2] if host in _TWO_PARTS else _without_page(parts)
    if parts:
        parts = (*parts[:-1], _without_git(parts[-1]))
    # A host without a dot is an alias of ssh's configuration, or of the local network.
    return Repository(host if "." in host or host.startswith("[") else "", parts)


def _plain(path: str) -> tuple[str, ...]:
    """Parts of a path without empty ones, `.` and `..`; the last one without `.git`."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    if parts and parts[-1] == ".git":
        parts.pop()
    if parts:
        parts[-1] = _without_git(parts[-1])
    return tuple(parts)


def _without_git(part: str) -> str:
    return part.removesuffix(".git") or part


def _without_page(parts: tuple[str, ...]) -> tuple[str, ...]:
    end = next((at for at, part in enumerate(parts) if at >= 2 and part in _PAGES), len(parts))
    return parts[:end]


def _main(parts: tuple[str, ...]) -> tuple[str, ...]:
    """The repository of a directory in `.git`, or of one below `worktrees`."""
    for mark in (".git", "worktrees"):
        if mark in parts[1:-1]:
            main = parts[: parts.index(mark, 1)]
            if main[-1].startswith(".") and len(main) > 1:
                main = main[:-1]
            is_home = main == ("root",) or main[-2:-1] in _HOMES
            return parts if is_home else (*main[:-1], _without_git(main[-1]))
    return parts
