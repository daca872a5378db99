"""Prints a whole call as it is heard and answered, to be read by eye.

    python -m tests.calls.transcript heart_failure/daily en 180 no "yes I took it"

Each further word is one answer, keys when it is made of digits, * and #, else speech; a lone dash is silence. Without any, every
question gets an ordinary answer by speech.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Sequence

from service.engine.given import facts_of
from tests.actions.house import content
from tests.calls.callee import MOST_STEPS, answer
from tests.calls.wire import BIRTH_YEAR, Wire
from tests.stand_in_twilio.calls import Heard, PlacedCall

_KEYS = re.compile(r"[0-9*#]+")


async def transcript(key: str, language: str, answers: Sequence[str] = (), day: int = 3) -> list[str]:
    """The lines of a call: what is said, what is answered, which rules it raises."""
    flow = content().flows[key]
    wire = Wire(flow, facts_of({"day": day, "language": language}, key.partition("/")[0]))
    lines, raised = [], len(wire.rules)
    call = await wire.ring()
    lines.append(f"ROUNDS  {call.heard.text}")
    heard = await call.press(BIRTH_YEAR)
    lines += [f"CALLEE  presses {BIRTH_YEAR}", f"ROUNDS  {heard.text}"]
    given = iter(answers)
    for _ in range(MOST_STEPS):
        if heard.over:
            return [*lines, "        (the call ends)"]
        before = call.last
        heard = await _answered(wire, call, next(given, None))
        form = call.last[1] if call.last is not before else {}
        said = f"presses {form['Digits']}" if "Digits" in form else f'says "{form["SpeechResult"]}"' if form else "(silence)"
        lines.append(f"CALLEE  {said}")
        lines += [f"        ! {rule}" for rule in wire.rules[raised:]]
        raised = len(wire.rules)
        lines.append(f"ROUNDS  {heard.text}")
    return lines


async def _answered(wire: Wire, call: PlacedCall, words: str | None) -> Heard:
    if call.heard.dialled:
        return await call.dial_ends("no-answer")
    if words is None:
        return await answer(wire, call, speak=True)
    if words == "-":
        return await call.say_nothing()
    return await (call.press(words) if _KEYS.fullmatch(words) else call.speak(words))


if __name__ == "__main__":
    print("\n".join(asyncio.run(transcript(sys.argv[1], sys.argv[2], sys.argv[3:]))))
