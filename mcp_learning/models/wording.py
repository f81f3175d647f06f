"""Numbers with their nouns, for people and agents."""


def counted(number: int, thing: str) -> str:
    """`1 execution`, `2,000 executions`, `0 matches`, `2 successes`, of a thing in the singular."""
    ending = "es" if thing.endswith(("ch", "ss")) else "s"
    return f"{number:,} {thing}{'' if number == 1 else ending}"


def percent(rate: float) -> str:
    """A rate, 0..1, as text."""
    return f"{100 * rate:.0f} %"


def last_days(number: int) -> str:
    """`the last day`, `the last 30 days`."""
    return "the last day" if number == 1 else f"the last {number:,} days"
