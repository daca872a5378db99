"""What a visitor does with a telephone in hand, by the button of the page's forms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from service.telephony.simulator import SimulatorTelephone

Act = Callable[[SimulatorTelephone, str, Mapping[str, object]], Awaitable[None]]


async def act(telephone: SimulatorTelephone, number: str, form: Mapping[str, object]) -> bool:
    """Does what the form's `do` names, or its key or quick words; False for none. What does not fit how the call stands does nothing."""
    done = ACTS.get(str(form.get("do") or next((name for name in ("key", "quick") if form.get(name)), "")))
    if done is not None:
        await done(telephone, number, form)
    return done is not None


def _speak(*, mumbled: bool) -> Act:
    def speak(telephone: SimulatorTelephone, number: str, form: Mapping[str, object]) -> Awaitable[None]:
        return telephone.speak(number, str(form.get("words", "")), mumbled=mumbled)

    return speak


ACTS: dict[str, Act] = {
    "answer": lambda telephone, number, form: telephone.answer(number),
    "decline": lambda telephone, number, form: telephone.decline(number),
    "voicemail": lambda telephone, number, form: telephone.leave_to_voicemail(number),
    "key": lambda telephone, number, form: telephone.press(number, str(form.get("key", ""))),
    "say": _speak(mumbled=False),
    "mumble": _speak(mumbled=True),
    "quick": lambda telephone, number, form: telephone.speak(number, str(form.get("quick", ""))),
    "silence": lambda telephone, number, form: telephone.say_nothing(number),
    "clinic_answers": lambda telephone, number, form: telephone.clinic_answers(number, answers=True),
    "nobody_answers": lambda telephone, number, form: telephone.clinic_answers(number, answers=False),
    "hang_up": lambda telephone, number, form: telephone.hang_up(number),
    "call_clinic": lambda telephone, number, form: telephone.call_clinic(number),
}
