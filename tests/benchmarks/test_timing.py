from benchmarks.timing import percentiles, timed


def test_percentiles_are_in_milliseconds() -> None:
    timing = percentiles(number / 1000 for number in range(1, 102))
    assert (timing.p50, timing.p95, timing.p99, timing.samples) == (51.0, 96.0, 100.0, 101)


def test_each_query_is_asked_once_and_answered_in_order() -> None:
    timing, results = timed([3, 1, 2], lambda query: 10 * query)
    assert results == [30, 10, 20]
    assert timing.samples == 3


def test_a_spent_budget_ends_the_queries_but_not_before_there_are_ten() -> None:
    timing, results = timed(range(50), lambda query: query, budget=0.0)
    assert results == list(range(10))
    assert timing.samples == 10
