"""The pure flow engine: a pinned flow version, a session and an event give the next session and what follows from it."""

from service.engine.flow import Education, Flow, Subflow, content_hash
from service.engine.parse import parse_education, parse_flow, parse_recheck, parse_subflow
from service.engine.place import FlowError
from service.engine.proceed import hasten
from service.engine.run import WrongVersion, late_answer, late_question, question_of, resume, start
from service.engine.session import Outcome, Session, Status
from service.engine.shape import Library

__all__ = [
    "Education",
    "Flow",
    "FlowError",
    "Library",
    "Outcome",
    "Session",
    "Status",
    "Subflow",
    "WrongVersion",
    "content_hash",
    "hasten",
    "late_answer",
    "late_question",
    "parse_education",
    "parse_flow",
    "parse_recheck",
    "parse_subflow",
    "question_of",
    "resume",
    "start",
]
