"""Rates of the real service beside their bare equivalents, interleaved in one run: `make bench`, or `python -m tests.bench --quick`.

What counts are the ratios: the machine is shared and its disk is slow or fast, but for both sides alike.
"""
