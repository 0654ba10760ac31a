"""The fault matrix: a real bot is killed at each boundary of a workflow's way, and goes on."""
