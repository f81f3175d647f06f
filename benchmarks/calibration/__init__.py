"""Which similarity floor fits an embedding model, and how to combine words and vectors."""
