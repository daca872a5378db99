"""Pure nouns of Rounds and their rules. Nothing here does I/O or knows the current time."""
