"""What every telephony provider keeps to, one run a provider: its stand-in over HTTP, our adapters as the settings put them together."""
