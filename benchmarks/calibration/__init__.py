"""When a match is shown: fitted for an embedding model; and how to combine words and vectors."""
