"""Executions from elsewhere and exports: git history, tables, exported files."""
