"""Replaces the secrets of texts and JSON values by placeholders."""

from mcp_learning.redaction.privacy import without_private
from mcp_learning.redaction.secrets import formats, values
from mcp_learning.redaction.secrets.containers import CONTAINER_NAME, is_secret_member
from mcp_learning.redaction.secrets.names import meaning_of, words_of
from mcp_learning.redaction.secrets.patterns import compile_all
from mcp_learning.redaction.secrets.search import PLACEHOLDER, find_secrets
from mcp_learning.redaction.secrets.types import JSON, Secret

_MOST_PASSES = 10
LONGEST_SECRET = 20_000
"""Longest secret, in characters, that `redact_beginning` removes as a whole where it cuts."""


def redact(text: str) -> tuple[str, int]:
    """Replaces every secret in a text, and every span that is marked as private.

    Existing placeholders stay.

    Returns:
        The text with each secret replaced by ``[redacted:<kind>]``, and how many were removed.
    """
    text, removed = without_private(text)
    # A replacement changes the context of its neighbours; repeating makes the result a fixed point.
    for _ in range(_MOST_PASSES):
        secrets = find_secrets(text)
        if not secrets:
            return text, removed
        text = _replaced(text, secrets)
        removed += len(secrets)
    if secrets := find_secrets(text):  # only in a text constructed to nest secrets: drop the rest
        text = _replaced(text, [Secret(secrets[0].start, len(text), secrets[0].kind)])
        removed += len(secrets)
    return text, removed


def redact_beginning(text: str, wanted: int) -> str:
    """The beginning of a text of any length, without secrets and private spans.

    Takes time linear in `wanted`, not in the length of the text. A long text is cut, and the last
    `LONGEST_SECRET` characters before the cut are dropped, since they may end with the first half
    of a secret. The result is longer than `wanted`, unless the removed secrets were long.
    """
    window = 2 * wanted + 2 * LONGEST_SECRET
    if len(text) <= window:
        return redact(text)[0]
    clean, _ = redact(text[:window])
    return clean[: max(0, len(clean) - LONGEST_SECRET)]


def redact_value(value: JSON, name: str = "") -> tuple[JSON, int]:
    """A JSON value without its secrets, also in keys of objects, and how many there were.

    Any string or long number under a name such as ``password`` or ``api_key`` is a secret unless it
    is a placeholder, and so is each in a map named ``secrets``. The item before an item of a list
    may be its name.
    """
    if isinstance(value, str):
        return _redact_named(name, value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _redact_number(name, value)
    if isinstance(value, list):
        names = [_name_for(value, position) or name for position in range(len(value))]
        items = [redact_value(item, called) for item, called in zip(value, names, strict=True)]
        return [item for item, _ in items], sum(count for _, count in items)
    if isinstance(value, dict):
        return _redact_members(value, name)
    return value, 0


def warm() -> None:
    """Compiles every pattern, so that no later call has to."""
    formats.prefixed()
    formats.unprefixed()
    compile_all()


def _replaced(text: str, secrets: list[Secret]) -> str:
    pieces, position = [], 0
    for start, end, kind in secrets:
        pieces += [text[position:start], f"[redacted:{kind}]"]
        position = end
    return "".join(pieces) + text[position:]


def _redact_members(value: dict[str, JSON], name: str) -> tuple[JSON, int]:
    members: dict[str, JSON] = {}
    removed = 0
    name = PLACEHOLDER.sub("", name)
    container = words if CONTAINER_NAME.search(words := words_of(name)) else ""
    called = next(
        (v for k, v in value.items() if k.lower() in ("name", "key") and isinstance(v, str)), ""
    )
    for key, member in value.items():
        clean, from_key = redact(key)
        while clean in members:
            clean += "'"
        key = PLACEHOLDER.sub("", clean)
        if key.lower() == "value" and called:
            key = called
        elif container and meaning_of(key) is None and is_secret_member(key, member, container):
            key = name if isinstance(member, (dict, list)) else "secret"
        members[clean], from_member = redact_value(member, key)
        removed += from_key + from_member
    return members, removed


def _name_for(items: list[JSON], position: int) -> str:
    """The name of a list's item, from the item before it: `["--password", "…"]`, or a pair."""
    name, item = items[position - 1] if position else None, items[position]
    if not isinstance(name, str) or not isinstance(item, str) or len(name) > 80:
        return ""
    if not name.startswith("-") and not (len(items) == 2 and values.is_complex(item)):
        return ""
    name = PLACEHOLDER.sub("", redact(name)[0])
    meaning = meaning_of(name)
    return name if meaning and meaning.sure > 1 and not item.startswith("--") else ""


def _redact_named(name: str, text: str) -> tuple[str, int]:
    if CONTAINER_NAME.search(words_of(name)):
        name = "secret"  # an item of a list
    meaning = meaning_of(name)
    if meaning is None or not PLACEHOLDER.sub("", text).strip():
        return redact(text)
    unlikely = meaning.sure == 1 and (
        len(text) < 12 or not values.is_random(text) or values.is_hexadecimal(text)
    )
    stands_for_it = len(text) > 3 and values.is_placeholder(text)
    if unlikely or stands_for_it or (meaning.kind == "pwd" and values.is_reference(text)):
        return redact(text)
    return f"[redacted:{meaning.kind}]", 1


def _redact_number(name: str, value: float) -> tuple[JSON, int]:
    meaning = meaning_of(name)
    least = {3: 4, 2: 8}.get(meaning.sure, 100) if meaning else 100
    if meaning is None or len(str(value)) < least:
        return value, 0
    return f"[redacted:{meaning.kind}]", 1
