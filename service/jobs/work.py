"""What the jobs work with, and the one registry of what is done when."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from service.actions.ask_about_texts import ask_about_texts
from service.actions.bring_back import bring_back
from service.actions.climb_ladder import climb_ladder
from service.actions.do_due_work import Handler, do_due_work
from service.actions.expire_work import expire_work
from service.actions.follow_up_safety_texts import follow_up_safety_texts
from service.actions.index_patients import index_patients
from service.actions.judge_clock import judge_clock
from service.actions.keep_promises import keep_promises
from service.actions.knowledge import Knowledge
from service.actions.log_attempt import KIND as ATTEMPT_DUE
from service.actions.log_attempt import remind_of_attempts
from service.actions.look_up_numbers import look_up_numbers
from service.actions.make_reports import make_reports
from service.actions.notice_consents import notice_consents
from service.actions.notice_reviews import notice_reviews
from service.actions.notice_rota_gaps import notice_rota_gaps
from service.actions.notice_unconfirmed import notice_unconfirmed
from service.actions.offer_hand_over import KIND as HAND_OVER
from service.actions.pass_up_hand_overs import pass_up_hand_overs
from service.actions.pause_check_ins import turn_pauses
from service.actions.place_nurse_calls import place_nurse_calls
from service.actions.plan_check_ins import plan_check_ins
from service.actions.raise_alarms import raise_alarms
from service.actions.reconcile_calls import reconcile_calls
from service.actions.reconcile_nurse_calls import reconcile_nurse_calls
from service.actions.reconcile_unknown import reconcile_unknown
from service.actions.recover_calls import recover_calls
from service.actions.recover_replies import recover_replies
from service.actions.redact_bodies import redact_bodies
from service.actions.release_leases import release_leases
from service.actions.seal_audit import seal_audit
from service.actions.set_up_synthetic import SyntheticPhone
from service.actions.shift_senders import shift_senders
from service.actions.start_check_ins import start_check_ins
from service.actions.start_rechecks import KIND, start_rechecks
from service.actions.tell_of_swaps import KIND as SWAP_ASKED
from service.actions.tell_of_swaps import tell_of_swaps
from service.actions.time_out_sessions import time_out_sessions
from service.actions.try_phone import KIND as PHONE_TEST
from service.actions.try_phone import page_for_tests
from service.actions.walk_drills import Says, walk_drills
from service.actions.walk_synthetic import JOB as WALK
from service.actions.walk_synthetic import walk_synthetic
from service.clock import Clock
from service.db.database import Database
from service.db.follow_ups import KIND as FOLLOW_UP
from service.domain.clock_signs import ClockSigns
from service.domain.communication import Lane
from service.telephony.port import Directory, Provider, Redactor, Telephone

ALARMS = "raise_alarms"


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
    send_rate: float | None = None
    """Segments a second of senders that have no rate of their own; None: as their kind says (`domain.sender`)."""
    telephones: Mapping[str, Telephone] = field(default_factory=dict)
    """Those of the providers that place calls, by name."""
    redactors: Mapping[str, Redactor] = field(default_factory=dict)
    """Those that empty the words of texts, by name; none when the site does not want it."""
    directory: Directory | None = None
    """Who knows what kind of line a number is; none when the site does not want to pay for it."""
    synthetic: SyntheticPhone | None = None
    """Where the synthetic patient is reached; None: it does not walk."""
    drill_says: Says | None = None
    """How the drills' invented patient writes to us; None: nobody is drilled."""
    audit_heads: Path | None = None
    """Where the heads of the audit trails are written besides the log; None: nowhere."""
    health_ping_url: str = ""
    """Called every minute while all is well; "" for none."""
    clock_signs: ClockSigns | None = None
    """What this node notices of its own clock; None: its clock is not the machine's, and is not judged."""
    concurrency: int = 20
    """Calls to providers at a time that routine texts may take, and emergencies besides: connections are kept free for these."""
    emergency_concurrency: int = 40


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
        FOLLOW_UP: bring_back,
        ATTEMPT_DUE: remind_of_attempts,
        "page_ladder": lambda connection, works, now: climb_ladder(connection, around.knowledge, works, now),
        HAND_OVER: lambda connection, works, now: pass_up_hand_overs(connection, around.knowledge, works, now),
        SWAP_ASKED: lambda connection, works, now: tell_of_swaps(connection, around.knowledge, works, now),
        PHONE_TEST: lambda connection, works, now: page_for_tests(connection, around.knowledge, works, now),
    }


def registry(around: Surroundings) -> dict[str, Job]:
    """Every job by name. Sending and calling are none of them: both lanes have their own loops (`jobs.emergency`)."""
    database, knowledge, clock, node = around.database, around.knowledge, around.clock, around.node
    kinds = handlers(around)
    own_phones = around.synthetic.numbers if around.synthetic is not None else frozenset[str]()
    jobs = {
        "plan_check_ins": Job(
            60, lambda: plan_check_ins(database, knowledge, clock.now(), send_rate=around.send_rate), timedelta(minutes=10)
        ),
        "due_work": Job(1, lambda: do_due_work(database, kinds, Lane.ROUTINE, clock, node)),
        "shift_senders": Job(10, lambda: shift_senders(database, clock.now())),
        "reconcile_calls": Job(60, lambda: reconcile_calls(database, around.telephones, knowledge, clock.now()), timedelta(minutes=15)),
        "reconcile_nurse_calls": Job(60, lambda: reconcile_nurse_calls(database, around.telephones, clock.now()), timedelta(minutes=15)),
        "turn_pauses": Job(60, lambda: turn_pauses(database, clock.now()), timedelta(minutes=10)),
        "time_out_sessions": Job(5, lambda: time_out_sessions(database, knowledge, clock.now())),
        "release_leases": Job(5, lambda: release_leases(database, knowledge, clock.now())),
        "place_nurse_calls": Job(1, lambda: place_nurse_calls(database, around.telephones, clock)),
        "index_patients": Job(5, lambda: index_patients(database, clock.now()), timedelta(minutes=15)),
        "follow_up_safety_texts": Job(5, lambda: follow_up_safety_texts(database, knowledge.follow_through, clock.now())),
        "keep_promises": Job(15, lambda: keep_promises(database, knowledge, clock.now())),
        "notice_rota_gaps": Job(900, lambda: notice_rota_gaps(database, clock.now()), timedelta(hours=1)),
        "notice_consents": Job(3600, lambda: notice_consents(database, clock.now()), timedelta(hours=3)),
        "notice_unconfirmed": Job(600, lambda: notice_unconfirmed(database, knowledge, clock.now()), timedelta(minutes=30)),
        "notice_reviews": Job(3600, lambda: notice_reviews(database, knowledge, clock.now()), timedelta(hours=3)),
        "look_up_numbers": Job(5, lambda: look_up_numbers(database, around.directory), timedelta(minutes=15)),
        "redact_bodies": Job(15, lambda: redact_bodies(database, around.redactors, clock), timedelta(minutes=15)),
        "make_reports": Job(1800, lambda: make_reports(database, clock.now()), timedelta(hours=3)),
        "seal_audit": Job(60, lambda: seal_audit(database, clock.now(), around.audit_heads), timedelta(minutes=15)),
        "expire_work": Job(60, lambda: expire_work(database, clock.now()), timedelta(minutes=5)),
        "expire_forgotten": Job(600, lambda: expire_work(database, clock.now(), net=True), timedelta(minutes=30)),
        "recover_replies": Job(
            60, lambda: recover_replies(database, around.providers, knowledge, clock, own_phones), timedelta(minutes=15)
        ),
        "recover_calls": Job(120, lambda: recover_calls(database, around.telephones, clock.now(), own_phones), timedelta(minutes=30)),
        "reconcile_unknown": Job(60, lambda: reconcile_unknown(database, around.providers, knowledge, clock.now()), timedelta(minutes=15)),
        "ask_about_texts": Job(600, lambda: ask_about_texts(database, around.providers, clock.now()), timedelta(hours=1)),
    }
    if (signs := around.clock_signs) is not None:
        jobs["judge_clock"] = Job(30, lambda: judge_clock(database, clock, signs, node), timedelta(minutes=10))
    if (phone := around.synthetic) is not None:
        jobs[WALK] = Job(5, lambda: walk_synthetic(database, phone, clock))
    if (says := around.drill_says) is not None:
        jobs["walk_drills"] = Job(2, lambda: walk_drills(database, says, clock))
    limits = {name: job.silent_after for name, job in jobs.items()}
    return {**jobs, ALARMS: Job(20, lambda: raise_alarms(database, limits, clock.now()))}
