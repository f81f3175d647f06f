"""Benchmarks of mcp-learning, run from a checkout: `python -m benchmarks --help`.

This package is not part of the product and is never installed with it. Each directory is one
benchmark; the modules beside this one are shared:

- `suite`: latency, memory and throughput at one size, each against a target.
- `scale`: recall, latency and memory over sizes, presets of the HNSW index, and other vector
  indexes on the same vectors (`scale/peers.py`).
- `calibration`: when a match is shown, fitted for an embedding model; how to combine words and
  vectors.
- `worlds`: regret of following recommendations where the true success rates are known.
- `servers`: start-up, tools and memory of any MCP servers side by side; latency of the hook.
"""
