"""The batcher: everyone gets their own result, waits only for a reason, and can leave."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service.batcher import Batcher


class Watcher:
    """Notes what the batcher tells."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, int]] = []
        self.queue_sizes: list[int] = []
        self.n_waited = 0

    def queue_size(self, n_texts: int) -> None:
        self.queue_sizes.append(n_texts)

    def queue_waited(self, seconds: float) -> None:
        assert seconds >= 0
        self.n_waited += 1

    def batch_computed(self, n_texts: int, n_tokens: int, seconds: float) -> None:
        self.batches.append((n_texts, n_tokens))


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def batcher(
    executor: ThreadPoolExecutor, compute: Callable[[Sequence[int]], Sequence[int]], **changed: Any
) -> tuple[Batcher[int, int], Watcher]:
    watcher = Watcher()
    options = {"n_parallel": 1, "max_texts": 8, "max_tokens": 10_000, "max_wait_seconds": 0.002} | changed

    def computed(items: Sequence[int], is_wanted: Callable[[], bool]) -> Sequence[int]:
        return compute(items)

    return Batcher(computed, lambda item: max(1, item), executor, watcher, **options), watcher


def double_and_one(items: Sequence[int]) -> list[int]:
    return [2 * item + 1 for item in items]


def test_every_request_gets_its_own_results_in_its_own_order(executor: ThreadPoolExecutor) -> None:
    async def run() -> None:
        random_ = random.Random(0)

        def slow(items: Sequence[int]) -> list[int]:
            time.sleep(0.001)
            return double_and_one(items)

        shared, watcher = batcher(executor, slow, n_parallel=3)
        requests = [[random_.randrange(1000) for _ in range(random_.randrange(1, 12))] for _ in range(60)]
        answers = await asyncio.gather(*(shared.submit(request) for request in requests))
        assert answers == [[2 * item + 1 for item in request] for request in requests]
        assert sum(n_texts for n_texts, _ in watcher.batches) == sum(map(len, requests)) == watcher.n_waited
        assert max(n_texts for n_texts, _ in watcher.batches) == 8  # they did share batches
        assert shared.is_idle
        assert watcher.queue_sizes[-1] == 0

    asyncio.run(run())


def test_a_text_that_fails_spoils_none_of_its_neighbours(executor: ThreadPoolExecutor) -> None:
    def fussy(items: Sequence[int]) -> list[int]:
        if 13 in items:
            raise ValueError("thirteen")
        return double_and_one(items)

    async def run() -> None:
        shared, _ = batcher(executor, fussy)
        blocker = asyncio.ensure_future(shared.submit([0]))  # so that the others share a batch
        first, second, third = await asyncio.gather(shared.submit([1, 2]), shared.submit([3, 13]), shared.submit([4]))
        await blocker
        assert first == [3, 5]
        assert second[0] == 7
        assert isinstance(second[1], ValueError)
        assert third == [9]

    asyncio.run(run())


def test_a_compute_that_loses_a_result_is_an_error_and_not_a_shift(executor: ThreadPoolExecutor) -> None:
    async def run() -> None:
        shared, _ = batcher(executor, lambda items: [] if len(items) == 1 else double_and_one(items)[1:])
        outcomes = await shared.submit([1, 2, 3])
        assert all(isinstance(outcome, RuntimeError) for outcome in outcomes)

    asyncio.run(run())


def test_with_nothing_under_way_a_text_starts_at_once(executor: ThreadPoolExecutor) -> None:
    async def run() -> None:
        shared, watcher = batcher(executor, double_and_one, max_wait_seconds=60)
        assert await asyncio.wait_for(shared.submit([1]), 10) == [3]
        assert watcher.batches == [(1, 1)]

    asyncio.run(run())


def test_with_a_batch_under_way_texts_gather_until_one_is_full_or_the_wait_is_over(
    executor: ThreadPoolExecutor,
) -> None:
    async def run() -> None:
        gate = threading.Event()

        def held(items: Sequence[int]) -> list[int]:
            if 100 in items:
                gate.wait(10)
            return double_and_one(items)

        shared, watcher = batcher(executor, held, n_parallel=2, max_texts=4, max_wait_seconds=0.05)
        blocker = asyncio.ensure_future(shared.submit([100]))
        await asyncio.sleep(0.01)
        four = await asyncio.gather(*(shared.submit([item]) for item in range(1, 5)))  # full: no wait
        assert four == [[3], [5], [7], [9]]
        started_at = time.monotonic()
        assert await shared.submit([7]) == [15]  # alone: after the wait
        assert time.monotonic() - started_at >= 0.045
        gate.set()
        await blocker
        assert [n_texts for n_texts, _ in watcher.batches] == [4, 1, 1]

    asyncio.run(run())


def test_a_batch_holds_no_more_tokens_than_the_limit_but_always_one_text(executor: ThreadPoolExecutor) -> None:
    async def run() -> None:
        seen: list[list[int]] = []

        def noting(items: Sequence[int]) -> list[int]:
            seen.append(list(items))
            return double_and_one(items)

        shared, _ = batcher(executor, noting, max_tokens=20)
        await shared.submit([5, 6, 9, 1, 30, 2, 2])
        assert seen == [[5, 6, 9], [1], [30], [2, 2]]

    asyncio.run(run())


def test_a_request_of_one_text_does_not_stand_behind_a_request_of_many(executor: ThreadPoolExecutor) -> None:
    async def run() -> None:
        finished: list[str] = []

        def slow(items: Sequence[int]) -> list[int]:
            time.sleep(0.005)
            return double_and_one(items)

        shared, _ = batcher(executor, slow, max_texts=4)

        async def ask(name: str, items: list[int]) -> None:
            await shared.submit(items)
            finished.append(name)

        many = asyncio.ensure_future(ask("many", list(range(60))))
        await asyncio.sleep(0.001)
        await asyncio.gather(ask("one", [1]), ask("another", [2]))
        assert "many" not in finished
        await many

    asyncio.run(run())


def test_who_gives_up_frees_the_queue_and_holds_up_nobody(executor: ThreadPoolExecutor) -> None:
    async def run() -> None:
        gate = threading.Event()
        seen: list[int] = []

        def held(items: Sequence[int]) -> list[int]:
            seen.extend(items)
            if 100 in items:
                gate.wait(10)
            return double_and_one(items)

        shared, watcher = batcher(executor, held)
        blocker = asyncio.ensure_future(shared.submit([100]))
        leaver = asyncio.ensure_future(shared.submit([1, 2, 3]))
        stayer = asyncio.ensure_future(shared.submit([4]))
        await asyncio.sleep(0.01)
        assert shared.n_waiting == 4
        leaver.cancel()
        await asyncio.gather(leaver, return_exceptions=True)
        assert shared.n_waiting == 1
        assert watcher.queue_sizes[-1] == 1
        gate.set()
        assert await stayer == [9]
        assert await blocker == [201]
        assert seen == [100, 4]

    asyncio.run(run())


def test_what_computes_learns_that_everybody_has_left(executor: ThreadPoolExecutor) -> None:
    """So that a long computation ends, and those behind it get their turn."""

    async def run() -> None:
        started = threading.Event()

        def endless(items: Sequence[int], is_wanted: Callable[[], bool]) -> Sequence[int]:
            started.set()
            while 100 in items and is_wanted():
                time.sleep(0.001)
            return double_and_one(items)

        options = {"n_parallel": 1, "max_texts": 8, "max_tokens": 10_000, "max_wait_seconds": 0.002}
        shared: Batcher[int, int] = Batcher(endless, lambda item: 1, executor, Watcher(), **options)
        first = asyncio.ensure_future(shared.submit([100]))
        second = asyncio.ensure_future(shared.submit([4]))
        await asyncio.get_running_loop().run_in_executor(None, started.wait, 10)
        assert not second.done()
        first.cancel()
        assert await asyncio.wait_for(second, 10) == [9]

    asyncio.run(run())


def test_computing_never_runs_on_the_event_loop(executor: ThreadPoolExecutor) -> None:
    async def run() -> None:
        loop_thread = threading.get_ident()
        threads: list[int] = []

        def noting(items: Sequence[int]) -> list[int]:
            threads.append(threading.get_ident())
            return double_and_one(items)

        shared, _ = batcher(executor, noting)
        await shared.submit([1])
        assert loop_thread not in threads

    asyncio.run(run())


def test_no_items_are_answered_by_no_results(executor: ThreadPoolExecutor) -> None:
    shared, _ = batcher(executor, double_and_one)
    assert asyncio.run(shared.submit([])) == []
