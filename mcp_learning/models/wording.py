"""Numbers in what people and agents read."""


def counted(number: int, thing: str) -> str:
    """`1 execution`, `2,000 executions`, `0 matches`.

    Args:
        number: How many.
        thing: What, in the singular.
    """
    ending = "es" if thing.endswith("ch") else "s"
    return f"{number:,} {thing}{'' if number == 1 else ending}"
