"""What the evidence says, and the only place with policy.

`service.LearningService` is what every tool and command calls: record, find, get, feedback, stats,
forget, rebuild. `indexing.Indexer` keeps the derived indexes up with the truth, with `embedding`
for the vectors and `rebuilding` for the HNSW index; `redact` takes secrets out before anything is
stored or embedded; `statistics` turns counts into rates with intervals and says which differ;
`privacy` keeps out what was marked as private and repositories that opted out; `keeping` makes
backups and missing vectors, `retention` prunes, `recovery` restores and recovers for who has the
database alone; `patterns` groups error texts; `insights` puts both together for a period;
`identifiers` makes ids.
"""
