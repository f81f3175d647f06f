"""Removes secrets from text before it is stored, embedded or logged.

A secret is recognised by a documented token format (`formats`, `tokens`), by the name before a
value (`names`, `bindings`, `literals`, `assignments`, `containers`, `tables`), or by its context,
such as a header, an address or an option of a command (`contexts`, `commands`). Private keys are
blocks (`private_keys`); base64 is decoded and searched (`encoded`). Entropy alone is not used:
commit hashes and UUIDs are frequent in execution records, and have to stay.

Everything takes time linear in the length of the text: in all patterns, a repetition is bounded,
possessive, or can't start at two positions of the same run.
"""

from mcp_learning.redaction.secrets.redact import redact, redact_beginning, redact_value, warm
from mcp_learning.redaction.secrets.types import JSON

__all__ = ["JSON", "redact", "redact_beginning", "redact_value", "warm"]
