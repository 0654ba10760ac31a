"""What takes minutes, and is not part of make test."""
