"""The Slack door: edge, tasks, blocks, home, outbox, and the rules that every block obeys."""
