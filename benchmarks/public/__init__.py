"""Retrieval on public data sets that the user has fetched, beside simple ways to search."""
