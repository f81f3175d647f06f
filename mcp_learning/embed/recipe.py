"""What of an execution is embedded. The same recipe serves stored tasks and searches."""

RECIPE_VERSION = 1
"""Part of every fingerprint: raise it when `embedding_text` gives other text for any input."""

# The bundled model reads 256 tokens: at most 1,307 characters of the agent-run texts it was
# measured on (512 tokens, as other models read: 2,364). Cutting here makes tokenising 20,000
# characters as cheap as tokenising 4,000 (1 ms).
MAX_CHARS = 4_000


def embedding_text(task_description: str) -> str:
    """Return the text to embed for a task: its description and nothing else.

    Outcome, routing (model tier, pool, topology), approach and error text are left out on purpose.
    They are what a recommendation predicts; if they were in the vector, tasks would look alike
    because they ended alike or were handled alike, and the evidence would leak into the question.
    Besides, they aren't known yet when an agent asks. Error texts are found by words instead.

    Args:
        task_description: Any text, of any length.

    Returns:
        The description on one line, each run of whitespace made one space, cut to MAX_CHARS
        characters. The tokens that the model sees are those of the whole description, unless
        nearly all of it is unbroken runs of over 100 characters (each is a single token).
    """
    # Bounded before splitting too: a description padded with blanks costs no more than another.
    return " ".join(task_description[: 5 * MAX_CHARS].split())[:MAX_CHARS].rstrip()
