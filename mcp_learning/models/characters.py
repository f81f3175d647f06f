"""Characters that stored text doesn't have. Imports nothing else: hooks use it, too."""

import re

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Control characters, but for tabs and line ends."""

SURROGATE = re.compile(r"[\ud800-\udfff]")
"""Halves of a character in UTF-16, which no encoding of text can hold alone."""
