"""Classifies prompts and replies by words, in the languages most used with agents.

Words are cues, not grammar: `boundaries` weighs them together with the events. They are in
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
    r"|PS [A-Za-z]:[^\n>]*>|[A-Za-z]:\\[^\n>]*>"
    r"|(?:---|===|\+\+\+|@@) \S|\+ |(?:panic|fatal|ERROR): |npm ERR!"
    r"|Traceback \(|Exception in thread |File \"[^\"\n]+\", line \d"
)
_ITEMS = re.compile(
    r"(?!.*\b(?:phase|step|part|milestone|chunk|task|issue|ticket|pr|stage|version)\b)"
    r"(?:[a-z']+\s+){0,2}#?\d+(?:\s*(?:,|/|&|and)\s*#?\d+)*[.!]*",
    re.IGNORECASE,
)
_PUBLICATION = re.compile(r"\bgit\s+(?:\S+\s+){0,20}?push\b|\bgh\s+pr\s+(?:create|merge)\b")
_COMMAND = re.compile(r"/[A-Za-z][\w:.-]*(?:\s|\Z)")
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_AROUND = ".!?,;:…。！？、~ \t\r\n👍🙏"
_BETWEEN = re.compile(r"[\s,。、!！,.]+")
_ENDING = re.compile(r"[?？。.!\s]*\Z")
_MARKUP = re.compile(r"[*_`>#\s]+")

_SHORT = 100
"""Most characters of a prompt that pronouns ("it", "there") make a follow-up."""

_TROUBLED = 200  # first characters of a prompt that are searched for complaints
_LONG = 600  # least characters of a prompt that is likely to be self-contained
_END = 300  # last characters of a reply that are searched for a question or an offer


@cache
def pattern(name: str) -> re.Pattern[str]:
    """A table of `wording.toml`, compiled to one regular expression."""
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
    if len(words) <= _MOST_WORDS:
        others = [word for word in words if not pattern("go_ahead").fullmatch(word)]
        if len(others) <= (1 if is_thanks(prompt) else 0):  # "gracias, amigo"
            return True
    return bool(_unspaced_answer().fullmatch(_BETWEEN.sub("", text)))


def is_commit_order(prompt: str) -> bool:
    """Whether a prompt asks to commit or to publish what was done, and hardly for more."""
    return len(prompt) <= _SHORT and bool(pattern("commit").search(prompt))


def is_command(prompt: str) -> bool:
    """Whether it is a slash command of the client, which counts as a request."""
    return bool(_COMMAND.match(prompt))


def follow_up_score(prompt: str) -> float:
    """The score of a prompt's words as a follow-up; below 0 for a new task."""
    text = prompt.strip().replace("\u2019", "'")
    tied = 0.0
    if pattern("opening").match(text):
        tied += 1.5
    elif not pattern("request").match(text) and (pattern("remark").match(text) or is_output(text)):
        tied += 1.0
    if pattern("again").search(text[:_TROUBLED]):
        tied += 1.0
    elif is_complaint(text):  # one that names nothing is about what was just done
        tied += 1.0 if pattern("trouble").fullmatch(text.strip(_AROUND)) else 0.5
    is_word = text.isascii() and _WORD.fullmatch(text)
    if is_word or _ITEMS.fullmatch(text):  # "address 8 and 12"
        tied += 1.0
    if is_commit_order(text) or (len(text) <= _SHORT and pattern("check").search(text)):
        return tied + 2.0
    if len(text) <= _SHORT and pattern("pointing").search(text):
        tied += 1.0
    if pattern("new").match(text):
        tied -= 2.0
    if len(text) >= _LONG and not is_output(text):
        tied -= 1.0
    return tied


def is_output(prompt: str) -> bool:
    """Whether a prompt begins with the output of a program, or with a difference of files."""
    return bool(_OUTPUT.match(prompt.lstrip()[:_TROUBLED]))


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
    """Whether the prompt complains that something is wrong."""
    beginning = prompt[:_TROUBLED]
    return bool(pattern("trouble").search(beginning) or pattern("again").search(beginning))


def is_thanks(prompt: str) -> bool:
    """Whether the prompt thanks, without a question."""
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
