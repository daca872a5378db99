"""Shares of senders: bad signs take some away, slowly they come back; a patient keeps the number they know."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from service.domain.failover import FLOOR, FULL, Candidate, Shift, Signals, Standing, choose, probe_every, shift

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
WELL = Signals(accepted=100)
FAILING = Signals(refused=5)
counts = st.integers(0, 200)
signals = st.builds(Signals, accepted=counts, refused=counts, slow=counts, delivered=counts, undelivered=counts)
standings = st.builds(
    Standing,
    share=st.integers(FLOOR, FULL),
    shifted_at=st.one_of(st.none(), st.integers(0, 3600).map(lambda ago: NOW - timedelta(seconds=ago))),
    given_up_at=st.one_of(st.none(), st.integers(0, 3600).map(lambda ago: NOW - timedelta(seconds=ago))),
)


def after(standing: Standing, step: Shift | None, now: datetime) -> Standing:
    if step is None:
        return standing
    return Standing(step.share, now, now if step.given_up else None)


@given(standings, signals)
def test_a_share_stays_between_the_floor_and_full_and_moves_by_steps(standing: Standing, seen: Signals) -> None:
    step = shift(standing, seen, NOW)
    if step is None:
        return
    assert FLOOR <= step.share <= FULL
    if standing.given_up_at is None:
        assert abs(step.share - standing.share) <= 50
        assert step.given_up == (step.share == FLOOR and step.why not in ("recovered", "probes_went_through"))
    else:
        assert (seen.refused, step.given_up) == (0, False)


@given(standings, signals, st.integers(1, 100))
def test_more_refusals_never_raise_a_share(standing: Standing, seen: Signals, more: int) -> None:
    standing = replace(standing, given_up_at=None)
    worse = replace(seen, refused=seen.refused + more)
    before, then = after(standing, shift(standing, seen, NOW), NOW), after(standing, shift(standing, worse, NOW), NOW)
    assert then.share <= max(before.share, standing.share)


@given(standings, signals)
def test_nothing_moves_twice_within_ten_seconds(standing: Standing, seen: Signals) -> None:
    standing = replace(standing, given_up_at=None)
    moved = after(standing, shift(standing, seen, NOW), NOW)
    if moved != standing:
        assert shift(replace(moved, given_up_at=None), seen, NOW + timedelta(seconds=9)) is None


def test_a_dead_provider_is_given_up_within_a_minute_and_comes_back_slowly() -> None:
    standing, now, shares = Standing(), NOW, []
    while standing.given_up_at is None:
        standing = after(standing, shift(standing, FAILING, now), now)
        shares.append(standing.share)
        now += timedelta(seconds=10)
    assert shares == [50, 5]
    assert now - NOW <= timedelta(minutes=1)
    assert shift(standing, FAILING, now) is None
    assert shift(standing, Signals(accepted=1), now) is None  # one probe proves little
    standing = after(standing, shift(standing, Signals(accepted=2), now), now)
    assert (standing.share, standing.given_up_at) == (50, None)
    began = now
    while standing.share < FULL:
        now += timedelta(seconds=10)
        standing = after(standing, shift(standing, WELL, now), now)
    assert now - began == timedelta(minutes=25)


def test_between_bad_and_good_nothing_moves() -> None:
    middling = Signals(accepted=90, refused=10)
    for share in (FULL, 50):
        standing = Standing(share, NOW - timedelta(hours=1))
        assert shift(standing, middling, NOW) is None


def test_slow_answers_and_undelivered_texts_count_too() -> None:
    assert shift(Standing(), Signals(accepted=20, slow=15), NOW) == Shift(90, "slow")
    assert shift(Standing(), Signals(accepted=40, delivered=10, undelivered=30), NOW) == Shift(90, "undelivered")
    assert shift(Standing(), Signals(accepted=4, slow=4, undelivered=4), NOW) is None  # too few to say anything


def test_probes_become_rarer() -> None:
    found = [probe_every(NOW, NOW + timedelta(minutes=minutes)).total_seconds() for minutes in (0, 1, 2, 9, 10, 600)]
    assert found == [10, 10, 30, 30, 60, 60]


A, B, C = (UUID(int=number) for number in (1, 2, 3))
keys = st.uuids(version=4)


@given(keys, st.integers(1, FULL))
def test_the_same_phone_gets_the_same_sender(key: UUID, share: int) -> None:
    both = [Candidate(A, 0, share=share), Candidate(B, 0)]
    assert choose(both, key) == choose(list(reversed(both)), key)


@given(keys)
def test_a_patient_keeps_the_sender_they_know_while_it_is_healthy(key: UUID) -> None:
    found = choose([Candidate(A, 0), Candidate(B, 0)], key, known=B)
    assert found is not None
    assert found.id == B


@given(keys, st.integers(FLOOR, FULL), st.integers(FLOOR, FULL))
def test_who_has_moved_away_at_a_share_has_also_moved_at_a_lower_one(key: UUID, one: int, other: int) -> None:
    low, high = sorted((one, other))
    kept = [choose([Candidate(A, 0, share=share), Candidate(B, 1)], key, known=A) for share in (low, high)]
    if kept[0] is not None and kept[0].id == A:
        assert kept[1] is not None
        assert kept[1].id == A


@given(keys)
def test_a_sender_that_has_just_refused_a_text_is_left_out_while_there_is_another(key: UUID) -> None:
    pair = [Candidate(A, 0), Candidate(B, 1)]
    assert choose(pair, key, known=A, tried={A}) == pair[1]
    assert choose(pair, key, tried={A, B}) in pair
    assert choose([], key) is None


def test_shares_and_weights_are_kept_over_many_phones() -> None:
    crowd = [uuid4() for _ in range(4000)]

    def carried(*senders: Candidate) -> Counter[UUID]:
        return Counter(found.id for key in crowd if (found := choose(senders, key)) is not None)

    assert carried(Candidate(A, 0), Candidate(B, 1)) == {A: 4000}
    sick = carried(Candidate(A, 0, share=40), Candidate(B, 1))
    assert 0.35 < sick[A] / 4000 < 0.45
    split = carried(Candidate(A, 0, weight=300), Candidate(B, 0, weight=100), Candidate(C, 1))
    assert 0.7 < split[A] / 4000 < 0.8
    assert split[C] == 0
    ill = carried(Candidate(A, 0, share=FLOOR), Candidate(B, 0))
    assert ill[A] / 4000 < 0.1


def test_only_a_sender_that_no_routine_text_probes_is_tried_after_half_an_hour() -> None:
    given_up = Standing(FLOOR, NOW - timedelta(minutes=30), NOW - timedelta(minutes=30), probed=False)
    assert shift(given_up, Signals(), NOW) == Shift(FLOOR, "trial")
    assert shift(given_up, Signals(), NOW - timedelta(seconds=1)) is None
    assert shift(given_up, Signals(refused=1), NOW) is None
    assert shift(replace(given_up, probed=True), Signals(), NOW) is None
