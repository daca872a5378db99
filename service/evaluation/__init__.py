"""What the parsers and the universal table make of replies, for those who review them: read, explain, score. Pure."""

from service.evaluation.judged import Judged, judge_text
from service.evaluation.lines import LineError, judge_given, labelled_lines, read_lines
from service.evaluation.score import Figure, Scores, as_json, table
from service.evaluation.views import FindingRow, finding_rows

__all__ = [
    "Figure",
    "FindingRow",
    "Judged",
    "LineError",
    "Scores",
    "as_json",
    "finding_rows",
    "judge_given",
    "judge_text",
    "labelled_lines",
    "read_lines",
    "table",
]
