"""How much a command says besides its result."""

from dataclasses import dataclass


@dataclass
class Loudness:
    """As the options that every command has say it.

    Attributes:
        quiet: Results and errors only: no progress, no remarks.
        verbose: What the log has, from level INFO on.
    """

    quiet: bool = False
    verbose: bool = False


loudness = Loudness()
"""Of the command that runs in this process."""
