"""Secrets out of text, before it reaches the disk, an embedding or a log.

Three things tell a secret: a format that its issuer documents (`formats`, `tokens`), a name that
means one, before a value (`names`, `bindings`, `literals`, `assignments`, `containers`, `tables`),
and a place that holds one, such as a header, an address or an option of a command (`contexts`,
`commands`). Private keys are blocks (`private_keys`); base64 is decoded and searched (`encoded`).
Entropy alone is no sign: commit hashes and UUIDs are ordinary words of an execution record, and
must survive.

All of it takes time linear in the length of the text: a repetition is bounded, possessive, or
can't start twice.
"""

from mcp_learning.redaction.secrets.redact import redact, redact_beginning, redact_value, warm
from mcp_learning.redaction.secrets.types import JSON

__all__ = ["JSON", "redact", "redact_beginning", "redact_value", "warm"]
