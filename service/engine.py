"""Request -> texts prepared on a thread -> micro-batches -> reply as JSON. Knows no HTTP, and never blocks the loop.

Questions with evidence or interventions, which run step by step, never stand before those without.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from pydantic_core import to_json

from model.cloze import ClozeRequest, ClozeResult
from model.errors import RequestError, TextTooLongError, TooManyError
from model.prepared import PreparedCloze
from model.trace import TraceRequest, check_trace
from service.batcher import Batcher
from service.errors import OverloadedError, TooManyTextsError
from service.metrics import Metrics
from service.schemas import ClozeBody
from service.settings import Settings
from service.store import ServedModel, Store

T = TypeVar("T")


class Engine:
    """Answers questions with the models of a store. Belongs to one event loop."""

    def __init__(self, store: Store, settings: Settings, metrics: Metrics) -> None:
        self.store = store
        self.settings = settings
        self.metrics = metrics
        self._n_under_way = 0
        n_threads = settings.n_threads()
        self._preparers = ThreadPoolExecutor(n_threads, "prepare")
        self._computers = ThreadPoolExecutor(n_threads, "compute")
        # What runs on the equations takes ten times as long: it has threads and a queue of its own.
        self._n_slow_threads = max(1, n_threads // 2)
        self._slow_computers = ThreadPoolExecutor(self._n_slow_threads, "equations")
        self._batchers: dict[tuple[ServedModel, bool], Batcher[PreparedCloze, ClozeResult]] = {}

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place in the queue for one request. Raises OverloadedError when all are taken."""
        if self._n_under_way >= self.settings.max_queue:
            raise OverloadedError(
                f"{self.settings.max_queue} requests are under way, which is the limit; try again in a second"
            )
        self._n_under_way += 1
        self.metrics.under_way.set(self._n_under_way)
        try:
            yield
        finally:
            self._n_under_way -= 1
            self.metrics.under_way.set(self._n_under_way)

    async def cloze(self, body: ClozeBody) -> bytes:
        """The reply of POST /v1/cloze.

        Raises RequestError (with param "text[3]" in a batch), TooManyTextsError, UnknownModelError, NotReadyError.
        """
        served = self.store.find(body.model)
        names = names_of("text", body.text)
        self.check_texts(body.texts, names)
        trace = None
        if body.trace is not None:
            units = body.trace.units
            trace = TraceRequest(
                None if body.trace.sites is None else tuple(body.trace.sites),
                units if isinstance(units, str) else tuple(units),
            )
        requests = [
            ClozeRequest(text, body.targets_by_blank, body.top_k, body.context, trace, body.evidence, body.edits)
            for text in body.texts
        ]
        results = await self.answers(served, requests, names)
        return await self.on_thread(
            lambda: to_json(
                {"model": served.name, "results": [result.to_dict() for result in results]}, inf_nan_mode="null"
            )
        )

    def check_texts(self, texts: Sequence[str], names: Sequence[str]) -> None:
        """What can be said of texts before they are tokenized. Raises TooManyTextsError, TextTooLongError."""
        limit = self.settings.max_texts
        if len(texts) > limit:
            raise TooManyTextsError(
                f"{len(texts)} texts in one request; the limit is {limit}. Send several requests.",
                names[0].partition("[")[0],
            )
        longest = self.settings.max_characters
        for text, name in zip(texts, names, strict=True):
            if len(text) > longest:
                message = f"the text is {len(text):,} characters long; the limit is {longest:,}. Send a shorter one."
                raise named(TextTooLongError(message), name)

    async def answers(
        self, served: ServedModel, requests: Sequence[ClozeRequest], names: Sequence[str]
    ) -> list[ClozeResult]:
        """The answer of each request, in order. `names`: what an error calls each of the texts."""
        if not requests:
            return []
        prepared = await self.on_thread(functools.partial(self._prepare, served, requests, names))
        is_slow = any(request.evidence or request.interventions for request in requests)
        outcomes = await self._batcher(served, is_slow).submit(prepared)
        results = []
        for outcome, name in zip(outcomes, names, strict=True):
            if isinstance(outcome, Exception):
                raise named(outcome, name)
            results.append(outcome)
        return results

    def _prepare(
        self, served: ServedModel, requests: Sequence[ClozeRequest], names: Sequence[str]
    ) -> list[PreparedCloze]:
        started_at = time.monotonic()
        prepared = []
        for request, name in zip(requests, names, strict=True):
            try:
                prepared.append(served.language_model.prepare(request))
            except RequestError as error:
                raise named(error, name) from None
        self._check_sums(served, prepared)
        self.metrics.tokenization.observe(time.monotonic() - started_at)
        return prepared

    def _check_sums(self, served: ServedModel, prepared: Sequence[PreparedCloze]) -> None:
        """The limits that one request of many texts could get round. Raises TooManyError."""
        n_read, limit = sum(one.n_tokens for one in prepared), self.settings.max_tokens_read
        if n_read > limit:
            raise TooManyError(
                f"this request makes the network read {n_read:,} tokens, once for every way to fill its texts "
                "and, for evidence, once without each token; "
                f"the limit of one request is {limit:,}. Send several requests.",
                "text",
            )
        trace = prepared[0].request.trace
        if trace is not None:
            n_shown = sum(one.blanked.n_tokens for one in prepared)
            bundle = served.language_model.bundle
            check_trace(trace, bundle.network, n_shown, self.settings.max_trace_values, bundle.gender_units)

    def _batcher(self, served: ServedModel, is_slow: bool) -> Batcher[PreparedCloze, ClozeResult]:
        """The queue of a model: of what the server's face reads, or, text by text, of what the equations do."""
        if (served, is_slow) not in self._batchers:
            self._batchers[served, is_slow] = Batcher(
                served.language_model.answer,
                _n_tokens,
                self._slow_computers if is_slow else self._computers,
                self.metrics.of_model(served.name),
                n_parallel=self._n_slow_threads if is_slow else self.settings.n_threads(),
                max_texts=1 if is_slow else self.settings.max_batch_texts,
                max_tokens=self.settings.max_batch_tokens,
                max_wait_seconds=self.settings.max_wait_seconds,
            )
        return self._batchers[served, is_slow]

    async def on_thread(self, work: Callable[[], T]) -> T:
        """What `work` returns, computed off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._preparers, work)

    async def compute(self, work: Callable[[], T]) -> T:
        """What `work` returns, computed where the batches are, in its turn."""
        return await asyncio.get_running_loop().run_in_executor(self._computers, work)

    @property
    def is_idle(self) -> bool:
        """Whether no thread computes anything any more."""
        return not self._n_under_way and all(batcher.is_idle for batcher in self._batchers.values())

    def close(self) -> None:
        """Start nothing more; what is being computed goes on, and nobody waits for it."""
        self._preparers.shutdown(wait=False, cancel_futures=True)
        self._computers.shutdown(wait=False, cancel_futures=True)
        self._slow_computers.shutdown(wait=False, cancel_futures=True)


def _n_tokens(prepared: PreparedCloze) -> int:
    return prepared.n_tokens


def names_of(field: str, texts: str | list[str]) -> list[str]:
    """What errors call the texts of a request: `text`, or `text[0]`, `text[1]` ... of a list."""
    return [field] if isinstance(texts, str) else [f"{field}[{place}]" for place in range(len(texts))]


def named(error: Exception, name: str) -> Exception:
    """The error, telling which text of a batch it is about; the field it named stays in its words."""
    if isinstance(error, RequestError) and name.endswith("]"):
        error.args = (f"{name}: {error}",)
        error.param = name
    return error
