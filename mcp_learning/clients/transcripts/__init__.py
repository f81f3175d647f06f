"""Recorded sessions of agent clients: one reader per client."""
