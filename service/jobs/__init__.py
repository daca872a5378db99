"""When: the heartbeat over due work in the database, the emergency lane, and the watchdog."""
