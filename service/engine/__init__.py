"""The pure flow engine: a pinned flow version, a session and an event give the next session and what follows from it."""

from service.engine.flow import Flow, content_hash
from service.engine.parse import FlowError, parse_flow
from service.engine.run import WrongVersion, question_of, resume, start
from service.engine.session import Outcome, Session, Status

__all__ = [
    "Flow",
    "FlowError",
    "Outcome",
    "Session",
    "Status",
    "WrongVersion",
    "content_hash",
    "parse_flow",
    "question_of",
    "resume",
    "start",
]
