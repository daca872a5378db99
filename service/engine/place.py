"""Where something stands in a flow file, and the error that says so."""

from __future__ import annotations

from typing import Any

Path = tuple[str | int, ...]


class FlowError(Exception):
    """A flow file is wrong: `file`, `where` (line and place) and `what` (with what to write instead)."""

    def __init__(self, file: str, where: str, what: str) -> None:
        super().__init__(file, where, what)
        self.file, self.where, self.what = file, where, what
        self.others: tuple[FlowError, ...] = ()
        """Further mistakes of the same file, when they can be told at once."""

    def __str__(self) -> str:
        return f"{self.file}: {self.where}: {self.what}"


class Place:
    """A parsed file whose mappings and lists know their `lines`, or plain values."""

    def __init__(self, data: Any, file: str) -> None:
        self.data, self.file = data, file

    def error(self, path: Path, what: str) -> FlowError:
        """The error at this path, or at the nearest place above it that exists."""
        line, node = 0, self.data
        for part in path:
            lines = getattr(node, "lines", None)
            try:
                if lines is not None:
                    line = lines[part]
                node = node[part]
            except (KeyError, IndexError, TypeError):
                break
        words = ".".join(str(part + 1 if isinstance(part, int) else part) for part in path) or "top"
        return FlowError(self.file, f"line {line}, {words}" if line else words, what)
