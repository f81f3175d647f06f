"""Words by which prompts and replies are understood, in the languages most used with agents.

They are cues, not grammar: `boundaries` weighs them together with what happened. The words are in
`wording.toml`, by language.
"""

import re
import tomllib
from functools import cache
from pathlib import Path

_UNSPACED = frozenset({"zh", "ja", "ko"})
_MOST_WORDS = 6

_QUESTION = re.compile(r"[?？][\s)*_`\"'」』]*\Z|¿")
_OUTPUT = re.compile(
    r"\S+:\d+(?::\d+)?:|(?:[$❯>%➜λ]|=>)\s|\[\d|at\s\w+[.(]|\S+@\S+[:~]|[^\n]{0,80}\$ [a-z]"
)
_ITEMS = re.compile(
    r"(?!.*\b(?:phase|step|part|milestone|chunk|task|issue|ticket|pr|stage|version)\b)"
    r"(?:[a-z']+\s+){0,2}#?\d+(?:\s*(?:,|/|&|and)\s*#?\d+)*[.!]*",
    re.IGNORECASE,
)
_PUBLICATION = re.compile(r"\bgit\s+(?:\S+\s+)*?push\b|\bgh\s+pr\s+(?:create|merge)\b")
_COMMAND = re.compile(r"/[A-Za-z][\w:.-]*(?:\s|\Z)")
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_AROUND = ".!?,;:…。！？、~ \t\r\n👍🙏"
_BETWEEN = re.compile(r"[\s,。、!！,.]+")
_ENDING = re.compile(r"[?？。.!\s]*\Z")
_MARKUP = re.compile(r"[*_`>#\s]+")

_SHORT = 100
"""Characters up to which pointing words ("it", "there") tie a prompt to what was said before."""

_TROUBLED = 200  # characters of a prompt in which complaints are looked for
_LONG = 600  # characters from which a prompt describes something by itself
_END = 300  # characters at the end of a reply in which a question or an offer is looked for


@cache
def pattern(name: str) -> re.Pattern[str]:
    """A table of `wording.toml` as one regular expression."""
    spaced: list[str] = []
    unspaced: list[str] = []
    for language, words in _tables()[name].items():
        (unspaced if language in _UNSPACED else spaced).extend(words)
    whole = rf"(?<!\w)(?:{'|'.join(spaced)})(?!\w)"
    joined = "|".join([whole, *unspaced]).replace(" ", r"\s+").replace(r"\s+?", r"\s?")
    return re.compile(joined.replace(r"\s+*", r"\s*"), re.IGNORECASE | re.DOTALL)


def is_go_ahead(prompt: str) -> bool:
    """Whether a prompt only agrees, thanks, declines, or asks for a commit."""
    text = prompt.strip(_AROUND)
    if not text or text.isdecimal():
        return True
    words = _WORD.findall(text.replace("\u2019", "'"))
    if len(words) <= _MOST_WORDS and all(pattern("go_ahead").fullmatch(word) for word in words):
        return True
    return bool(_unspaced_answer().fullmatch(_BETWEEN.sub("", text)))


def is_command(prompt: str) -> bool:
    """Whether it is a slash command of the client, which is an explicit request."""
    return bool(_COMMAND.match(prompt))


def follow_up_score(prompt: str) -> float:
    """How much the words of a prompt tie it to what was done before: below 0 if they part it."""
    text = prompt.strip().replace("\u2019", "'")
    tied = 0.0
    if pattern("opening").match(text):
        tied += 1.5
    elif not pattern("request").match(text) and (
        pattern("remark").match(text) or _OUTPUT.match(text)
    ):
        tied += 1.0
    if pattern("again").search(text[:_TROUBLED]):
        tied += 1.0
    elif is_complaint(text):
        tied += 0.5
    is_word = text.isascii() and _WORD.fullmatch(text)
    if is_word or _ITEMS.fullmatch(text):  # "address 8 and 12"
        tied += 1.0
    if len(text) <= _SHORT and pattern("order").search(text):
        return tied + 2.0
    if len(text) <= _SHORT and pattern("pointing").search(text):
        tied += 1.0
    if pattern("new").match(text):
        tied -= 1.5
    if len(text) >= _LONG:
        tied -= 1.0
    return tied


def asks(reply: str) -> bool:
    """Whether a reply ends with a question."""
    return bool(_QUESTION.search(_MARKUP.sub(" ", reply.rstrip()[-_END:]).strip()))


def offers(reply: str) -> bool:
    """Whether a reply ends with an offer to do something, or a request to tell something."""
    end = _MARKUP.sub(" ", reply.rstrip()[-_END:]).strip()
    last = _ENDING.sub("", end)
    return any(
        found.end() == len(last) or found[0].isascii() for found in pattern("asking").finditer(last)
    )


def is_complaint(prompt: str) -> bool:
    """Whether the words say that something is not as it should be."""
    beginning = prompt[:_TROUBLED]
    return bool(pattern("trouble").search(beginning) or pattern("again").search(beginning))


def is_thanks(prompt: str) -> bool:
    """Whether the user is content, and asks for nothing more."""
    return len(prompt) <= _SHORT and "?" not in prompt and bool(pattern("thanks").search(prompt))


def is_publication(command: str) -> bool:
    """Whether a command pushes commits, or opens or merges a pull request."""
    return bool(_PUBLICATION.search(command))


@cache
def _tables() -> dict[str, dict[str, list[str]]]:
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def _unspaced_answer() -> re.Pattern[str]:
    words = [word for name in _UNSPACED for word in _tables()["go_ahead"][name]]
    return re.compile(f"(?:{'|'.join(sorted(words))}|ok)+", re.IGNORECASE)
