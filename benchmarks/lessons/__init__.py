"""Simulated trials of lessons whose true effects are known."""
