"""rounds replies read: what the parser makes of replies, for those who review it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from service.commands.surroundings import UserError
from service.content import load_lexicon, load_tables
from service.replies_command import LineError, read_lines


def add_parsers(commands: Any) -> None:
    """Declares the command."""
    group = commands.add_parser("replies", help="read replies, for reviewing the parser", description="Reads replies.")
    inner = group.add_subparsers(dest="command", required=True, metavar="COMMAND")
    read = inner.add_parser(
        "read",
        help="print what is found in the replies of a file",
        description="Reads a JSONL file and prints a JSON line for each of its lines: id, labels, urgency. Needs no settings.",
        epilog="A line has reply, and may have id, expects, question, lang, channel and condition. A lone - reads standard input.",
    )
    read.add_argument("file", metavar="FILE.jsonl")
    read.set_defaults(run_blocking=run_read)


def run_read(arguments: argparse.Namespace) -> None:
    """Prints one line for each line of the file. Raises UserError naming the line that cannot be read."""
    lexicon, tables = load_lexicon(), load_tables()
    try:
        if arguments.file == "-":
            _print(lexicon, tables, sys.stdin)
            return
        with Path(arguments.file).open(encoding="utf-8") as lines:
            _print(lexicon, tables, lines)
    except LineError as error:
        raise UserError(str(error)) from None
    except UnicodeDecodeError:
        raise UserError("the file is not UTF-8") from None
    except FileNotFoundError:
        raise UserError("there is no such file") from None
    except (IsADirectoryError, PermissionError):
        raise UserError("the file cannot be read") from None


def _print(lexicon: Any, tables: Any, lines: Any) -> None:
    for line in read_lines(lexicon, tables, lines):
        print(line)
