"""Embeds task descriptions: text in, unit vectors out.

`recipe.embedding_text` makes the text to embed of a description, and `embedder.Embedder` a vector
of 384 float32 numbers of length 1, so that the dot product of two vectors is their cosine
similarity. The default model is in `minilm/` and needs no network; any other model that fastembed
supports can be configured and is downloaded once. Each vector is stored with the embedder's
`fingerprint` (model, file, recipe): vectors with different fingerprints can't be compared.
Importing this package loads nothing; the model is loaded by the first `Embedder.load` or
`Embedder.embed`, both of which block and belong in a worker thread.
"""
