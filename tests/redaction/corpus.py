"""Secrets made from descriptions of their formats, and ordinary texts.

No secret is written down: the random parts are filled in at run time, the same ones every time.
"""

import random
import re
import string
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

_ALPHABETS = {
    "A": string.ascii_letters + string.digits,
    "h": "0123456789abcdef",
    "U": string.ascii_uppercase + "234567",
    "L": string.ascii_lowercase + string.digits,
    "W": string.ascii_letters + string.digits + "_-",
    "b": string.ascii_letters + string.digits + "+/",
    "d": string.digits,
    "s": string.ascii_lowercase,
}
_PASSWORD = string.ascii_letters + string.digits + "!@#%^*+~-_="
_FILL = re.compile("«([AhULWbdspu])(\\d*)»")
_HERE = Path(__file__).parent


class Sample(NamedTuple):
    """A text with a secret.

    Attributes:
        name: What it is.
        text: The text.
        secrets: The parts that must not be left of it, in their order.
    """

    name: str
    text: str
    secrets: list[str]


def secrets(seed: int = 1) -> list[Sample]:
    """The samples that `secrets.txt` describes; other ones for another seed."""
    return [_filled(line, random.Random(f"{seed} {line}")) for line in _lines("secrets.txt")]


def ordinary() -> list[str]:
    """The texts of `ordinary.txt`."""
    return [_unescaped(line) for line in _lines("ordinary.txt")]


def is_left(sample: Sample, clean: str) -> list[str]:
    """What of a sample's secrets is still in a text: halves of long ones, short ones whole."""
    parts = []
    for secret in sample.secrets:
        half = len(secret) // 2
        parts += [secret[:half], secret[half:]] if half >= 7 else [secret]
    return [part for part in parts if part in clean]


def _lines(name: str) -> list[str]:
    lines = (_HERE / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("# ")]


def _unescaped(text: str) -> str:
    parts = re.split(r"(\\\\|\\n|\\Z)", text)
    return "".join({"\\\\": "\\", "\\n": "\n", "\\Z": "\u200b"}.get(part, part) for part in parts)


def _filled(line: str, source: random.Random) -> Sample:
    name, _, template = line.partition(" | ")
    found: list[str] = []

    def fill(match: re.Match[str]) -> str:
        found.append(_random(match[1], int(match[2] or 0), source))
        return found[-1]

    return Sample(name, _FILL.sub(fill, _unescaped(template)), found)


def _random(kind: str, length: int, source: random.Random) -> str:
    if kind == "u":
        return str(UUID(int=source.getrandbits(128), version=4))
    if kind == "p":  # as people and their managers make them: with a digit, and with a symbol
        middle = "".join(source.choices(_PASSWORD, k=length - 4))
        return source.choice(string.ascii_letters) + source.choice("23456789") + middle + "k!"
    return "".join(source.choices(_ALPHABETS[kind], k=length))
