"""Processes as their clients see them: MCP servers side by side, and the hook."""
