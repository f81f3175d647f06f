"""Finds values in a map or a list named secrets, credentials or passwords."""

import re
from collections.abc import Iterator

from mcp_learning.redaction.secrets.patterns import pattern
from mcp_learning.redaction.secrets.types import JSON, Secret
from mcp_learning.redaction.secrets.values import (
    is_complex,
    is_hexadecimal,
    is_random,
    is_reference,
)

CONTAINER_NAME = pattern(
    r"(?:^|-)(?:secrets|credentials|creds|passwords|passwds|api-?keys|access-?keys|"
    r"private-?keys|auth-?tokens|access-?tokens|stringdata)\Z"
)
"""The end of a name, its words joined by ``-``, whose members are secrets."""

# Members that may describe the others: where they are used, whose they are, and how they are kept.
_ADDRESSEE = pattern(
    r"(?:user(?:-?name|-?id)?|login|host(?:name)?|server|url|uri|endpoint)\Z", re.IGNORECASE
)
_OWNER = pattern(
    r"(?:database|db|e?mail|account|project\w*|provider|engine|source|target)\Z", re.IGNORECASE
)
_DESCRIPTION = pattern(
    r"(?:name|type|kind|port|region|file|path|external|environment|required|optional|description|"
    r"uid|gid|mode|driver|template-driver|labels|inherit|version|"
    r"expir\w*|created\w*|updated\w*|scopes?|issuer|client-?id|tenant-?id|"
    r"id|ref|key-?id|enabled|namespace|secret-?name|value-?from|from|as|rotation\w*|arn)\Z",
    re.IGNORECASE,
)
_OF_ACCOUNTS = pattern(r"(?:credentials|creds)\Z")  # a name, a place and its password

_OPENING = pattern(
    r"(?P<called>secrets|cred(?:ential)?s|passwords|passwds|api[_-]?keys|access[_-]?keys|"
    r"private[_-]?keys|auth[_-]?tokens|access[_-]?tokens|"
    r"github-oauth|gitlab-(?:oauth|token)|stringdata|"
    r"(?<=\n)data(?=:[ \t]*\r?\n))\\*[\"']?\]?[ \t]*"
    r"(?P<open>(?:[:=]|:=|=>)[ \t]*[{\[(]|(?::[ \t]*\r?\n)(?P<indent>[ \t]*)(?=[\w\"'-]))"
)
_MARKERS = (
    *("secrets", "cred", "passwords", "passwds", "keys", "tokens", "stringdata", "-oauth"),
    *("gitlab-token", "kind: secret"),
)
_LONGEST = 4_000
_MEMBER = pattern(
    r"(?P<name>[\w.-]{1,60})\\*[\"']?[ \t]*(?:=>|:=|[:=])[ \t]*(?P<escape>\\*)"
    r"(?:(?P<quote>[\"'`])(?P<quoted>[^\"'`\n]{4,2000}?)(?P=escape)(?P=quote)|"
    r"(?P<bare>[^\s\"'`,{}\[\]|>&*!][^\s\"'`,{}\[\]]{3,2000}))"
)
_BARE = pattern(r"[\w+/=@!#$%^&*.~-]+")
_ADDRESS = pattern(
    r".*://|~?/|\.|[\w.+-]+@[\w-]+\.|[\w-]+(?:[.:][\w-]+)+\Z|(?:[a-z][\w-]*/)+[a-z][\w.-]*\Z"
)
_NAME = pattern(r"[A-Za-z]*\d*(?:[-_.][A-Za-z]*\d*)*")
_ITEM = pattern(
    r"(?:[\[,(]|^[ \t]*-)[ \t\n]{0,40}\\*(?P<quote>[\"'`])"
    r"(?P<quoted>[^\"'`\n\\]{4,2000})\\*(?P=quote)"
    r"(?=[ \t\n]{0,40}(?:[\],)]|\Z))",
    re.MULTILINE,
)


def find_in_containers(text: str, folded: str) -> Iterator[Secret]:
    """The values of maps and lists with names such as `secrets`; `folded` as in `search`."""
    position = 0
    if not any(marker in folded for marker in _MARKERS):
        return
    is_manifest = "kind: secret" in folded  # of Kubernetes, whose data are secrets
    while opening := _OPENING.search(folded, position):
        start, end = opening.end(), _end(text, opening)
        before = folded[max(0, opening.start() - 40) : opening.start()]
        is_class = "class " in before.rpartition("\n")[2]
        if is_class or (opening[0].startswith("data") and not is_manifest):
            position = start
            continue
        for member in (_MEMBER, _ITEM):
            for match in member.finditer(text, start - 1, end):
                if _is_secret(match, opening["called"] or ""):
                    group = "quoted" if match["quoted"] is not None else "bare"
                    yield Secret(*match.span(group), "secret")
        position = max(end, start)


def _end(text: str, opening: re.Match[str]) -> int:
    limit = opening.end() + _LONGEST
    if opening["indent"] is None:
        closing = {"{": "}", "[": "]", "(": ")"}[opening["open"][-1]]
        end = text.find(closing, opening.end(), limit)
        return end + 1 if end >= 0 else min(limit, len(text))
    if not opening["indent"] and text[opening.end()] != "-":
        return opening.end()  # the next line is not inside
    end = opening.end()
    while end < min(limit, len(text)):  # lines that are indented like the first
        line = text.find("\n", end, limit)
        end = line + 1 if line >= 0 else min(limit, len(text))
        following = text[end : end + len(opening["indent"]) + 1]
        if not following.startswith(opening["indent"]) and following.strip():
            break
    return end


def is_secret_member(name: str, value: JSON, container: str) -> bool:
    """Whether the value of a member of a container is or contains a secret.

    Args:
        name: The member's name. One named ``db``, ``user`` or ``region`` may only describe the
            others, so its value has to look like a secret.
        value: Its value.
        container: The container's name in lower case, its words joined by ``-``.
    """
    is_owner, is_description = bool(_OWNER.match(name)), bool(_DESCRIPTION.match(name))
    if not is_owner and not is_description and not _ADDRESSEE.match(name):
        return True
    if not isinstance(value, str):
        return is_owner and isinstance(value, (dict, list))
    if is_reference(value) or _ADDRESS.match(value):
        return False
    if is_owner and not _OF_ACCOUNTS.search(container):
        return len(value) >= 6 and is_complex(value) and not value.isdecimal()
    least = 12 if is_description else 8
    return len(value) >= least and is_random(value) and not _is_name(value)


def _is_name(value: str) -> bool:
    """Whether it may be the name of an account or a machine: `proj-2024-a`, a UUID."""
    return is_hexadecimal(value) or bool(_NAME.fullmatch(value))


def _is_secret(match: re.Match[str], container: str) -> bool:
    found = match.groupdict()
    quoted = found.get("quoted")
    value = quoted or found["bare"].rstrip(";")
    name = found.get("name")
    if is_reference(value) or " " in value:
        return False
    if name and not is_secret_member(name, value, container):
        return False
    if quoted is None or name is None:
        is_value = _BARE.fullmatch(value) and (is_complex(value) or is_random(value))
        return len(value) >= 6 and bool(is_value)
    is_lower_case = value.islower() and value.isalpha() and len(value) >= 8
    return is_complex(value) or is_random(value) or is_lower_case
