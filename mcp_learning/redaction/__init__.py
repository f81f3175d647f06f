"""Keeps out what must not be stored: secrets, private spans, and repositories that opted out.

`secrets.redact` replaces secrets in a text before anything is stored or embedded; `privacy` removes
spans that were marked as private and decides which repositories are excluded.
"""
