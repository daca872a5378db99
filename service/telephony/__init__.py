"""The outside world of phones: one small port, one folder per provider."""
