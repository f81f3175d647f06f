"""Keeps out what must not be stored: secrets, private spans, and repositories that are excluded.

`secrets.redact` replaces secrets in a text before anything is stored or embedded; `privacy` removes
spans that were marked as private. `repositories.parse` gives the `Repository` that a text names,
whose `is_same` says which repository is which; `working_copies` reads what git wrote about a
directory; `exclusion.is_excluded` decides which repositories are kept out.
"""
