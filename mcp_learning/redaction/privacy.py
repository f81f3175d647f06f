"""What is never kept: spans that the writer marked as private, and repositories that opted out."""

import re
from fnmatch import fnmatchcase

from mcp_learning.errors import InvalidInput

PLACEHOLDER = "[redacted:private]"

_TAG = re.compile(
    r"(?:<|&lt;)[ \t]{0,3}(?P<close>/[ \t]{0,3})?private(?:\s[^<>]{0,200})?(?:>|&gt;)",
    re.ASCII | re.IGNORECASE,
)
_ORIGIN = re.compile(r"^(?:[a-z+]+://)?(?:[^/@]+@)?(?P<host>[\w-]+(?:\.[\w-]+)+)(?::\d+/|[:/])")


def without_private(text: str) -> tuple[str, int]:
    """Cuts out every `<private>…</private>` span.

    Spans may be nested. One that isn't closed reaches to the end of the text: what follows an
    opening tag is kept only when it is sure to be outside.

    Returns:
        The text with `[redacted:private]` in place of each outermost span, and how many there were.
    """
    pieces: list[str] = []
    position = depth = spans = 0
    for tag in _TAG.finditer(text):
        if tag["close"]:
            if depth == 1:
                position = tag.end()
            depth = max(0, depth - 1)
        else:
            if depth == 0:
                pieces += [text[position : tag.start()], PLACEHOLDER]
                spans += 1
            depth += 1
    if not spans:
        return text, 0
    return "".join(pieces) + (text[position:] if depth == 0 else ""), spans


def is_excluded(repo: str | None, excluded: str) -> bool:
    """Whether a repository opted out; arguments as for `refuse_excluded`."""
    if repo is None or not excluded.strip():
        return False
    names = _names(repo)
    patterns = (
        part.strip().lower().rstrip("/").removesuffix(".git") for part in excluded.split(",")
    )
    return any(fnmatchcase(name, wanted) for wanted in patterns if wanted for name in names)


def refuse_excluded(repo: str | None, excluded: str) -> None:
    """Refuses what belongs to a repository that opted out.

    Args:
        repo: As it was given: owner/name, a path, or an address of a remote.
        excluded: Patterns with `*` and `?`, separated by commas. Each is compared, without regard
            to case, with the whole and with its last one and two parts.

    Raises:
        InvalidInput: It is excluded.
    """
    if is_excluded(repo, excluded):
        raise InvalidInput(
            "repo",
            "the user keeps this repository out of the learning database (excluded_repos); "
            "nothing was stored: don't record its tasks, also not without repo",
        )


def _names(repo: str) -> set[str]:
    whole = repo.strip().lower().replace("\\", "/").rstrip("/").removesuffix(".git")
    path = _ORIGIN.sub("", whole)
    parts = [part for part in path.split("/") if part]
    return {whole, path, "/".join(parts[-2:]), "".join(parts[-1:])}
