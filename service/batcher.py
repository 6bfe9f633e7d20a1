"""Micro-batches: texts of different requests computed together, on threads, never on the event loop.

    submit -> a job (one request's texts) -> in turn with other jobs -> a batch -> a thread -> each job's own results

A text waits only where waiting buys something: with no batch under way it starts at once; with some under way it
may wait `max_wait_seconds` for neighbours. Jobs are served in turn, one text each, so that a request of one text
never stands behind a request of sixty. Knows neither models nor HTTP.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class BatchObserver(Protocol):
    """Who wants to know what the batcher does; service/metrics.py does."""

    def queue_size(self, n_texts: int) -> None: ...

    def queue_waited(self, seconds: float) -> None: ...

    def batch_computed(self, n_texts: int, n_tokens: int, seconds: float) -> None: ...


@dataclass(eq=False)
class _Job(Generic[Item, Result]):
    """One request's texts: those still waiting, and the results that have come."""

    waiting: deque[tuple[int, Item, int]]  # place in the request, text, tokens
    outcomes: dict[int, Result | Exception]  # by place
    n_items: int
    future: asyncio.Future[list[Result | Exception]]
    submitted_at: float = field(default_factory=time.monotonic)


@dataclass
class _Entry(Generic[Item, Result]):
    """One text in a batch, and whose it is."""

    job: _Job[Item, Result]
    place: int
    item: Item
    n_tokens: int


class Batcher(Generic[Item, Result]):
    """Belongs to one event loop: every method is called there; only `compute` runs elsewhere.

    `compute(items, is_wanted)` returns one result an item, in order, and may give up, raising, once `is_wanted()`
    says that nobody waits for any of them; `n_tokens(item)` is the item's length. `n_parallel` batches are computed at
    a time.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[Item], Callable[[], bool]], Sequence[Result]],
        n_tokens: Callable[[Item], int],
        executor: Executor,
        observer: BatchObserver,
        *,
        n_parallel: int,
        max_texts: int,
        max_tokens: int,
        max_wait_seconds: float,
    ) -> None:
        self._compute = compute
        self._n_tokens = n_tokens
        self._executor = executor
        self._observer = observer
        self._n_parallel = n_parallel
        self._max_texts = max_texts
        self._max_tokens = max_tokens
        self._max_wait_seconds = max_wait_seconds
        self._jobs: deque[_Job[Item, Result]] = deque()
        self._n_computing = 0
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def n_waiting(self) -> int:
        """Texts that no batch has taken up yet."""
        return sum(len(job.waiting) for job in self._jobs)

    @property
    def is_idle(self) -> bool:
        return not self._jobs and not self._n_computing

    async def submit(self, items: Sequence[Item]) -> list[Result | Exception]:
        """What came of each item, in order: its result, or what computing it alone raises.

        Cancelling the call (a deadline, a caller gone) takes its waiting texts out of the queue.
        """
        if not items:
            return []
        job: _Job[Item, Result] = _Job(
            waiting=deque((place, item, self._n_tokens(item)) for place, item in enumerate(items)),
            outcomes={},
            n_items=len(items),
            future=asyncio.get_running_loop().create_future(),
        )
        self._jobs.append(job)
        self._start_batches()
        try:
            return await job.future
        finally:
            if job in self._jobs:
                self._jobs.remove(job)
            self._observer.queue_size(self.n_waiting)

    def _start_batches(self) -> None:
        """Start as many batches as there are threads and reasons for."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        while self._jobs and self._n_computing < self._n_parallel:
            seconds_left = self._seconds_to_wait()
            if seconds_left > 0:
                self._alarm = asyncio.get_running_loop().call_later(seconds_left, self._start_batches)
                break
            self._start(self._take_batch())
        self._observer.queue_size(self.n_waiting)

    def _seconds_to_wait(self) -> float:
        """How long the next batch should still wait for neighbours; 0 or less: it should start."""
        if not self._n_computing or self.n_waiting >= self._max_texts:
            return 0.0
        oldest_at = min(job.submitted_at for job in self._jobs)
        return oldest_at + self._max_wait_seconds - time.monotonic()

    def _take_batch(self) -> list[_Entry[Item, Result]]:
        """Texts of the waiting jobs in turn, within both limits, and at least one."""
        batch: list[_Entry[Item, Result]] = []
        n_tokens_taken = 0
        while self._jobs and len(batch) < self._max_texts:
            job = self._jobs[0]
            place, item, n_tokens = job.waiting[0]
            n_tokens_taken += n_tokens
            if batch and n_tokens_taken > self._max_tokens:
                break
            job.waiting.popleft()
            batch.append(_Entry(job, place, item, n_tokens))
            if job.waiting:
                self._jobs.rotate(-1)
            else:
                self._jobs.popleft()
        return batch

    def _start(self, batch: list[_Entry[Item, Result]]) -> None:
        now = time.monotonic()
        for entry in batch:
            self._observer.queue_waited(now - entry.job.submitted_at)
        self._n_computing += 1
        loop = asyncio.get_running_loop()
        computing = loop.run_in_executor(self._executor, self._compute_batch, batch)
        computing.add_done_callback(lambda done: self._finish(batch, done))

    def _compute_batch(self, batch: list[_Entry[Item, Result]]) -> list[Result | Exception]:
        """On a thread: the outcomes of the batch, timed."""
        started_at = time.monotonic()
        jobs = [entry.job for entry in batch]
        outcomes = self._outcomes([entry.item for entry in batch], lambda: not all(job.future.done() for job in jobs))
        n_tokens = sum(entry.n_tokens for entry in batch)
        self._observer.batch_computed(len(batch), n_tokens, time.monotonic() - started_at)
        return outcomes

    def _outcomes(self, items: list[Item], is_wanted: Callable[[], bool]) -> list[Result | Exception]:
        """The result of each item; where the batch fails, each alone, so that one spoils no other."""
        try:
            results = self._compute(items, is_wanted)
            if len(results) != len(items):
                raise RuntimeError(f"a batch of {len(items)} texts came back as {len(results)} results")
            return list(results)
        except Exception as error:
            if len(items) == 1:
                return [error]
            return [outcome for item in items for outcome in self._outcomes([item], is_wanted)]

    def _finish(self, batch: list[_Entry[Item, Result]], done: asyncio.Future[list[Result | Exception]]) -> None:
        """On the event loop: hand every text's outcome to its own job, and go on."""
        self._n_computing -= 1
        outcomes: Sequence[Result | Exception]
        if done.cancelled():  # the executor was shut down before the batch's turn came
            outcomes = [RuntimeError("the service is shutting down") for _ in batch]
        else:
            outcomes = done.result()
        for entry, outcome in zip(batch, outcomes, strict=True):
            job = entry.job
            job.outcomes[entry.place] = outcome
            if len(job.outcomes) == job.n_items and not job.future.done():
                job.future.set_result([job.outcomes[place] for place in range(job.n_items)])
        self._start_batches()
