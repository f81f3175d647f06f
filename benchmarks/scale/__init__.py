"""Recall, latency and memory over the number of executions, beside other vector indexes."""
