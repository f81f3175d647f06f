"""Finds values of secret names in configuration, code, markup, tables and prose."""

import re
from collections.abc import Iterator

from mcp_learning.redaction.secrets import bindings
from mcp_learning.redaction.secrets.literals import Name, bare_value, is_secret
from mcp_learning.redaction.secrets.names import FOREIGN, STEMS, meaning_of, words_of
from mcp_learning.redaction.secrets.patterns import pattern
from mcp_learning.redaction.secrets.types import Secret
from mcp_learning.redaction.secrets.values import is_complex, is_prose, is_random

_BACKWARDS = pattern(r"[\w.$-]{0,60}")  # on the reversed text before a stem
_WORD_BEFORE = pattern(r"(?: [\w-]{1,20}){1,2}")
_FORWARDS = pattern(r"[\w-]{0,60}", re.ASCII)

_REST = pattern(r"[^\s\"'`<>,;&\\|)\]}]*")  # of a value that is longer than was matched
_FURTHER = pattern(r"[ \t]+(?:--?\w|&&|\|)")  # of a command line
# Before the last name of it.
_PATH = pattern(r"(?:[^\s:]:|::|//|(?:^|[\s\"'(])[^\s:\"'(]{0,60}/)\Z")
_HEADING = pattern(r"(?:\n|\A)#{1,6} [^\n]{0,40}\Z")
_LISTED = pattern(r"\w=[^\s,;]{1,60}[,; ]\Z")  # user=somebody,password=…
_FURTHER_FIELD = pattern(r"[ \t]+[A-Za-z][\w.]{0,30}=[^\s=]")  # password=… user=somebody
_DEFINITION = pattern(
    r"(?:[#%](?:define|global)|\b(?:set|setenv|env|arg)(?:[ \t]+-\w+)*)[ \t]+\Z", re.IGNORECASE
)
_VARIABLE = pattern(r"[A-Za-z]+\d{1,2}")
_SIBLING = pattern(
    r"^[ \t]*[\"']?(?:user(?:name|_name|id)?|login|email|mail|account|host(?:name)?|server|port|db|"
    r"database|dbname|url|endpoint|region)[\"']?[ \t]*[:=]",
    re.IGNORECASE | re.MULTILINE,
)
_ENGLISH = pattern("passw(?:or)?d|pass(?:code|phrase)?$", re.IGNORECASE)
_OF = pattern(
    r"\s+(?:for|of|pour|für|para|per|dla|voor|tempor\w+|provv?is\w+|sementara)\b", re.IGNORECASE
)
_SETTER = pattern(r"(?:set|with|add|use|put|define|register|provide)[-_]|[^-_]+\Z")
_ARGUMENT = pattern(r"(?:^|\s)--?[A-Za-z][\w-]{0,30}[ =][\"']?\Z")  # --set password=…


def find_assignments(text: str, folded: str) -> Iterator[Secret]:
    """The values in a text that follow the name of a secret; `folded` as in `search`."""
    stems = [STEMS.finditer(folded)]
    if not text.isascii():
        stems.append(FOREIGN.finditer(text))
    for found in stems:
        position = 0
        for stem in found:
            if stem.start() < position:
                continue
            if name := _name_around(text, *stem.span()):
                position = name.end
                if secret := _value_of(name):
                    yield secret
                    position = secret.end


def _name_around(text: str, start: int, end: int) -> Name | None:
    left = _BACKWARDS.match(text[max(0, start - 60) : start][::-1])
    begin = start - (left.end() if left else 0)
    right = _FORWARDS.match(text, end)
    end = right.end() if right else end
    name = text[begin:end]
    meaning = meaning_of(name)
    if meaning is None or meaning.sure == 1:  # "API key"
        more = _WORD_BEFORE.match(text[max(0, begin - 44) : begin][::-1])
        longer = meaning_of(text[begin - more.end() : end]) if more else None
        meaning = longer or meaning
    return Name(text, begin, end, name, meaning) if meaning else None


def _value_of(name: Name) -> Secret | None:
    for binding in (
        *(_as_member, _assigned, _on_next_line, _in_element, _paired),
        *(_passed, _optional, _defined, _in_cell, _said, _qualified),
    ):
        if match := binding(name):
            group = "quoted" if match.groupdict().get("quoted") is not None else "bare"
            start, end = match.span(group)
            if group == "bare":
                end = start + len(bare_value(match))
                rest = _REST.match(name.text, end) if end == match.end(group) else None
                end = rest.end() if rest else end
            return Secret(start, end, name.meaning.kind) if end > start else None
    return None


def _as_member(name: Name) -> re.Match[str] | None:
    """`{"name": "password", "value": "…"}`."""
    if not bindings.NAMED.search(name.before):
        return None
    match = bindings.MEMBER.match(name.text, name.end)
    match = match or bindings.ELEMENT.match(name.text, name.end)
    match = match or bindings.VARIABLE.match(name.text, name.end)
    if match is None:
        before = max(0, name.start - 300)
        match = bindings.MEMBER_BEFORE.search(name.text, before, name.start)
    return match if match and is_secret(name, match, sure=True) else None


def _assigned(name: Name) -> re.Match[str] | None:
    """`password = "…"`."""
    match = bindings.ASSIGNMENT.match(name.text, name.end)
    if match is None:
        return None
    if match["sign"] == ":" and _PATH.search(name.before):
        value = match["quoted"] or match["bare"]
        random = re.fullmatch(r"[\w+/=-]{20,400}", value) and is_random(value)
        return match if random and is_secret(name, match) else None
    sign = match["sign"]
    if sign in ("==", "!=", "===", "!=="):
        accepted = match["quoted"] is not None and is_complex(match["quoted"])
        return match if accepted and is_secret(name, match) else None
    gap = name.text[name.end : match.start("sign")] + name.text[match.end("sign") :][:1]
    unspaced = sign.startswith("=") and " " not in gap and not gap.isspace()
    sure = _is_setting(name, match, unspaced)
    value = match["bare"] or ""
    is_variable = not sure and _VARIABLE.fullmatch(value.rstrip("),;"))
    if is_variable and ((sign.startswith("=") and not unspaced) or value.endswith((")", ",", ";"))):
        return None  # password = value2, f(password=value2)
    return match if is_secret(name, match, sure=sure) else None


def _is_setting(name: Name, match: re.Match[str], unspaced: bool) -> bool:
    """Whether the position admits only a literal: in settings files, options, queries and logs."""
    if name.is_option or name.before.endswith(("?", "&", ";")):
        return True
    alone = _is_alone(name, match)
    if unspaced:
        listed = _LISTED.search(name.before) or _FURTHER_FIELD.match(name.text, match.end())
        argument = _ARGUMENT.search(name.before)
        variable = name.name.isupper() or name.name.startswith("TF_VAR_")
        return bool(variable or alone or argument or (listed and "." not in name.name))
    is_type = (match["bare"] or "")[:1].isupper()
    known = name.name.isupper() or _has_siblings(name)
    return alone and name.meaning.sure == 3 and known and not is_type


def _on_next_line(name: Name) -> re.Match[str] | None:
    """The value is alone on the line after the name."""
    match = bindings.NEXT_LINE.match(name.text, name.end)
    if match is None and _HEADING.search(name.before):
        match = bindings.HEADING.match(name.text, name.end)
        match = match if match and is_complex(match["bare"]) else None
    if (
        match is None
        or match["bare"].endswith((":", ",", "{", "[", "(", "-"))
        or "://" in match["bare"]
    ):
        return None
    return match if is_secret(name, match) else None


def _in_element(name: Name) -> re.Match[str] | None:
    """`<password>…</password>`."""
    match = bindings.PROPERTY.match(name.text, name.end)
    if match is None and re.search(r"<(?:[\w-]{1,40}:)?\Z", name.before):
        match = bindings.ELEMENT.match(name.text, name.end)
    return match if match and is_secret(name, match, sure=True) else None


def _paired(name: Name) -> re.Match[str] | None:
    """`define("PASSWORD", "…")` and `["--password", "…"]`."""
    match = bindings.PAIR.match(name.text, name.end)
    match = match or bindings.FALLBACK.match(name.text, name.end)
    if match is None and name.before.endswith(("{", "{:")):
        match = bindings.TUPLE.match(name.text, name.end)
    if match is None:
        return None
    named = name.is_option or name.name.isupper()
    value = match["quoted"]
    complex_enough = (
        is_complex(value) and (named or len(value) >= 8) and any(c.isdigit() for c in value)
    )
    complex_enough = complex_enough or (named and is_random(value) and len(value) >= 12)
    if name.name[:4] == match["quoted"][:4]:
        return None  # a list of names
    return match if (name.is_option or complex_enough) and is_secret(name, match) else None


def _passed(name: Name) -> re.Match[str] | None:
    """`setPassword("…")`."""
    match = bindings.CALL.match(name.text, name.end)
    if (
        match is None
        or not _SETTER.match(words_of(name.name.split(".")[-1]))
        or not is_complex(match["quoted"])
    ):
        return None
    return match if is_secret(name, match) else None


def _optional(name: Name) -> re.Match[str] | None:
    """`--password …`."""
    match = bindings.OPTION.match(name.text, name.end) if name.is_option else None
    if match is None:
        return None
    value = match["quoted"] or match["bare"]
    followed = _FURTHER.match(name.text, match.end()) and not is_prose(value)
    accepted = match["quoted"] is not None or is_complex(value) or is_random(value) or followed
    return match if accepted and is_secret(name, match, sure=True) else None


def _defined(name: Name) -> re.Match[str] | None:
    """`#define PASSWORD "…"`."""
    if not _DEFINITION.search(name.before):
        return None
    match = bindings.OPTION.match(name.text, name.end)
    accepted = match and (
        match["quoted"] or (is_complex(match["bare"]) and "[" not in match["bare"])
    )
    return match if match and accepted and is_secret(name, match) else None


def _in_cell(name: Name) -> re.Match[str] | None:
    """`| Password | … |`."""
    match = bindings.CELL.match(name.text, name.end)
    match = match or bindings.HTML_CELL.match(name.text, name.end)
    if match is None or not re.search(
        r"(?:\||<(?:t[dh]|dt)(?:\s[^<>]{0,100})?>)[^|<>\n]{0,30}\Z", name.before
    ):
        return None
    return match if is_complex(match["bare"]) and is_secret(name, match) else None


def _said(name: Name) -> re.Match[str] | None:
    """`the password is …`."""
    match = bindings.SAID.match(name.text, name.end)
    if match is None:
        return None
    value = match["quoted"] or bare_value(match)
    accepted = _is_complex_in_prose(match) or (is_random(value) and name.meaning.sure == 3)
    return match if accepted and len(value) >= 6 and is_secret(name, match) else None


def _qualified(name: Name) -> re.Match[str] | None:
    """`contraseña temporal: …`; in English, other things of passwords are named like this."""
    match = bindings.QUALIFIED.match(name.text, name.end) if name.meaning.sure == 3 else None
    if match is None or (_ENGLISH.search(name.name) and not _OF.match(match["words"])):
        return None
    long = len(match["quoted"] or bare_value(match)) >= 6
    return match if long and _is_complex_in_prose(match) and is_secret(name, match) else None


def _is_complex_in_prose(match: re.Match[str]) -> bool:
    """Whether the value has a digit, and also a capital, a symbol, quotes or many characters."""
    value = match["quoted"] or bare_value(match)
    mixed = match["quoted"] or re.search(r"[A-Z!@#$%^*+=~]", value) or len(value) >= 20
    return bool(mixed) and is_complex(value) and any(c.isdigit() for c in value)


def _is_alone(name: Name, match: re.Match[str]) -> bool:
    """Whether the assignment has a line of its own, as in files of settings."""
    line = name.text.rfind("\n", max(0, name.start - 21), name.start) + 1
    before = name.text[max(line, name.start - 20) : name.start]
    indent = re.fullmatch(r"[ \t]*(?:export |set |[-+] )?[\"']?", before)
    return bool(indent and pattern(r"[ \t]*\r?(?:\n|\Z)").match(name.text, match.end()))


def _has_siblings(name: Name) -> bool:
    """Whether a user, a host or the like is set nearby."""
    start = max(0, name.start - 160)
    return bool(_SIBLING.search(name.text, start, name.end + 160))
