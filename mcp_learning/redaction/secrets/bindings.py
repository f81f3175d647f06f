"""Patterns of how a value follows the name of a secret, each matched at the end of the name.

The value is the group `quoted` or `bare`. Each pattern is bounded.
"""

import re

from mcp_learning.redaction.secrets.patterns import pattern

_CLOSE = r"\\*(?:[\"'`]|&quot;|&#34;)?\]?(?:\*\*|__|''|</\w{1,8}>)?"
_QUOTED = (
    r"[fbru@$]{0,2}(?P<escape>\\*)(?P<quote>[\"'`]|&quot;|&#34;)"
    r"(?P<quoted>(?:(?!(?P=escape)(?P=quote))[^\n\\]|\\.){1,4096}?)(?P=escape)(?P=quote)"
)
_BARE = (
    r"\\*[\"'`]?(?P<bare>(?:[^\s\"'`<>,;&\\|]|[,;&|](?!\s|\Z|[\w-]+[=:])|"
    r"\\(?![nrtu\"'\\])){1,400}+)"
)
_COLON, _EQUALS = ":\uff1a", "=\uff1d"  # also those of Chinese and Japanese
_SIGN = (
    rf"(?P<sign>:=|=>|->|→|<<<|[=!]==?|=(?:3D)?|%3D|:(?!:)|::(?=[ \t])|[{_COLON[1]}{_EQUALS[1]}])"
)
_TYPE = (
    r"(?:[ \t]*:[ \t]*[A-Za-z_&'][\w.<>\[\]|?&']{0,40}(?:[ \t]\|[ \t]\w{1,20}){0,3}"
    r"(?=[ \t]+=[^=>]|=[ \t]*[\"']))?"
)

ASSIGNMENT = pattern(
    rf"{_CLOSE}{_TYPE}(?:[ \t]string(?=[ \t]*=))?[ \t]*{_SIGN}[ \t]*(?:\*\*|__|</\w{{1,8}}>)?[ \t]*"
    r"(?:&\w{1,40}[ \t]+|!!str[ \t]+)?"
    rf"(?:{_QUOTED}|{_BARE})",
    re.ASCII,
)
# password:⏎  value — alone on its line
NEXT_LINE = pattern(
    r"\\*[\"'`]?(?:\*\*)?[ \t]*[:\uff1a=](?:\*\*)?[ \t]*(?:[|>][-+]?)?[ \t]*\r?\n(?:[ \t]*\r?\n)?"
    r"(?P<indent>[ \t]*)(?:[-*>][ \t]+)?(?:[\"'`]|```\w*\n)?(?P<bare>[^\s\"'`]{4,400}+)[\"'`]?"
    r"[ \t]*(?=\r?\n|\Z)"
)
PAIR = pattern(  # "password", "value"
    rf"(?:\\*(?:[\"'`]|&quot;|&#34;)|(?<=[A-Z]))[ \t\n]{{0,20}},[ \t\n]{{0,20}}{_QUOTED}"
    r"(?![ \t]{0,8}:)"
)
FALLBACK = pattern(  # environ.get("password") or "value"
    rf"(?:\\*[\"'`]\)?|\b)[ \t]{{1,20}}(?:or|\?\?|\|\|)[ \t]{{1,20}}{_QUOTED}"
)
CALL = pattern(rf"\([ \t\n]{{0,20}}{_QUOTED}")
ELEMENT = pattern(  # <password>value</ and <entry key="password">value</
    r"\\*[\"']?(?:[ \t][^<>\n]{0,200})?>[ \t\n]{0,40}(?:<!\[CDATA\[)?"
    r"(?P<bare>[^<>\n]{1,4096}?)(?:\]\]>)?[ \t\n]{0,40}<(?:/|\\/)"
)
MEMBER = pattern(  # {"name": "password", "value": "…"}, also as XML attributes and YAML
    r"\\*[\"']?[\s,;]{1,60}(?:[\w\"']{1,20}[ \t]*[:=][ \t]*[\w\"']{1,20}[\s,;]{1,40}){0,3}"
    r"\\*[\"']?(?:\w{0,20}value|content|data|default|plaintext|body)\\*[\"']?[ \t]*[:=][ \t]*"
    rf"(?:{_QUOTED}|{_BARE})",
    re.ASCII | re.IGNORECASE,
)
MEMBER_BEFORE = pattern(  # {"value": "…", "name": "password"}; on the text before the name
    r"value\\*[\"']?[ \t]*[:=][ \t]*\\*[\"'](?P<quoted>[^\"'\n]{1,200})\\*[\"'][\s,]{1,60}"
    r"(?:\\*[\"']\w{1,20}\\*[\"'][ \t]*:[ \t]*[\w\"']{1,20}[\s,;]{1,40}){0,2}"
    r"\\*[\"']?(?:name|key|id)\\*[\"']?[ \t]*[:=][ \t]*\\*[\"']\Z",
    re.IGNORECASE,
)
NAMED = pattern(
    r"(?:(?:\b|_)(?:name|key|id|type|property|variable|setting|env|parameterkey|option)\\*[\"']?"
    r"[ \t]*[:=][ \t]*\\*[\"']?|\bvariable[ \t]+\")\Z",
    re.IGNORECASE,
)
VARIABLE = pattern(  # terraform: variable "db_password" { default = "…" }
    rf"\"[ \t]*\{{[^{{}}]{{0,400}}?\b(?:default|value)[ \t]*=[ \t]*{_QUOTED}"
)
OPTION = pattern(rf"[ \t]+(?!--?[a-z][\w-]{{0,30}}(?:[\s=]|\Z))(?:{_QUOTED}|{_BARE})")
CELL = pattern(
    r"[ \t]*(?:\*\*|`)?[ \t]*\|[ \t]*[`*\"']{0,2}(?P<bare>[^\s|`\"']{4,200})[`*\"']{0,2}[ \t]*\|"
)
SAID = pattern(
    r"\\*[\"'`]?(?:[ \t]+(?:for|of|to|von|für|de|del|для)[ \t]+[\w@.-]{1,40})?[ \t]*"
    r"(?:[ \t](?:is|was|equals|lautet|ist|es|est|é|è|—|\u2013)[ \t]*:?[ \t]+|"
    r"(?:是|为|為|は|는|은)[:\uff1a]?)[ \t]*"
    rf"(?:{_QUOTED}|{_BARE})"
)
QUALIFIED = pattern(  # mot de passe temporaire : …
    r"(?P<words>(?:[ \t]+[^\W\d_]{1,20}){1,3})[ \t\xa0]?(?:\*\*)?[:\uff1a](?:\*\*)?[ \t]*"
    rf"(?:{_QUOTED}|{_BARE})"
)
PROPERTY = pattern(  # <key>password</key> <string>…</string>
    r"</key>\s{0,40}<string>(?P<bare>[^<>\n]{1,4096})</string>"
)
HEADING = pattern(  # ### Password, and the value below
    r"[ \t]{0,20}#{0,6}\r?\n(?:[ \t]{0,20}\r?\n)?[`*]{0,2}(?P<bare>[^\s`]{4,400})[`*]{0,2}"
    r"[ \t]{0,20}(?=\r?\n|\Z)"
)
HTML_CELL = pattern(  # <td>Password</td><td>…</td>
    r"\s{0,20}</(?:td|th|dt)>\s{0,20}<(?:td|dd)(?:\s[^<>]{0,100})?>\s{0,20}"
    r"(?P<bare>[^<>\s]{4,200})\s{0,20}<"
)
TUPLE = pattern(rf",?[ \t]{{1,10}}{_QUOTED}")  # {password, "…"} and {:password "…"}
