"""Search by words: BM25 over an inverted index of our own.

`terms` turns texts into terms; `postings` holds immutable segments of the inverted index;
`query_terms` picks the informative terms of a long query; `word_index` combines the segments and
scores rows; `word_file` keeps the index between starts.
"""
