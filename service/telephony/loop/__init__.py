"""The way of a message without a carrier: texts and calls to the loop's made-up numbers come back over our own webhooks."""

from service.telephony.loop.detour import DetourProvider, DetourTelephone
from service.telephony.loop.loop import Loop
from service.telephony.loop.receiver import NAME as LOOP
from service.telephony.loop.receiver import LoopReceiver, LoopVoice, loop_key

__all__ = ["LOOP", "DetourProvider", "DetourTelephone", "Loop", "LoopReceiver", "LoopVoice", "loop_key"]
