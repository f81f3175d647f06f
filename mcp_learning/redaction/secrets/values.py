"""Decides whether a value looks like a secret, rather than like code, prose or a placeholder.

For values whose context suggests a secret only: by entropy alone, commit hashes and UUIDs would be
secrets, too.
"""

import re

from mcp_learning.redaction.secrets.patterns import pattern

# Placeholders for a secret.
_PLACEHOLDER = (
    r".*(?:\(\?|\[\^|\\[wdsSDW]|\]\{\d|\][+*]).*|\$[\w:]+(?:(?:\[|->|\.|::).*|[-;,.)\]]{1,3})?|\$?\{.*|\$[(\[].*|<.*|(?:%\w*[^\w%]?)++|%\(.*|%\w+%|.*\{\{?[\w.]*\}?\}.*|"
    r".*\.\.\.|.*…|!(?:vault|Ref|Sub|GetAtt|env|secret|include|reference|var|If|Join)\b.*|[*x.•…_?#-]+|[Xx]{4,}[\w-]*|[A-Z_]{3,}(?:/[A-Z_]{2,}){0,3}|&lt;.*|\[\w+\]?|"
    r"__[\w-]+__|@\w+@|--[a-z][\w-]*|[A-Za-z_][\w.]*\(.*\)|"
    r"(?i:(?:your|my|the|some|enter|insert|replace|example|dummy|fake|sample|test|put|add|use|paste)"
    r"[-_](?=[a-z_-]*(?:pass|token|key|secret|here|me|with|this|value|word|credential)).*|"
    r".*[-_ ](?:(?:goes[-_])?here|aqu[ií]|ici|hier)|.*<[a-z][\w-]{0,40}>|"
    r"u?int\d+(?:clamped)?(?:array|_t)?|float\d+(?:array)?|big(?:u?int)?64(?:array)?|"
    r"change[-_]?(?:me|this|it).*|to[-_]?do.*|tbd|placeholder.*|"
    r"redacted.*|masked.*|hidden|secret|password|token|bearer|basic|digest|bytes|str|string|text|"
    r"int|integer|number|bool|boolean|object|array|any|char|varchar|never|unknown|void|"
    r"secretstr|securestring|empty|expired|false|incorrect|invalid|inherit|missing|none|nil|null|"
    r"optional|required|value|sample|example|dummy|pass|passwd|pwd|pw|true|undefined|unset|wrong|yes|no|on|off|n/?a|default|disabled|enabled|"
    r"valid|changed|rotated|revoked|refreshed|failed|success|ok)[.!?]?"
)
# References to a secret, paths, addresses, dates and versions.
_POINTER = (
    r"\+.*\+|0x[\da-f]{1,16}|\d{4}-\d\d-\d\d.*|v?\d{1,4}(?:\.\d{1,5}){1,4}|"
    r"(?:arn|op|env|vault|file|data|secretref|ssm|keyring):\S*|[A-Za-z]:\\.*|[a-z]\w*://[^@]*|"
    r"ENC\[.*|#/.*|projects/.*|(?:process|os|secrets|self|this|config|settings|env|var|local|data|module)\.[\w.]+|"
    r"(?!(?=.*\d)(?=.*[A-Z])[\w/+]{40}\Z)(?:~|\.{1,2})?/[\w.@~/-]*"
)
_IS_PLACEHOLDER = pattern(_PLACEHOLDER, re.DOTALL)
_IS_POINTER = pattern(_POINTER, re.DOTALL)
_HEXADECIMAL = pattern(r"[\da-fA-F-]+")
_SEEN = 160  # characters of a value that are examined
_EVIDENCE = pattern(r"[\d!@#$%^*+=~]")
_IDENTIFIER = pattern(r"_*[A-Za-z]+\d{0,2}(?:[_.-]+[A-Za-z]*\d{0,2})*", re.ASCII)
_JOINED = pattern(
    r"_*[A-Za-z]+\d*(?:[_-][A-Za-z]*\d*)+|_*[a-z]+\d{0,2}[a-z]*(?:_[a-z]*\d{0,2}[a-z]*)+", re.ASCII
)
_NO_WORD = pattern(r"[a-z]{24}")
_UPPER, _LOWER = pattern("[A-Z]"), pattern("[a-z]")
_TURN = pattern(r"(?<=[a-z])[A-Z]|(?<=[A-Z])[a-z]")
_PROSE = pattern(
    r"\b(?:a|an|and|are|as|at|be|been|by|can|cannot|could|do|does|either|for|from|has|have|if|in|"
    r"is|it|its|least|may|must|no|not|of|on|only|or|please|should|than|that|the|then|this|to|too|"
    r"use|used|using|was|were|when|which|will|with|without|you|your|der|die|das|ist|und|nicht|ein|"
    r"eine|muss|le|la|les|un|une|est|et|pas|el|los|una|es|y|no|il|della|per|o|os|um|uma|não|de|"
    r"characters?|required|requires?|options?|flags?|arguments?|parameters?|given|set|invalid|expired|incorrect|enter|reset|confirm|forgot|repeat|new|current|"
    r"show|hide|change|optional|strength|field|again)\b",
    re.IGNORECASE,
)


def is_reference(value: str) -> bool:
    """Whether it is a reference to a secret, a type, a placeholder, or prose in another script."""
    short = value[:_SEEN]
    return is_placeholder(short) or bool(_IS_POINTER.fullmatch(short)) or _has_ideographs(short)


def is_placeholder(value: str) -> bool:
    """Whether it is a placeholder: `<token>`, `${TOKEN}`, `xxxx`, `required`."""
    return bool(_IS_PLACEHOLDER.fullmatch(value[:_SEEN]))


def is_identifier(value: str) -> bool:
    """Whether it may be an identifier: words joined by ``_``, ``-`` or dots."""
    short = value[:_SEEN]
    return bool(_IDENTIFIER.fullmatch(short)) and not _NO_WORD.search(short) and not _mixed(short)


def is_complex(value: str) -> bool:
    """Whether it has a digit or a symbol, and isn't words joined by ``_`` or ``-``."""
    return bool(_EVIDENCE.search(value[:_SEEN].rstrip("="))) and not _JOINED.fullmatch(
        value[:_SEEN]
    )


def is_random(value: str) -> bool:
    """Whether it can't be a name: digits between letters, or frequent changes of case."""
    return not is_identifier(value) and any(c.isalnum() for c in value[:_SEEN])


def is_sentence(value: str) -> bool:
    """Whether it is prose of several words."""
    return " " in value.strip() and bool(_PROSE.search(value[:_SEEN]))


def is_hexadecimal(value: str) -> bool:
    """Whether it may be a hash, a commit or a UUID."""
    return bool(_HEXADECIMAL.fullmatch(value))


def is_prose(word: str) -> bool:
    """Whether it is a usual word of sentences about secrets."""
    return bool(_PROSE.fullmatch(word))


def may_continue(word: str, at_least: int) -> bool:
    """Whether a word at the beginning of a line may continue a secret."""
    return (
        len(word) >= at_least
        and not is_identifier(word)
        and any(c.isupper() for c in word)
        and any(c.islower() for c in word)
    )


def _has_ideographs(value: str) -> bool:
    """Whether it contains Chinese, Japanese or Korean prose, which has no spaces around a value."""
    return not value.isascii() and any(
        "\u3001" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7af" or "\uff08" <= c <= "\uff5e"
        for c in value
    )


def _mixed(value: str) -> bool:
    """Whether upper and lower case are mixed as in no normal word."""
    upper, lower = len(_UPPER.findall(value)), len(_LOWER.findall(value))
    often = 5 * len(_TURN.findall(value)) > 2 * len(value)
    return len(value) >= 8 and (often or (3 * upper > (upper + lower) and lower >= 3))
