"""Embeds task descriptions: text in, unit vectors out.

`recipe.embedding_text` prepares a description, and `embedder.Embedder` turns it into a vector of
384 float32 numbers (bundled model) with Euclidean norm 1, so that the dot product of two vectors is
their cosine similarity. The bundled model is in `minilm/` and needs no network; any other model of
fastembed's can be configured and is downloaded once. Each vector is stored with the embedder's
`fingerprint` (model, file, recipe): vectors with different fingerprints can't be compared.
Importing this package loads nothing; the model is loaded by the first `Embedder.load` or
`Embedder.embed`, both of which block and belong in a worker thread.
"""
