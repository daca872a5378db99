"""Group commit: order, bounds, and failures that stay where they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from service.webhooks.batch import Batcher, BatchFailed, Full
from tests.patience import PATIENCE_SECONDS

Handle = Callable[[Sequence[int]], Awaitable[Sequence[int | Exception]]]


@asynccontextmanager
async def working(handle: Handle, **bounds: int) -> AsyncIterator[Batcher[int, int]]:
    batcher: Batcher[int, int] = Batcher(handle, **bounds)
    batcher.start()
    try:
        yield batcher
    finally:
        await batcher.close(0.2)


class Slow:
    """A handler that doubles, keeps what it was given, and waits for a gate."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.began = asyncio.Event()

    async def __call__(self, items: Sequence[int]) -> Sequence[int | Exception]:
        self.batches.append(list(items))
        self.began.set()
        await self.gate.wait()
        return [2 * item for item in items]


async def submit_all(batcher: Batcher[int, int], items: Sequence[int]) -> list[Any]:
    return await asyncio.gather(*(batcher.submit(item) for item in items), return_exceptions=True)


async def test_a_lone_item_is_handled_at_once() -> None:
    slow = Slow()
    slow.gate.set()
    async with working(slow) as batcher:
        assert await batcher.submit(21) == 42
    assert slow.batches == [[21]]


async def test_what_waits_meanwhile_is_handled_together_in_order_of_arrival() -> None:
    slow = Slow()
    async with working(slow) as batcher:
        first = asyncio.create_task(batcher.submit(0))
        await slow.began.wait()
        rest = asyncio.create_task(submit_all(batcher, range(1, 8)))
        await asyncio.sleep(0.01)
        slow.gate.set()
        assert [await first, *await rest] == [0, 2, 4, 6, 8, 10, 12, 14]
    assert slow.batches == [[0], [1, 2, 3, 4, 5, 6, 7]]


@pytest.mark.law(12)
async def test_a_list_is_never_longer_than_its_limit() -> None:
    slow = Slow()
    slow.gate.set()
    async with working(slow, limit=3) as batcher:
        assert await submit_all(batcher, range(8)) == [2 * item for item in range(8)]
    assert slow.batches == [[0, 1, 2], [3, 4, 5], [6, 7]]


@pytest.mark.law(12)
async def test_the_queue_is_bounded_and_what_was_admitted_is_kept() -> None:
    slow = Slow()
    async with working(slow, waiting=5) as batcher:
        first = asyncio.create_task(batcher.submit(0))
        await slow.began.wait()
        rest = asyncio.create_task(submit_all(batcher, range(1, 9)))
        await asyncio.sleep(0.01)
        slow.gate.set()
        answers = await rest
        assert await first == 0
    assert answers[:5] == [2, 4, 6, 8, 10]
    assert [type(answer) for answer in answers[5:]] == [Full, Full, Full]
    assert slow.batches == [[0], [1, 2, 3, 4, 5]]


@pytest.mark.law(12)
async def test_one_bad_item_fails_alone() -> None:
    async def handle(items: Sequence[int]) -> Sequence[int | Exception]:
        return [ValueError("bad") if item == 3 else item for item in items]

    async with working(handle) as batcher:
        answers = await submit_all(batcher, range(6))
    assert [answer for answer in answers if isinstance(answer, int)] == [0, 1, 2, 4, 5]
    assert isinstance(answers[3], ValueError)


@pytest.mark.law(12)
async def test_a_handler_that_raises_fails_its_own_list_and_the_next_one_works() -> None:
    async def handle(items: Sequence[int]) -> Sequence[int | Exception]:
        if 2 in items:
            raise RuntimeError("+12025550101 said: chest pain")
        return list(items)

    with capture_logs() as logs:
        async with working(handle, limit=2) as batcher:
            answers = await submit_all(batcher, range(6))
    assert [answer if isinstance(answer, int) else type(answer) for answer in answers] == [0, 1, BatchFailed, BatchFailed, 4, 5]
    [log] = logs
    assert (log["event"], log["error"], log["items"]) == ("webhook batch failed", "RuntimeError", 2)
    assert "chest pain" not in str(logs)


@pytest.mark.law(12)
@pytest.mark.parametrize("outcome", [asyncio.CancelledError(), StopIteration("as a result")])
async def test_nothing_an_action_does_stops_the_worker(outcome: BaseException) -> None:
    async def handle(items: Sequence[int]) -> Sequence[int | Exception]:
        if 1 not in items:
            return list(items)
        if isinstance(outcome, Exception):
            return [outcome]
        raise outcome

    async with working(handle) as batcher:
        with pytest.raises(BatchFailed):
            await batcher.submit(1)
        assert await asyncio.wait_for(batcher.submit(2), PATIENCE_SECONDS) == 2


@pytest.mark.parametrize("count", [0, 1, 3])
async def test_a_handler_that_loses_count_stores_nothing_as_far_as_anybody_is_told(count: int) -> None:
    async def handle(items: Sequence[int]) -> Sequence[int | Exception]:
        return [1] * count

    with capture_logs() as logs:
        async with working(handle) as batcher:
            answers = await submit_all(batcher, [1, 2])
    assert [type(answer) for answer in answers] == [BatchFailed, BatchFailed]
    assert logs[0]["event"] == "webhook batch gave the wrong number of results"


async def test_a_caller_who_leaves_does_not_take_his_item_along() -> None:
    slow = Slow()
    async with working(slow) as batcher:
        first = asyncio.create_task(batcher.submit(0))
        await slow.began.wait()
        leaver = asyncio.create_task(batcher.submit(1))
        stayer = asyncio.create_task(batcher.submit(2))
        await asyncio.sleep(0.01)
        leaver.cancel()
        slow.gate.set()
        assert (await first, await stayer) == (0, 4)
    assert slow.batches == [[0], [1, 2]]


async def test_closing_finishes_what_waits_and_refuses_what_comes() -> None:
    slow = Slow()
    batcher: Batcher[int, int] = Batcher(slow, limit=2)
    batcher.start()
    waiting = asyncio.create_task(submit_all(batcher, range(5)))
    await slow.began.wait()
    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(0.01)
    with pytest.raises(Full):
        await batcher.submit(9)
    slow.gate.set()
    await closing
    assert await waiting == [0, 2, 4, 6, 8]


async def test_closing_does_not_wait_for_ever() -> None:
    slow = Slow()
    batcher: Batcher[int, int] = Batcher(slow, limit=2)
    batcher.start()
    waiting = asyncio.create_task(submit_all(batcher, range(5)))
    await slow.began.wait()
    await asyncio.wait_for(batcher.close(0.05), PATIENCE_SECONDS)
    assert [type(answer) for answer in await waiting] == [BatchFailed, BatchFailed, Full, Full, Full]


async def test_ten_thousand_items_each_get_their_own_answer() -> None:
    async def handle(items: Sequence[int]) -> Sequence[int | Exception]:
        await asyncio.sleep(0)
        return [item * item for item in items]

    async with working(handle, waiting=20_000) as batcher:
        assert await submit_all(batcher, range(10_000)) == [item * item for item in range(10_000)]
