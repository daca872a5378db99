"""For machines that watch: /healthz, /readyz and /metrics. Names and numbers only; no patient is in any of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from ipaddress import ip_address

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy.ext.asyncio import AsyncConnection

from service.clock import Clock
from service.db import health as queries
from service.db.database import Database
from service.db.health import Health
from service.web.client_address import Network

HEALTH_SECONDS = 5.0
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
"""Whoever sends one of these has come through a proxy, from anywhere."""

HealthOf = Callable[[AsyncConnection, datetime], Awaitable[Health]]


def setup_monitor(app: web.Application, database: Database, clock: Clock, health_of: HealthOf, networks: Sequence[Network]) -> None:
    """Adds the three addresses. `health_of` judges this node; /metrics answers `networks` only, and nobody through a proxy."""

    async def look() -> Health:
        async with asyncio.timeout(HEALTH_SECONDS), database.reading() as connection:
            return await health_of(connection, clock.now())

    async def healthz(_request: web.Request) -> web.Response:
        """GET /healthz: 200 while the database answers, every job runs and no alarm is an emergency, else 503; names only."""
        try:
            found = await look()
        except Exception:
            return web.json_response({"ok": False, "problems": ["database"], "alarms": []}, status=503)
        told = {"ok": found.ok, "problems": list(found.problems), "alarms": list(found.alarms)}
        return web.json_response(told, status=200 if found.ok else 503)

    async def readyz(_request: web.Request) -> web.Response:
        """GET /readyz, for the proxy in front: 200 while this node can take requests, which is while its database answers."""
        try:
            async with asyncio.timeout(HEALTH_SECONDS), database.reading() as connection:
                await queries.answers(connection)
        except Exception:
            return web.json_response({"ok": False}, status=503)
        return web.json_response({"ok": True})

    async def metrics(request: web.Request) -> web.Response:
        """GET /metrics: the Prometheus text format; 404 for whoever may not ask."""
        if not may_ask(request, networks):
            raise web.HTTPNotFound
        try:
            found: Health | None = await look()
        except Exception:
            found = None
        return web.Response(body=exposition(found), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)


def may_ask(request: web.Request, networks: Sequence[Network]) -> bool:
    """Whether the connection itself comes from one of the networks, and through no proxy."""
    if any(header in request.headers for header in FORWARDED):
        return False
    try:
        address = ip_address(request.remote or "")
    except ValueError:
        return False
    return any(address in network for network in networks)


def exposition(found: Health | None) -> bytes:
    """The node's state in the Prometheus text format; None: the database did not answer, which is all that can be said."""
    registry = CollectorRegistry()
    registry.register(_Snapshot(found))
    return generate_latest(registry)


class _Snapshot:
    def __init__(self, found: Health | None) -> None:
        self._found = found

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The gauges of one look."""
        found = self._found
        yield _gauge("rounds_database_up", "1 while the database answers.", [], [([], float(found is not None))])
        if found is None:
            return
        yield _gauge("rounds_healthy", "1 while this node is well: what GET /healthz says.", [], [([], float(found.ok))])
        names = list(dict.fromkeys(reading.alarm for reading in found.queues))
        by_queue = {alarm.name: [one for one in found.queues if one.alarm is alarm] for alarm in names}
        ages = [([name], max(one.age.total_seconds() for one in readings)) for name, readings in by_queue.items()]
        lengths = [([name], float(sum(one.many for one in readings))) for name, readings in by_queue.items()]
        limits = [([alarm.name], alarm.limit.total_seconds()) for alarm in names]
        on = [([name], float(any(one.on for one in readings))) for name, readings in by_queue.items()]
        yield _gauge("rounds_queue_age_seconds", "How long the oldest of a queue has waited beyond its time.", ["queue"], ages)
        yield _gauge("rounds_queue_length", "How many of a queue wait beyond their time.", ["queue"], lengths)
        yield _gauge("rounds_queue_limit_seconds", "The age at which a queue raises its alarm.", ["queue"], limits)
        yield _gauge("rounds_alarm", "1 while the alarm of a queue is on.", ["alarm"], on)
        silences = [([name], silence.total_seconds()) for name, silence in found.silences.items() if silence is not None]
        yield _gauge("rounds_job_silence_seconds", "How long ago a job of this node ran to its end.", ["job"], silences)


def _gauge(name: str, meaning: str, labels: Sequence[str], samples: Iterable[tuple[Sequence[str], float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, meaning, labels=list(labels))
    for values, number in samples:
        family.add_metric(list(values), number)
    return family
