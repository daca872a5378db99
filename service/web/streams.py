"""The streams that are open to browsers, so that too many of one person and those open at shutdown are ended."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator
from uuid import UUID

from aiohttp_sse import EventSourceResponse

MOST_STREAMS_EACH = 12
"""Open pages of one member of staff; one more ends the oldest."""


class Streams:
    """The open streams by whose they are; after `end_all` each further one ends at once."""

    def __init__(self) -> None:
        self._open: defaultdict[UUID, list[EventSourceResponse]] = defaultdict(list)
        self._ended = False

    def count(self, owner: UUID) -> int:
        """How many streams of `owner` are open."""
        return len(self._open.get(owner, ()))

    def __len__(self) -> int:
        return sum(map(len, self._open.values()))

    @contextlib.contextmanager
    def keep(self, owner: UUID, stream: EventSourceResponse, *, most: int | None = None) -> Iterator[None]:
        """Counts a started stream as open while inside; beyond `most` of one owner the oldest is ended.

        A request that was under way when the server began to stop comes here after `end_all`; nobody would end its stream,
        and the server would wait for it until its patience ran out.
        """
        streams = self._open[owner]
        streams.append(stream)
        for oldest in streams[: -most if most else 0]:
            oldest.stop_streaming()
        if self._ended:
            stream.stop_streaming()
        try:
            yield
        finally:
            streams.remove(stream)
            if not streams:
                self._open.pop(owner, None)

    def end_all(self) -> None:
        """Ends every stream and those still to come."""
        self._ended = True
        for streams in self._open.values():
            for stream in streams:
                stream.stop_streaming()
