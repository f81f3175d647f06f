"""Corrects outcomes of recorded executions by later facts: git, test results, later sessions.

Each module makes judgements from one kind of fact, for `Learning.judge`.
"""
