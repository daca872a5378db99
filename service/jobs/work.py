"""What the jobs work with, and the one registry of what is done when."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from service.actions.climb_ladder import climb_ladder
from service.actions.do_due_work import Handler, do_due_work
from service.actions.expire_work import expire_work
from service.actions.follow_up_safety_texts import follow_up_safety_texts
from service.actions.knowledge import Knowledge
from service.actions.notice_reviews import notice_reviews
from service.actions.notice_unconfirmed import notice_unconfirmed
from service.actions.pause_check_ins import turn_pauses
from service.actions.place_calls import place_calls
from service.actions.plan_check_ins import plan_check_ins
from service.actions.reconcile_calls import reconcile_calls
from service.actions.reconcile_unknown import reconcile_unknown
from service.actions.recover_replies import recover_replies
from service.actions.release_leases import release_leases
from service.actions.seal_audit import seal_audit
from service.actions.send_communications import send_communications
from service.actions.start_check_ins import start_check_ins
from service.actions.start_rechecks import KIND, start_rechecks
from service.actions.time_out_sessions import time_out_sessions
from service.clock import Clock
from service.db.database import Database
from service.domain.communication import Lane
from service.telephony.port import Provider, Telephone


def new_node_name() -> str:
    """hostname:pid:random, at most 64 letters: two processes never share it, not even after a restart."""
    return f"{socket.gethostname()[:36]}:{os.getpid()}:{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Everything the jobs need. `providers` by name; made once by app.py."""

    database: Database
    providers: Mapping[str, Provider]
    knowledge: Knowledge
    clock: Clock
    node: str = field(default_factory=new_node_name)
    texts_per_second: int = 100
    """What a provider may be handed in a second: one second's worth is all that may stand before an emergency (decisions 15)."""
    telephones: Mapping[str, Telephone] = field(default_factory=dict)
    """Those of the providers that place calls, by name."""
    concurrency: int = 20
    emergency_concurrency: int = 10


@dataclass(frozen=True, slots=True)
class Job:
    """One job: how often it runs, what it does, and after how long a silence it counts as stuck."""

    every_seconds: float
    run: Callable[[], Awaitable[object]]
    silent_after: timedelta = timedelta(minutes=2)


def handlers(around: Surroundings) -> dict[str, Handler]:
    """Kind of due work -> who does it; one handler a kind."""
    return {
        "start_check_in": lambda connection, works, now: start_check_ins(connection, around.knowledge, works, now),
        KIND: lambda connection, works, now: start_rechecks(connection, around.knowledge, works, now),
        "page_ladder": lambda connection, works, now: climb_ladder(connection, around.knowledge, works, now),
    }


def registry(around: Surroundings) -> dict[str, Job]:
    """Every job by name. The emergency lane is none of them: it has its own loop (`jobs.emergency`)."""
    database, knowledge, clock, node = around.database, around.knowledge, around.clock, around.node
    kinds = handlers(around)
    routine = partial(
        send_communications,
        database,
        around.providers,
        Lane.ROUTINE,
        clock,
        node,
        limit=around.texts_per_second,
        concurrency=around.concurrency,
    )
    return {
        "plan_check_ins": Job(60, lambda: plan_check_ins(database, knowledge, clock.now()), timedelta(minutes=10)),
        "due_work": Job(1, lambda: do_due_work(database, kinds, Lane.ROUTINE, clock, node)),
        "send_routine": Job(1, routine),
        "place_calls": Job(2, lambda: place_calls(database, around.telephones, clock, node)),
        "reconcile_calls": Job(60, lambda: reconcile_calls(database, around.telephones, knowledge, clock.now()), timedelta(minutes=15)),
        "turn_pauses": Job(60, lambda: turn_pauses(database, knowledge, clock.now()), timedelta(minutes=10)),
        "time_out_sessions": Job(5, lambda: time_out_sessions(database, knowledge, clock.now())),
        "release_leases": Job(5, lambda: release_leases(database, knowledge, clock.now())),
        "follow_up_safety_texts": Job(5, lambda: follow_up_safety_texts(database, knowledge.follow_through, clock.now())),
        "notice_unconfirmed": Job(600, lambda: notice_unconfirmed(database, knowledge, clock.now()), timedelta(minutes=30)),
        "notice_reviews": Job(3600, lambda: notice_reviews(database, knowledge, clock.now()), timedelta(hours=3)),
        "seal_audit": Job(60, lambda: seal_audit(database), timedelta(minutes=15)),
        "expire_work": Job(60, lambda: expire_work(database, clock.now()), timedelta(minutes=5)),
        "expire_forgotten": Job(600, lambda: expire_work(database, clock.now(), net=True), timedelta(minutes=30)),
        "recover_replies": Job(60, lambda: recover_replies(database, around.providers, knowledge, clock), timedelta(minutes=15)),
        "reconcile_unknown": Job(60, lambda: reconcile_unknown(database, around.providers, clock.now()), timedelta(minutes=15)),
        "reconcile_not_final": Job(
            3600, lambda: reconcile_unknown(database, around.providers, clock.now(), not_final=True), timedelta(hours=3)
        ),
    }
