"""Content that clinicians review (flows, urgency table, patients' vocabulary), read once at start and handed down as values.

Nobody else opens these files. A file that cannot be read or does not fit its format is an error at start, never at a patient's reply.
"""

from service.content.authoring import READING_LEVEL, REFERENCE, SCHEMAS, load_reading_level, write_flow_schemas
from service.content.files import CASES, PACKAGE, SHARED, ContentError, as_yaml, compose_yaml, content_root, load_yaml, parse_yaml
from service.content.flows import EDUCATION, FlowFiles, load_cases, load_flows, located, read_flows
from service.content.shared import (
    FOLLOW_THROUGH,
    OPENING,
    SCRIPT,
    URGENCY_TABLE,
    WORDING,
    load_contact_law,
    load_follow_through,
    load_opening,
    load_opening_cases,
    load_ready_answers,
    load_safety_cases,
    load_script,
    load_tables,
    load_wording,
)
from service.content.vocabulary import OPINION, load_lexicon
from service.content.whole import Content, load_content, unknown_rechecks, unknown_symptoms

__all__ = [
    "CASES",
    "EDUCATION",
    "FOLLOW_THROUGH",
    "OPENING",
    "OPINION",
    "PACKAGE",
    "READING_LEVEL",
    "REFERENCE",
    "SCHEMAS",
    "SCRIPT",
    "SHARED",
    "URGENCY_TABLE",
    "WORDING",
    "Content",
    "ContentError",
    "FlowFiles",
    "as_yaml",
    "compose_yaml",
    "content_root",
    "load_cases",
    "load_contact_law",
    "load_content",
    "load_flows",
    "load_follow_through",
    "load_lexicon",
    "load_opening",
    "load_opening_cases",
    "load_reading_level",
    "load_ready_answers",
    "load_safety_cases",
    "load_script",
    "load_tables",
    "load_wording",
    "load_yaml",
    "located",
    "parse_yaml",
    "read_flows",
    "unknown_rechecks",
    "unknown_symptoms",
    "write_flow_schemas",
]
