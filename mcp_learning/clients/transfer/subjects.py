"""Parses the subject of a commit: the type of the change, the scope and the description.

The type comes from a conventional prefix (`fix(parser): …`), or else from words of the subject, in
the order of `_WORDS`; without either it is a `change`.
"""

import re
import unicodedata
from typing import NamedTuple

_PREFIXES = {
    **dict.fromkeys(("docs", "doc"), "docs"),
    **dict.fromkeys(("test", "tests"), "test"),
    **dict.fromkeys(("fix", "bugfix", "hotfix"), "bug_fix"),
    **dict.fromkeys(("refactor", "style"), "refactor"),
    **dict.fromkeys(("build", "deps"), "build"),
    **dict.fromkeys(("feat", "feature"), "feature"),
    **dict.fromkeys(("security", "sec"), "security"),
    "perf": "performance",
    "ci": "ci",
    "chore": "chore",
}
_WORDS = {
    "docs": r"readme|docs?|documentation|document(s|ed|ing)?|typos?|changelog|docstrings?",
    "test": r"tests?|testing|coverage",
    "bug_fix": r"fix(es|ed)?|bugs?|crash(es)?|correct(ly)?|handle|prevent|avoid|repair|resolve",
    "performance": r"faster|speed|optimi[sz]e|performance|caches?|caching",
    "refactor": r"refactor(ing)?|rename|move|simplify|remove|delete|drop|split|extract|clean\w*",
    "build": r"bump|upgrade|dependenc(y|ies)|release|build|version",
    "ci": r"ci|workflows?|pipelines?",
    "feature": r"add(s|ed)?|support|implement|allow|introduce|new|create|enable|show|let",
}
_PREFIX = re.compile(r"(?P<kind>[\w./-]{1,40})(\((?P<scope>[^()]{1,80})\))?!?:\s+(?P<what>\S.*)")
_PULL_REQUEST = re.compile(r"\([\w./-]*#\d+\)")

_NUMBER = r"[v^~@`]*\d[\w.+-]*`?"
_DOTTED = r"[v^~@`]*\d+\.\d[\w.+-]*`?"
_ROUTINE = re.compile(
    "|".join(
        (
            r"merged? (pull request|pr|branch(es)?|remote-tracking|tag|commit|changes|in|from)\b.*",
            r"merged? ['\"\w./-]+ (into|from|to) [\w./'\"-]+",
            rf"(releas(e|es|ing)|version|publish|tag|cut)[: ]*(\S+@)?{_DOTTED}( .{{0,20}})?",
            rf"(\S+@)?{_DOTTED}( (release|final|dev|development|changelog)\b.{{0,20}})?",
            rf"(prep(are|ared|aring)?|pre|start|cut|retry|finish|updates?)\b.{{0,30}} {_DOTTED}"
            r".{0,20} (release|development).{0,20}",
            rf"(prep(are|aring)?|cut|start|retry|post|back to)[ -]?(the |for |next )*"
            rf"(release|version|development)\b( \w+)?( {_DOTTED}.{{0,20}})?",
            r"(update|set|increment|change)s? (the )?([\w-]+ )?version( number)?s?"
            r"( (to|for|in) .{0,40})?",
            r".{0,30}\bversion bump.{0,40}",
            rf"(update|upgrade)d? (to )?\S+@{_NUMBER}.*",
            rf"(update|upgrade)d? .{{1,80}}? (from {_NUMBER} )?to {_NUMBER}( (in|\[security).*)?",
            r"update .{1,80} digest to [0-9a-f]{7,}.*",
            r"updated? (dependency|(all )?(the )?(\S+ ){0,2}(dependencies|deps|lock ?files?)\b).*",
            r"(lock file maintenance|package\.json update for|\[maven-release-plugin\]).*",
            r"\[pre-commit\.ci\].*",
        )
    ),
    re.IGNORECASE,
)
_BUMP = re.compile(r"(bump(s|ed|ing)?|up-?rev)\b.*", re.IGNORECASE)
_MARK = re.compile(r"^(?:\[(?!pre-commit|maven)[^\]]{1,30}\]|[^\w\s\[`'\"@]+)\s*")
_DEPENDENCIES = re.compile(r"deps(-dev)?|dependencies|release", re.IGNORECASE)
_FEWEST_COLUMNS = 10
_WIDE = frozenset("WF")


class Subject(NamedTuple):
    """The parts of a subject; `scope` is empty if there is none."""

    task_type: str
    scope: str
    what: str

    @property
    def told(self) -> str:
        """The description, prefixed by the scope."""
        return f"{self.scope}: {self.what}" if self.scope else self.what


def parse(line: str) -> Subject:
    """The parts of a subject, without numbers of pull requests at its end."""
    line = without_numbers(line)
    prefix = _PREFIX.fullmatch(line)
    if prefix is not None and prefix["kind"].lower() in _PREFIXES:
        kind = _PREFIXES[prefix["kind"].lower()]
        return Subject(kind, prefix["scope"] or "", prefix["what"])
    if prefix is not None:  # `parser: fix …` names the part, as projects written in C or Go do
        return Subject(type_by_words(line), prefix["kind"], prefix["what"])
    return Subject(type_by_words(line), "", line)


def without_numbers(line: str) -> str:
    """A subject without the numbers of pull requests at its end."""
    line = line.strip()
    while line.endswith(")") and _PULL_REQUEST.fullmatch(line, begin := line.rfind("(")):
        line = line[:begin].rstrip()
    return line


def type_by_words(subject: str) -> str:
    """The type of a task by the words of the subject."""
    for task_type, words in _WORDS.items():
        if re.search(rf"\b({words})\b", subject, re.IGNORECASE):
            return task_type
    return "change"


def is_routine(line: str) -> bool:
    """Whether a subject is that of a release, a version or dependency bump, or a merge."""
    line = _MARK.sub("", without_numbers(line))
    subject = parse(line)
    if _ROUTINE.fullmatch(subject.what) or _ROUTINE.fullmatch(line):
        return True
    upkeep = subject.task_type not in ("feature", "bug_fix", "performance", "security")
    of_dependencies = bool(_DEPENDENCIES.fullmatch(subject.scope))
    return upkeep and (of_dependencies or bool(_BUMP.fullmatch(subject.what)))


def is_too_short(text: str) -> bool:
    """Whether a text has less than ten columns; a wide (Chinese, Japanese) character has two."""
    columns = sum(2 if unicodedata.east_asian_width(one) in _WIDE else 1 for one in text)
    return columns < _FEWEST_COLUMNS
