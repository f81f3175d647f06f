"""Removes secrets and private spans from text, and identifies and excludes repositories.

`secrets.redact` replaces secrets in a text before anything is stored or embedded; `privacy` removes
spans that are marked as private. `repositories.parse` parses the spelling of a repository, and
`Repository.is_same` compares two; `working_copies` finds the repository of a directory;
`exclusion.is_excluded` applies the setting `excluded_repos`.
"""
