"""Patterns of contexts with a secret of any form: headers, addresses, command lines, files.

Each pattern has a marker, which occurs in lower case in every match; its only participating group
is the secret. Repetitions are bounded, possessive, or can't start twice.
"""

import re
from collections.abc import Iterator

from mcp_learning.redaction.secrets.commands import COMMANDS
from mcp_learning.redaction.secrets.patterns import pattern
from mcp_learning.redaction.secrets.types import Secret
from mcp_learning.redaction.secrets.values import is_placeholder

_SCHEME = (
    r"(?:bearer|basic|token|digest|apikey|negotiate|hmac|key|bot|ntlm|oauth|jwt|splunk|ssws|"
    r"sso-key|genie-?key)"
)
# ID/PW: somebody/secret
_LABEL = r"(?<![\w/])(?:id|user|user ?name|login|account|e-?mail|[^\x00-\x7f]{2,4})"
_SECOND = r"(?:pw|pwd|pass|passwd|password)"
_VALUES = (
    r"(?:[ \t]*(?:[:=]|->|is|are)|[ \t(])[ \t]*[^\s/,(]{2,60}[ \t]*(?://?|[,(]|[ \t])[ \t]*"
    r"(?P<secret>(?=[^\s)]{0,40}\d)[^\s),]{4,60})"
)
_QUOTE = r"\\*[\"']?"

_HEADERS = (  # kind, marker, pattern
    ("authorization", "authorization",
        r"(?<![a-z:_])authorization(?:\\*[\"'][ \t]*[:=,]|[ \t]*[:=])[ \t]*\\*[\"']?"
        rf"(?:{_SCHEME}[ \t]+(?=\S{{0,200}}(?-i:[A-Z\d=]))|"
        rf"(?!{_SCHEME}\b)(?=\S{{0,200}}\d)(?![a-z_][\w.]{{0,60}}[)}}\],]))"
        r"(?P<secret>[^\s\"',;\\`]{6,4096})"),
    ("authorization", "aws4-hmac",
        r"aws4-hmac-sha256\b[^\n]{0,400}?\bsignature=(?P<secret>[\da-f]{64})"),
    ("authorization", "oauth_signature", r"\boauth_signature=\\*\"?(?P<secret>[\w%+/=-]{16,400})"),
    ("bearer-token", "bearer",
        r"\bbearer[ \t]+(?P<secret>(?=[\w.~+/-]{0,400}\d)[\w.~+/-]{16,4096}=*)"),
    ("cookie", "cookie", rf"(?<!set-)\bcookie{_QUOTE}[ \t]*[:=][ \t]*{_QUOTE}"
        r"(?P<secret>[\w.-]{1,100}=[^;\s\"'\\]+(?:;[ \t]*[\w.-]{1,100}=[^;\s\"'\\]*)*)"),
    ("cookie", "set-cookie", rf"set-cookie{_QUOTE}[ \t]*[:,][ \t]*{_QUOTE}[\w.-]{{1,100}}="
        r"(?P<secret>[^;\s\"'\\]+)"),
    *(("password", marker, r"\b\w{0,20}auth\w{0,20}[ \t]*=?[ \t]*\([ \t]*[\"'][^\"'\n]{1,100}[\"'],"
        r"[ \t]*[\"'](?P<secret>(?=[^\"'\n]{0,60}\d)[^\"'\n${]{6,200})[\"'][ \t]*\)")
        for marker in ("auth(", "auth=(", "auth = (")),
    ("aws-secret-key", "aws", r"\baws\w{0,20}[^\n]{0,20}?key[^\n]{0,20}?[\"'=: ]"
        r"(?P<secret>[A-Za-z0-9/+]{40})(?![\w/+=])"),
)  # fmt: skip

_ADDRESSES = (
    ("url-password", "://", r"://[^\s/:?#\"'<>`]{0,300}:(?!\d{1,5}[?#])"
        r"(?P<secret>[^\s/\"'<>`]{2,400})@(?!sha\d)"),
    ("url-password", "://", r"://(?P<secret>(?=[\w-]{0,40}\d)[\w-]{20,400})"
        r"(?::x-oauth-basic)?@(?=[\w.-])"),
    ("webhook", "hook", r"(?:api/webhooks/\d{6,20}|\.office\.com/webhookb2|"
        r"hooks\.slack\.com/\w{1,40}|hooks\.zapier\.com/hooks/catch/\d{1,20})/"
        r"(?P<secret>[\w@/-]{6,400})"),
    ("webhook", "/bot", r"api\.telegram\.org/bot(?P<secret>\d{6,12}:[\w-]{30,60})"),
    ("authorization-code", "code=", r"[?&]code="
        r"(?P<secret>(?=[\w+/-]{0,40}\d)(?=[\w+/-]{0,40}[a-z])[\w%./+-]{20,400}=*)"),
    ("password", "thin:", r"\bjdbc:oracle:thin:[^\s/]{1,60}/(?P<secret>[^\s/]{3,100})@"),
    ("vault-key", "unseal", r"\bunseal key \d{1,2}:[ \t]*(?P<secret>[\w+/=]{20,100})"),
    ("password", "@", r"(?<![\w/])[\w.-]{1,60}:"
        r"(?P<secret>[^\s\"'/:@][^\s\"'/]{2,100})@(?:tcp|udp|unix)\("),
    ("signature", "sig=", r"[?&;]sig=(?P<secret>[\w%+/-]{20,400}=*)"),
    ("signature", "signature=", r"[?&;](?:x-(?:amz|goog|oss|cos|bz)-)?signature="
        r"(?P<secret>[\w%+/~-]{16,1000}=*)"),
    ("session-token", "security-token=", r"[?&;]x-(?:amz|goog|oss)-security-token="
        r"(?P<secret>[\w%+/-]{16,4096}=*)"),
    ("api-key", "key=", r"[?&](?:\w{0,20}[_-])?key="
        r"(?P<secret>(?=[\w-]{0,40}\d)(?=[\w-]{0,40}[a-z])[\w-]{20,400})"),
)  # fmt: skip

_FILES = (
    ("password", "login", r"\blogin\s+\S{1,80}\s+password[ \t]+(?P<secret>\S{1,200})"
        r"(?=\s{0,20}(?:\Z|\n|account\b|macdef\b|machine\b))"),  # netrc
    *(("password", marker, r"^[^\s:#/]{1,100}:(?:\d{1,5}|\*):[^\s:]{1,60}:[^\s:/]{1,60}:"
        r"(?P<secret>(?!/)[^\s:]{4,100})[ \t]*$")
        for marker in (":5", ":6", ":*:")),  # pgpass
    ("npm-token", ":_", r":_(?:auth|authtoken|password)[ \t]*=[ \t]*\"?"
        r"(?P<secret>[^\s\"]{6,4096})"),
    ("json-web-key", "\"kty",
        r"\"(?:d|k|p|q|dp|dq|qi)\"[ \t]*:[ \t]*\"(?P<secret>[\w-]{16,2000})\""),
    *(("password", marker, rf"{_LABEL}[ \t]*/[ \t]*{_SECOND}{_VALUES}")
        for marker in ("/pw", "/pass", "/ pw", "/ pass")),
    *(("password", marker, rf"{_LABEL}[ \t]*\({_SECOND}\){_VALUES}")
        for marker in ("(pw", "(pass")),
    *(("password", marker, r"\b(?:log ?in|user(?: ?name)?|account|e-?mail|utilisateur|usuario|"
        r"benutzer)[ \t]*[:=][ \t]*[^\s/,|;]{1,60}[ \t]*[/,|;\n][ \t]*(?:pass|pw)[ \t]*[:=][ \t]*"
        r"(?P<secret>(?=\S{0,40}\d)[^\s,;)]{4,60})")
        for marker in ("pass", "pw")),
    *(("password", marker, r"\b(?:credentials?|creds|log ?in(?: with| as)?|zugangsdaten)\b"
        r"[ \t:=]{1,4}[^\s/|]{2,40}[ \t]*[/|][ \t]*"
        r"(?P<secret>(?=\S{0,40}\d)[^\s/|)]{6,60})(?![/\w])")
        for marker in ("cred", "log in", "login", "zugangsdaten")),
    ("password", " pw ", rf"{_LABEL}[ \t]{_SECOND}{_VALUES}"),
    *(("docker-auth", marker, r"\\*\"(?:identity)?auth\\*\"[ \t]*:[ \t]*\\*\""
        r"(?P<secret>[A-Za-z0-9+/]{8,4000}={0,2})\\*\"")
        for marker in ('auth":', 'auth\\":', 'auth" :')),
    ("password-hash", ":$", r"^[\w.@+-]{1,60}:"
        r"(?P<secret>\$(?:apr1|1|2[abxy]|5|6|7|y|gy|sha1)\$[^\s:]{10,200})"),
    ("password-hash", ":{", r"^[\w.@+-]{1,60}:(?P<secret>\{s?sha(?:\d{3})?\}[\w+/=]{20,200})"),
    ("password-hash", "$", r"(?P<secret>\$(?-i:argon2(?:id|i|d)|scrypt|pbkdf2-sha\d{1,3}|6|5|1|y|"
        r"2[abxy]|apr1)\$[\w=,.$/+-]{20,250})"),
    ("password", "password ", r"\b(?:password|secret|key)[ \t]+[5-9][ \t]+"
        r"(?P<secret>[\da-f]{8,200})(?!\w)"),
    ("api-key", "username", r"\"username\"[ \t]*:[ \t]*\"[^\"\n]{1,60}\",\s{0,20}"
        r"\"key\"[ \t]*:[ \t]*"
        r"\"(?P<secret>[\da-f]{32})\""),
    *(("recovery-code", marker, r"\b(?:recovery|backup|scratch)[ _-]codes?\b[^\w\n]{1,5}\s?"
        r"(?P<secret>(?:(?=[\w-]{0,12}\d)[a-z\d]{4,12}-?[a-z\d]{4,12}[ \t,;]{0,4}\n?[ \t]{0,8})"
        r"{1,20})") for marker in ("recovery", "backup", "scratch")),
    ("passphrase", "phrase", r"\b(?:seed|recovery|mnemonic)[ _-]?phrase\W{1,6}"
        r"(?P<secret>(?:[a-z]{3,8}[ \t\n]{1,3}){11,23}[a-z]{3,8})"),
    ("password", "auth ", r"^(?-i:AUTH)[ \t]+(?:[^\s:=]{1,40}[ \t]+)?"
        r"(?P<secret>(?=\S{0,60}\d)\S{8,400})[ \t]*$"),
    *(("private-key", marker, r"\b(?:privatekey|presharedkey)[ \t]*=[ \t]*"
        r"(?P<secret>[A-Za-z0-9+/]{43}=)")
        for marker in ("privatekey", "presharedkey")),  # WireGuard
    ("connection-string", "sharedaccesskey", r"sharedaccesskey=(?P<secret>[\w+/%]{20,200}=*)"),
    ("password", "requirepass", r"\brequirepass[ \t]+[\"']?(?P<secret>[^\s\"'$]{4,200})"),
    ("password", "masterauth", r"\bmasterauth[ \t]+[\"']?(?P<secret>[^\s\"'$]{4,200})"),
    *(("password", marker, r"\b(?:user|role|grant|to)\b[^\n;]{0,160}?\bidentified"
        r"(?:[ \t]+with[ \t]+[\"']?\w{1,40}[\"']?)?[ \t]+(?:by|as)[ \t]+"
        r"(?:password[ \t]+)?(?:[\"'](?P<secret>[^\"'\n]{3,200})|"
        r"(?P<bare>(?=[^\s;]{0,60}\d)[^\s;\"'\\]{4,200}))")
        for marker in ("identified by", "identified with")),
    ("password", "password", r"\b(?:user|role|login|with|set|encrypted)\b[^\n;]{0,120}?\bpassword"
        r"(?:[ \t]*=)?[ \t]*\(?[ \t]*n?'(?P<secret>[^'\n]{3,200})'"),  # SQL
    ("secret", "env ", r"^[ \t]*(?:env|arg)[ \t]+\w{0,60}"
        r"(?:token|key|secret|password|passwd|pwd|pass)[ \t]+"
        r"[\"']?(?P<secret>[^\s\"'$=][^\s\"'$]{5,400})[\"']?[ \t]*$"),  # Dockerfile
)  # fmt: skip


_CONTEXTS = [
    (kind, marker, pattern(source, re.ASCII | re.IGNORECASE | re.MULTILINE))
    for kind, marker, source in (*_HEADERS, *_ADDRESSES, *_FILES, *COMMANDS)
]


def find_in_contexts(text: str, folded: str) -> Iterator[Secret]:
    """The secrets that are recognised by their context; `folded` as in `search`."""
    for kind, marker, known in _CONTEXTS:
        if marker in folded:
            for match in known.finditer(text):
                group = match.lastgroup or 0
                if not is_placeholder(match[group]):
                    yield Secret(*match.span(group), kind)
