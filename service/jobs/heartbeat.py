"""The heartbeat: APScheduler ticks, and every tick asks the database what is due. No truth lives in a timer (law 11)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy.ext.asyncio import AsyncConnection

from service.actions.watch import watch
from service.clock import SystemClock
from service.db.health import Health, health
from service.jobs.emergency import LOOPS, STOP, emergency_lane, routine_lane
from service.jobs.ping import ping
from service.jobs.work import ALARMS, Job, Surroundings, registry

_log = structlog.get_logger(__name__)

WATCH_EVERY_SECONDS = 30
WATCHDOG = "watchdog"
PING_EVERY_SECONDS = 60
PING = "ping"
FIRST_WATCH = timedelta(seconds=10)
DRAIN_SECONDS = 10.0
"""How long running rounds may end by themselves when the service stops; a provider call takes at most about this long."""


class Heartbeat:
    """One node's jobs and its emergency lane, from `start` to `stop`."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._jobs = registry(around)
        self._ran: dict[str, datetime] = {}
        """When each job last ran to its end, or this node began to wait for it: what silence is counted from."""
        self._finished: dict[str, datetime] = {}
        """Only rounds that did run to their end: what other rounds may count on (`recover_replies` begins where one ended)."""
        self._lanes: list[asyncio.Task[None]] = []
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._drained_at: float | None = None
        self._scheduler = AsyncIOScheduler(
            jobstores={"default": MemoryJobStore()},
            timezone=UTC,
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    @property
    def limits(self) -> dict[str, timedelta]:
        """After how long without a finished round each job counts as stuck."""
        return {name: job.silent_after for name, job in self._jobs.items()} | dict.fromkeys(LOOPS, timedelta(minutes=2))

    def start(self) -> None:
        """Begins to tick, with a first round of every job at once; call inside the running loop."""
        watchers = {WATCHDOG: Job(WATCH_EVERY_SECONDS, self._watch)}
        if self._around.health_ping_url:
            watchers[PING] = Job(PING_EVERY_SECONDS, self._ping)
        self._note(WATCHDOG)
        at_once = SystemClock().now()  # APScheduler compares with the machine's clock, whatever clock the jobs are given
        for name in self.limits:
            self._ran[name] = self._around.clock.now()
        for name, job in {**self._jobs, **watchers}.items():
            self._scheduler.add_job(
                self._tick,
                IntervalTrigger(seconds=job.every_seconds, timezone=UTC),
                args=(name, job.run),
                id=name,
                next_run_time=at_once + FIRST_WATCH if name in (*watchers, ALARMS) else at_once,  # after the jobs' own first rounds
            )
        for lane in (emergency_lane, routine_lane):
            self._lanes.append(asyncio.create_task(lane(self._around, self._note, self._stopping), name=lane.__name__))
        self._scheduler.start()

    def wind_down(self) -> None:
        """From now on no round and no call to a provider begins; what is under way has ten seconds. Call inside the running loop."""
        if self._drained_at is None:
            self._drained_at = asyncio.get_running_loop().time() + DRAIN_SECONDS
        if self._scheduler.running:
            self._scheduler.pause()
        self._stopping.set()
        self._around.database.wakeups.wake([STOP])

    async def stop(self) -> None:
        """Winds down, lets running rounds finish for ten seconds since that began, then cuts them; claims they leave run out by lease."""
        self.wind_down()
        under_way = {*self._running, *self._lanes}
        if under_way:
            left = (self._drained_at or 0.0) - asyncio.get_running_loop().time()
            _, late = await asyncio.wait(under_way, timeout=max(0.0, left))
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    async def health(self, connection: AsyncConnection, now: datetime) -> Health:
        """How this node does: red when a job has been silent for too long or work is overdue."""
        return await health(connection, now, {**self.limits, WATCHDOG: timedelta(minutes=2)}, self._around.node, self._ran)

    async def _tick(self, name: str, run: Callable[[], Awaitable[object]]) -> None:
        task = asyncio.ensure_future(self._round(name, run))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        await task

    async def _round(self, name: str, run: Callable[[], Awaitable[object]]) -> None:
        """One round; a failure is logged by its kind and ends nothing but this round."""
        try:
            await run()
        except Exception as error:
            _log.error("job_failed", job=name, error=type(error).__name__)
        else:
            self._note(name)

    def _note(self, name: str) -> None:
        self._ran[name] = self._finished[name] = self._around.clock.now()

    async def _ping(self) -> None:
        around = self._around
        await ping(around.health_ping_url, around.database, around.clock, self.health)

    async def _watch(self) -> None:
        """Writes the heartbeats; the watchdog's own stands among them, so that its silence shows too."""
        self._note(WATCHDOG)
        around = self._around
        await watch(around.database, around.knowledge, around.node, dict(self._finished), dict(self._ran), self.limits, around.clock.now())
