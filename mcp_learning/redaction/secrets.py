"""Secrets out of text, before it reaches the disk, an embedding or a log.

Two sources say where they are: tables of documented token formats, and the context that a secret
stands in (a header, a URL, an assignment). Entropy plays no part: commit hashes and UUIDs are
ordinary words of an execution record, and must survive.

Every pattern is linear: a repetition is bounded, or stops at what starts the pattern, or ends it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from mcp_learning.redaction.privacy import without_private

__all__ = ["JSON", "redact", "redact_value", "warm"]

JSON: TypeAlias = "str | int | float | bool | list[JSON] | dict[str, JSON] | None"
_Secret: TypeAlias = tuple[int, int, str]  # start, end, kind


class _Rule(NamedTuple):
    kind: str
    markers: tuple[str, ...]  # one of them occurs wherever the rule applies
    source: str
    flags: re.RegexFlag = re.ASCII


_FOLDED = re.ASCII | re.IGNORECASE  # compared as a whole: `&` would take most of a scan's time
_PLACEHOLDER = re.compile(r"\[redacted:[a-z0-9-]+\]")

_SHAPES = (  # kind, markers, pattern; formats as their issuers document them
    ("aws-access-key", "AKIA ASIA ABIA ACCA A3T",
        r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("aws-secret-key", "aws AWS",
        r"(?ai:\baws\w{0,20}[^\n]{0,20}?key[^\n]{0,20}?)[\"'](?P<secret>[A-Za-z0-9/+]{40})[\"']"),
    ("azure-storage-key", "AccountKey=", r"AccountKey=[A-Za-z0-9+/]{86}=="),
    ("mailchimp-key", "-us", r"(?<![A-Za-z0-9])[0-9a-f]{32}-us\d{1,2}(?!\d)"),
    ("sendgrid-key", "SG.", r"(?<![A-Za-z0-9])SG\.[\w-]{22}\.[\w-]{43}"),
    ("slack-token", "hooks.slack.com", r"(?:https://)?hooks\.slack\.com/services/"
        r"T\w{5,20}/B\w{5,20}/\w{16,}"),
)  # fmt: skip

_TOKENS = (  # kind, prefixes, what follows a prefix
    ("anthropic-key", "sk-ant-", r"[\w-]{16,}"),
    ("openai-key", "sk-proj- sk-svcacct- sk-admin-", r"[\w-]{24,}"),
    ("api-key", "sk-", r"[A-Za-z0-9]{32,}"),
    ("api-key", "gsk_ xai- pplx- r8_ fw_ lin_api_ ntn_ NRAK- glsa_ glc_ sbp_ sntrys_ pul- dp.pt. "
        "sk-or-v1- dop_v1_ doo_v1_ dor_v1_ shpat_ shpca_ shppa_ shpss_", r"[A-Za-z0-9]{24,}"),
    ("api-key", "nvapi- tskey- PMAK- figd_ sk-lf- sq0atp- sq0idp- hvs. hvb. hvr. dckr_pat_ ATATT3",
        r"(?=[\w-]{0,40}\d)[\w-]{20,}"),
    ("google-key", "AIza ya29. GOCSPX- 1//0", r"[\w.-]{24,}"),
    ("api-key", "AC SK dapi", r"[0-9a-f]{32}(?:-\d)?(?!\w)"),
    ("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", r"[A-Za-z0-9]{36,}"),
    ("gitlab-token", "glpat- gldt- glft- glsoat- glrt- GR1348941 glcbt- glimt- glptt- glagent- "
        "gloas-", r"(?=[\w-]{0,40}\d)[\w.-]{20,}"),
    ("pypi-token", "pypi-AgE", r"[\w-]{50,}"),
    ("square-token", "sq0csp-", r"[\w-]{43,}"),
    ("github-token", "github_pat_", r"(?=\w{0,40}\d)\w{22,}"),
    ("hugging-face-token", "hf_ api_org_", r"[A-Za-z0-9]{30,}"),
    ("slack-token", "xoxa- xoxb- xoxc- xoxd- xoxe- xoxo- xoxp- xoxr- xoxs- xapp-",
        r"(?=[\w.%-]{0,40}\d)[\w.%-]{16,}"),
    ("npm-token", "npm_", r"[A-Za-z0-9]{36,}"),
    ("stripe-key", "sk_live_ rk_live_ sk_test_ rk_test_ whsec_", r"[A-Za-z0-9+/=]{24,}"),
    ("artifactory-key", "AKC", r"[A-Za-z0-9]{40,}"),
    ("private-key", "AGE-SECRET-KEY-1", r"[0-9A-Z]{20,}"),
)  # fmt: skip

_WORD = (
    r"password|passwd|passphrase|pwd|secret(?:[_-]?(?:access[_-]?)?key)?|token|"
    r"(?:db|smtp|mail|ftp|mysql|pg|redis|user|root|admin)[_-]?pass|"
    r"(?:api|app|access|account|auth|client|encryption|master|private|service|signing|ssh|storage)"
    r"[_-]?key"
)
_SCHEME = r"(?:bearer|basic|token|digest|apikey|negotiate)"
_EVIDENCE = r"[\d!@#$%^*+=~]"

# A private key is cut from its header to its footer, or, where the footer was lost, to the last of
# the base64; the separators are those of logs, diffs, quoted mail, numbered and escaped listings.
_BREAK = r"(?:\s|\\++[nrt]?|[\"'>|+,]|\d{1,6}[\t|:→])"
_FIELD = r"[A-Z][\w-]{2,20}: [^\n\\]{0,200}"
_PEM = (
    r"(?:-{4,5} ?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}|Private-Lines: \d+)(?:"
    r"(?=[^-]{0,400}[A-Za-z0-9+/]{16})(?:(?!-----)[\s\S])*+-----END [A-Z0-9 ]{0,40}-----|"
    rf"(?:{_BREAK}{{0,60}}{_FIELD}){{0,8}}(?:{_BREAK}*+[\w+/=]{{16,}}+)++"
    rf"(?:{_BREAK}*+[\w+/=]++(?:(?<==)|(?=\s*\Z)))?)"
)

_CONTEXTS = (  # kind, marker, pattern; without a group named "secret" all of the match goes
    # Whatever precedes it; bounded, or a text of many starts would take for ever.
    ("jwt", "eyj", r"eyJ[\w-]{8,500}\."
        r"(?:eyJ[\w-]{8,}+|[\w-]*+\.[\w-]++)(?:\.[\w-]++)*"),
    ("url-password", "://", r"://[^\s/:@?#\"'<>`]*+:(?!\d{1,5}[?#])"
        r"(?P<secret>[^\s/\"'<>`]+)@(?!sha\d)"),
    ("authorization", "authorization",
        r"(?<![A-Za-z:_])authorization(?:\\*[\"'][ \t]*[:=,]|[ \t]*[:=])[ \t]*\\*[\"']?"
        rf"(?:{_SCHEME}[ \t]+(?=\S{{0,200}}(?-i:[A-Z\d=]))|(?!{_SCHEME}\b)(?=\S{{0,200}}\d))"
        r"(?P<secret>[^\s\"',;\\]{6,})"),
    ("bearer-token", "bearer", r"\bbearer[ \t]+(?P<secret>(?=[\w.~+/-]*\d)[\w.~+/-]{16,}=*)"),
    ("cookie", "cookie", r"(?<!set-)\bcookie\\*[\"']?[ \t]*:[ \t]*\\*[\"']?"
        r"(?P<secret>[\w.-]+=[^;\s\"'\\]+(?:;[ \t]*[\w.-]+=[^;\s\"'\\]*)*)"),
    ("cookie", "set-cookie", r"set-cookie\\*[\"']?[ \t]*[:,][ \t]*\\*[\"']?[\w.-]+="
        r"(?P<secret>[^;\s\"'\\]+)"),
    ("password", "--", rf"(?<![\w-])--[a-z-]{{0,40}}?(?:{_WORD})[ \t]+\\*[\"']?"
        rf"(?P<secret>(?!-)(?=[^\s\"']*{_EVIDENCE})[^\s\"'\\]{{6,}})"),
    ("password", "curl", r"\bcurl\b[^\n]{0,200}?\s(?:-u|--user|--proxy-user)[ =]?[\"']?"
        r"[^\s:\"']+:(?P<secret>[^\s\"']+)"),
    ("password", "sshpass", r"\bsshpass[ \t]+-p[ \t]*[\"']?(?P<secret>[^\s\"']+)"),
    ("password", "login", r"\blogin\s+\S{1,80}\s+password[ \t]+(?P<secret>\S+)"),
    ("password", "passphrase", r"passphrase\\*[\"']?[ \t]*[:=][ \t]*(?P<quote>[\"'])"
        r"(?P<secret>[^\"'\n]{8,200})(?P=quote)"),
    ("npm-token", ":_auth", r":_auth(?:token)?[ \t]*=[ \t]*\"?(?P<secret>[^\s\"]{6,})"),
    ("webhook", "hook", r"(?:api/webhooks/\d{6,}|\.office\.com/webhookb2|hooks\.slack\.com/\w+)/"
        r"(?P<secret>[\w@/-]{16,})"),
    ("telegram-token", ":aa", r"(?<!\d)\d{8,10}:(?-i:AA)[\w-]{33}(?![\w-])"),
    ("discord-token", ".", r"(?<![\w-])(?-i:[MNO])(?=[\w-]*\d)[\w-]{23,27}\.[\w-]{6}\.[\w-]{27,}"),
)  # fmt: skip

_ASSIGNMENT = re.compile(
    rf"(?P<word>{_WORD})(?:[_-]?\d{{1,2}})?\\*[\"'`]?\]?"
    r"(?P<sign>[ \t]*(?::=|=>|[=!]==?|=|:(?!:))[ \t]*)"
    r"(?:[fbru@]{0,2}(?P<escape>\\*)(?P<quote>[\"'`])"
    r"(?P<quoted>(?:(?!(?P=quote))[^\s\\]|\\.){1,4096}?)(?P=escape)(?P=quote)"
    r"|\\*[\"'`]?(?P<bare>(?:[^\s\"'`<>,;&\\]|[,;&](?!\s|\Z|[\w-]+[=:])|\\(?![nrt\"'\\]))++))",
    re.ASCII | re.IGNORECASE,
)
# Values that point at a secret, or stand where one will be, rather than being one.
_REFERENCE = re.compile(
    r"\$\w+|\$?\{.*|\$\(.*|<.*|(?:%\w*[^\w%]?)++|%\(.*|\+.*\+|.*\{[\w.]*\}.*|.*\.\.\.|[*x.•…_-]+|"
    r"[A-Z_]{3,}|0x[\da-f]+|arn:.*|[A-Za-z]:\\.*|[a-z]\w*://.*|"
    r"(?!(?=.*\d)(?=.*[A-Z])[\w/+]{40}\Z)(?:~|\.{1,2})?/[\w.@~/-]*|"
    r"(?i:(?:your|my|the|some)[-_].*|bearer|bytes|empty|expired|false|hidden|incorrect|invalid|"
    r"masked|missing|none|null|optional|required|string|text|true|undefined|unset|wrong)",
    re.DOTALL,
)
_CODE = re.compile(r"[*&|(\[]|[A-Za-z_][\w.]*[(\[{]|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+\W*\Z")
_NAME_START = re.compile(r"(?=//|[?&:])|[^\w.?&/:-]", re.ASCII)
_TAIL = re.compile(r"[\w-]*", re.ASCII)
_IDENTIFIER = re.compile(r"[A-Za-z]+\d*(?:[_-][A-Za-z]*\d*)+")
# Tokens of a parser, a tokenizer or a listing are no credentials.
_OTHER_TOKEN = re.compile(r"(?:eos|bos|pad|unk|sep|cls|mask|page|next|stop)[_-]?token\Z", re.I)
_SECRET_NAME = re.compile(rf"(?ai:{_WORD}|\b(?:authorization|cookie|credentials?))-?[0-9]*\Z")


def redact(text: str) -> tuple[str, int]:
    """Replaces every secret in a text, and every span that is marked as private.

    Args:
        text: Any text; what was redacted before is left as it is.

    Returns:
        The text with each secret replaced by ``[redacted:<kind>]``, and how many were removed.
    """
    text, removed = without_private(text)
    # A cut gives its neighbours a new boundary; looking again makes the result a fixed point.
    while secrets := _find_secrets(text):
        pieces, position = [], 0
        for start, end, kind in secrets:
            pieces += [text[position:start], f"[redacted:{kind}]"]
            position = end
        text = "".join(pieces) + text[position:]
        removed += len(secrets)
    return text, removed


def redact_value(value: JSON, name: str = "") -> tuple[JSON, int]:
    """Replaces every secret in a JSON value, keys of objects included.

    Args:
        value: Any JSON value; it is not modified.
        name: What the value is called. A string under a name such as ``password`` or ``api_key``
            is a secret whatever it looks like.

    Returns:
        The value without its secrets, and how many were removed.
    """
    if isinstance(value, str):
        return _redact_named(name, value)
    if isinstance(value, list):
        items = [redact_value(item, name) for item in value]
        return [item for item, _ in items], sum(count for _, count in items)
    if isinstance(value, dict):
        members: dict[str, JSON] = {}
        removed = 0
        for key, member in value.items():
            clean, from_key = redact(key)
            while clean in members:
                clean += "'"
            members[clean], from_member = redact_value(member, key)
            removed += from_key + from_member
        return members, removed
    return value, 0


def warm() -> None:
    """Compiles every pattern, so that no later call pays for it."""
    for rule in _rules():
        _pattern(rule)


def _redact_named(name: str, text: str) -> tuple[str, int]:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[ ._]", "-", name[-80:])
    match = _SECRET_NAME.search(words)
    if not match or _OTHER_TOKEN.search(words) or not _PLACEHOLDER.sub("", text).strip():
        return redact(text)
    kind = match[0].lower().rstrip("-0123456789")
    is_secret = kind != "pwd" or not _REFERENCE.fullmatch(text)  # a directory
    return (f"[redacted:{kind}]", 1) if is_secret else redact(text)


def _find_secrets(text: str) -> list[_Secret]:
    # Placeholders become empty lines: nothing matches in them, few things across them.
    plain = _PLACEHOLDER.sub(lambda match: "\n" * len(match[0]), text)
    merged: list[_Secret] = []
    for start, end, kind in sorted(_scan(plain), key=lambda secret: (secret[0], -secret[1])):
        if merged and start < merged[-1][1]:
            start, longest, kind = merged.pop()
            end = max(end, longest)
        merged.append((start, end, kind))
    return merged


def _scan(text: str) -> Iterator[_Secret]:
    lowered = text.lower()
    for rule in _rules():
        searched = lowered if rule.flags == _FOLDED else text
        if any(marker in searched for marker in rule.markers):
            yield from _apply(_pattern(rule), rule.kind, text)
    if any(marker in lowered for marker in ("pass", "pwd", "secret", "token", "key")):
        for match in _ASSIGNMENT.finditer(text):
            if _is_literal(match):
                kind = match["word"].lower().replace("_", "-")
                yield *match.span("quoted" if match["quoted"] else "bare"), kind


def _apply(pattern: re.Pattern[str], kind: str, text: str) -> Iterator[_Secret]:
    done = 0
    for match in pattern.finditer(text):
        if "secret" in pattern.groupindex:
            if not _REFERENCE.fullmatch(match["secret"]):
                yield *match.span("secret"), kind
        elif match.end() > done:
            # Formats grow longer over time, and no tail of a secret may stay behind.
            tail = _TAIL.match(text, match.end())
            done = tail.end() if tail else match.end()
            yield match.start(), done, kind


@functools.cache
def _rules() -> tuple[_Rule, ...]:
    tokens = (
        _Rule(kind, (prefix,), _bounded(re.escape(prefix)) + body)
        for kind, prefixes, body in _TOKENS
        for prefix in prefixes.split()
    )
    contexts = (_Rule(k, (m,), pattern, _FOLDED) for k, m, pattern in _CONTEXTS)
    shapes = (_Rule(kind, tuple(ms.split()), pattern) for kind, ms, pattern in _SHAPES)
    return (_Rule("private-key", ("PRIVATE", "Private"), _PEM), *tokens, *contexts, *shapes)


@functools.cache
def _pattern(rule: _Rule) -> re.Pattern[str]:
    return re.compile(rule.source, rule.flags)


def _bounded(prefix: str) -> str:
    # A word starts here, also after an escape, a colour or a %XX; literal first, to search fast.
    before = (r"\\[nrt]", r"[\[;]\dm", r"[\[;]\d\dm", r"%[\dA-Fa-f]{2}")
    return rf"{prefix}(?:(?<![A-Za-z0-9]{prefix})|{'|'.join(f'(?<={b}{prefix})' for b in before)})"


def _is_literal(match: re.Match[str]) -> bool:
    """Tells a secret that is written out from code, prose and references to one."""
    word, before = match["word"].lower(), match.string[max(0, match.start() - 40) : match.start()]
    name = _NAME_START.split(before)[-1] + match["word"]
    value = (match["quoted"] or match["bare"]).rstrip("" if match["quoted"] else ".,;:!?)]}")
    plain_word, plain_value = (re.sub(r"\W|_", "", part.lower()) for part in (word, value))
    if (
        (name.startswith(("//", ":")) and match["sign"].strip() == ":")  # of a URL, or of a path::
        or _REFERENCE.fullmatch(value)
        or _OTHER_TOKEN.search(name)
        or (match["bare"] and _CODE.match(value))
        or plain_value == plain_word
        or ("key" in plain_word and plain_word in plain_value)
    ):
        return False
    is_telling = bool(re.search(_EVIDENCE, value)) and not _IDENTIFIER.fullmatch(value)
    if match["quoted"]:
        return len(value) >= 8 and is_telling if word == "token" else len(value) >= 4
    if name[0] in "?&" or name.startswith("--") or (name.isupper() and match["sign"] == "="):
        return len(value) >= 4
    return len(value) >= (8 if word == "token" else 6) and is_telling
