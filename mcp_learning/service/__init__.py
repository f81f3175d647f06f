"""The learning service: the one object behind every tool, command and page.

`learning.LearningService` records, retrieves, compares and forgets. `indexer` keeps the derived
indexes up to date with the store, with `embedding` for the vectors and `index_build` for the HNSW
index; `importing` merges executions from elsewhere; `retention`, `maintenance` and `recovery`
maintain the database file; `recalls` counts how answers were used; `remarks` decides what agents
are shown without asking, with `remark_choice`, `missteps`, `agent_sessions` and `remark_texts`;
`telemetry` measures this process; `dashboard` answers the web page, `statistics` all others who ask
for figures. `lazy` imports what a first record doesn't need when it is first used.
"""
