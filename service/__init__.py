"""Rounds: check-ins and messaging between patients at home and their nurse case managers."""

__version__ = "0.1.0"
