"""Lexical search: BM25 over an inverted index.

`terms` tokenises texts; `postings` has the immutable segments of the inverted index; `query_terms`
selects and weighs the informative terms of a query; `word_index` combines the segments and scores
rows; `word_file` saves the index between starts.
"""
