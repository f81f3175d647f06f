"""Reads executions from git histories and tables, and writes exports."""
