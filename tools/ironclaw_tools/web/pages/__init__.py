"""Makes readable text of what a server sends, without what a person would not have seen."""
