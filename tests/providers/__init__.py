"""The whole patient side through each provider: `rounds serve` as a process of its own beside the provider's stand-in over HTTP."""
