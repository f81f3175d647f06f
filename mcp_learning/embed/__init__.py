"""Text in, vectors out: how the product knows that two tasks mean the same.

A task description first becomes *embedding text* (`recipe.embedding_text`: the one recipe, with a
version), then `embedder.Embedder` turns that into a vector of 384 float32 numbers of length 1, so
that the dot product of two vectors is their cosine similarity. The default model lies in `minilm/`
and needs no network; any other model that fastembed knows can be named instead and is downloaded
once. Each vector is stored with the embedder's `fingerprint` (model, file, recipe): vectors with
different fingerprints can't be compared. Importing this package loads nothing; the model is loaded
by the first `Embedder.load` or `Embedder.embed`, both of which block and belong in a worker thread.
"""
