"""How long a test waits for what comes at once on a quiet machine. Only a test that fails takes so long; how fast things are is for
benchmarks and full fault tests to say."""

PATIENCE_SECONDS = 90
