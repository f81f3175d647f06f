"""From a session to the execution that is recorded of it."""
