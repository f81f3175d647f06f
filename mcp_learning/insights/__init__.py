"""Statistics over recorded executions.

`rates` has success rates with intervals and corrected comparisons; `patterns` groups error texts;
`period` combines both for a period of time.
"""
