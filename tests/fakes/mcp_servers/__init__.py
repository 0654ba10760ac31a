"""Servers of the Model Context Protocol for tests: a well-behaved one, and one that is not."""
