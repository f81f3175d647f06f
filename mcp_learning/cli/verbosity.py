"""The verbosity of the running command."""

from dataclasses import dataclass


@dataclass
class Verbosity:
    """Set by the options `--quiet` and `--verbose`, which every command has.

    Attributes:
        quiet: Print results and errors only: no progress, no remarks.
        verbose: Log to stderr from level INFO on.
    """

    quiet: bool = False
    verbose: bool = False


verbosity = Verbosity()
"""The verbosity of the command that runs in this process."""
