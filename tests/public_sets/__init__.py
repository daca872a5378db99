"""Public sets that others have published, read by the parsers: a report, no test; nothing of them is copied into the project."""
