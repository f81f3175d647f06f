"""Words, failures and model tiers that generated executions share; `texts.toml` has them all."""

import tomllib
from importlib.resources import files
from typing import Any, NamedTuple

TEXTS: dict[str, Any] = tomllib.loads(
    files(__package__).joinpath("texts.toml").read_text(encoding="utf-8")
)


class FailureTemplate(NamedTuple):
    """An error message, and the solution summary of the retry that succeeded.

    `{part}`, `{thing}`, `{file}` and `{symptom}` are filled in.
    """

    message: str
    fix: str


def _words(name: str) -> tuple[str, ...]:
    return tuple(TEXTS[name])


PARTS, THINGS, SYMPTOMS = map(_words, ("parts", "things", "symptoms"))
FOLDERS, MODULES, SUFFIXES = map(_words, ("folders", "modules", "suffixes"))
REPOS, CONTEXTS, POOLS, TOPOLOGIES = map(_words, ("repos", "contexts", "pools", "topologies"))

FAILURES = {
    error_type: tuple(FailureTemplate(*texts) for texts in templates)
    for error_type, templates in TEXTS["failures"].items()
}
"""Errors of failed executions by error type."""

TIERS: dict[str, tuple[float, float, float]] = {
    tier: tuple(values) for tier, values in TEXTS["tiers"].items()
}
"""By model tier: added to the success rate, factor of the duration, dollars per minute."""
