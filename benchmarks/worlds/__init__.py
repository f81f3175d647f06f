"""Recommendations followed in simulated worlds, whose true success rates are known."""
