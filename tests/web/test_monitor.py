"""For machines that watch: what /healthz, /readyz and /metrics say, who may ask, and the call that does not come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.ext.asyncio import AsyncConnection

from service.db import alarms
from service.db.alarms import BY_NAME, Reading
from service.db.database import Database
from service.db.health import Health
from service.jobs.ping import ping
from service.web.monitor import setup_monitor
from tests.seed import KEYRING, NOBODY

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
HOME = ip_network("127.0.0.0/8")
WELL = Health((), silences={"seal_audit": timedelta(seconds=9)})
LATE = Reading(BY_NAME["texts_routine_late"], NOBODY, 3, timedelta(minutes=11))
GRAVE = Reading(BY_NAME["texts_emergency_late"], NOBODY, 1, timedelta(seconds=31))


class Clock:
    def now(self) -> datetime:
        return NOW


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    database = Database.open(sqlite_url, KEYRING)
    yield database
    await database.close()


Ask = Callable[..., Any]


@pytest.fixture
async def asked(database: Database) -> AsyncIterator[Ask]:
    """`await asked(path, health, networks)`: the answer's status and text."""
    clients: list[TestClient[Any, Any]] = []

    async def ask(path: str, health: Health | Exception, *, networks: Any = (HOME,), **more: Any) -> tuple[int, str]:
        async def health_of(_connection: AsyncConnection, _now: datetime) -> Health:
            if isinstance(health, Exception):
                raise health
            return health

        app = web.Application()
        setup_monitor(app, database, Clock(), health_of, networks)
        client = TestClient(TestServer(app))
        clients.append(client)
        await client.start_server()
        async with client.get(path, **more) as answer:
            return answer.status, await answer.text()

    yield ask
    for client in clients:
        await client.close()


def numbers(text: str) -> dict[tuple[str, str], float]:
    """(name, its label) -> number, as Prometheus reads it."""
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_well_node_says_so(asked: Ask) -> None:
    status, text = await asked("/healthz", WELL)
    assert status == 200
    assert '"ok": true' in text


async def test_a_grave_alarm_makes_a_node_red_for_its_watcher_and_not_for_the_proxy_in_front(asked: Ask) -> None:
    ill = Health(("texts_emergency_late",), ("texts_emergency_late",), (GRAVE,))
    status, text = await asked("/healthz", ill)
    assert status == 503
    assert "texts_emergency_late" in text
    assert (await asked("/readyz", ill))[0] == 200, "a node that takes webhooks must not be cut off because pages are late"


async def test_without_its_database_a_node_is_ill_and_not_ready(asked: Ask, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> None:
        raise OSError

    monkeypatch.setattr(database, "reading", gone)
    status, text = await asked("/healthz", WELL)
    assert (status, "database" in text) == (503, True)
    assert (await asked("/readyz", WELL))[0] == 503
    status, text = await asked("/metrics", WELL)
    assert numbers(text) == {("rounds_database_up", ""): 0.0}


async def test_the_metrics_are_names_and_numbers_that_prometheus_reads(asked: Ask) -> None:
    status, text = await asked("/metrics", Health((), ("texts_routine_late",), (LATE,), {"seal_audit": timedelta(seconds=9)}))
    assert status == 200
    found = numbers(text)
    assert found["rounds_queue_age_seconds", "texts_routine_late"] == 660
    assert found["rounds_queue_length", "texts_routine_late"] == 3
    assert found["rounds_queue_limit_seconds", "texts_routine_late"] == 600
    assert found["rounds_alarm", "texts_routine_late"] == 1
    assert found["rounds_job_silence_seconds", "seal_audit"] == 9
    assert found["rounds_healthy", ""] == 1


@pytest.mark.parametrize(
    ("networks", "headers"),
    [
        ((ip_network("10.0.0.0/8"),), {}),
        ((), {}),
        ((HOME,), {"X-Forwarded-For": "127.0.0.1"}),
        ((HOME,), {"Forwarded": "for=127.0.0.1"}),
    ],
)
async def test_the_metrics_are_for_the_networks_that_may_ask_and_never_through_a_proxy(
    asked: Ask, networks: Any, headers: dict[str, str]
) -> None:
    status, text = await asked("/metrics", WELL, networks=networks, headers=headers)
    assert status == 404
    assert "rounds_" not in text


async def test_every_queue_of_the_table_is_in_the_metrics(asked: Ask, database: Database) -> None:
    async with database.reading() as connection:
        queues = tuple(await alarms.read(connection, NOW))
    _, text = await asked("/metrics", Health((), (), queues))
    assert {name for metric, name in numbers(text) if metric == "rounds_alarm"} == set(BY_NAME)


@pytest.mark.parametrize(("health", "calls"), [(WELL, 1), (Health(("database",)), 0)])
async def test_a_watcher_is_called_while_all_is_well_and_only_then(database: Database, health: Health, calls: int) -> None:
    heard: list[str] = []

    async def take(request: web.Request) -> web.Response:
        assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
        heard.append(request.path)
        return web.Response()

    async def health_of(_connection: AsyncConnection, _now: datetime) -> Health:
        return health

    app = web.Application()
    app.router.add_get("/ping/rounds", take)
    async with TestServer(app) as watcher:
        assert await ping(str(watcher.make_url("/ping/rounds")), database, Clock(), health_of) is bool(calls)
    assert len(heard) == calls


async def test_a_watcher_that_is_away_stops_nothing(database: Database) -> None:
    async def health_of(_connection: AsyncConnection, _now: datetime) -> Health:
        return WELL

    assert await ping("http://127.0.0.1:9/ping", database, Clock(), health_of) is False
