"""How much a run does: the whole thing in about two minutes, or a quick look."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes of one run; `waves` of `patients_a_wave` are dispatched one by one, then all of them write."""

    waves: int
    patients_a_wave: int
    repetitions: int
    burst_seconds: float
    warm_up_seconds: float
    replies_read: int
    engine_steps: int


WHOLE = Scale(waves=5, patients_a_wave=400, repetitions=3, burst_seconds=2.0, warm_up_seconds=1.0, replies_read=4_000, engine_steps=6_000)
QUICK = Scale(waves=2, patients_a_wave=150, repetitions=1, burst_seconds=1.0, warm_up_seconds=0.3, replies_read=500, engine_steps=600)
