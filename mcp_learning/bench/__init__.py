"""Replays a user's own executions and scores what would have been recommended."""
