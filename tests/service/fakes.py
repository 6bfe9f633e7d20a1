"""A language model that answers 2x + 1 for the number in a text, so that nobody can get a neighbour's result unseen."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from model.cloze import ClozeRequest
from model.config import NetworkConfig
from model.errors import BlankError, TextTooLongError


@dataclass(frozen=True)
class FakePrepared:
    request: ClozeRequest
    n_tokens: int


@dataclass(frozen=True)
class FakeResult:
    text: str
    number: int

    def to_dict(self) -> dict[str, Any]:
        return {"text": self.text, "answer": 2 * self.number + 1}


@dataclass(eq=False)
class FakeLanguageModel:
    """Slow for `delay_seconds` a batch; while `gate` is set to an event, batches with a `gated` request wait for it."""

    name: str = "fake"
    delay_seconds: float = 0.0
    gate: threading.Event | None = None
    gated: Callable[[ClozeRequest], bool] = lambda request: True
    max_tokens: int = 100
    batches: list[int] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)

    @property
    def config(self) -> NetworkConfig:
        return NetworkConfig(
            n_layers=1, direction="causal", hidden_size=2, embedding_size=2, vocabulary_size=10, cell="gru"
        )

    @property
    def tokenizer(self) -> Any:
        return SimpleNamespace(kind="subword")

    @property
    def bundle(self) -> Any:
        return SimpleNamespace(
            sha256="0" * 64,
            network=self.config,
            tokenizer=self.tokenizer,
            has_language_model=True,
            pairs=[("he", "she")],
            gender_units={"layer0.forward": (1, 0)},
            metadata={"objective": {}, "metrics": {}, "provenance": {}},
            card="# A card",
        )

    def prepare(self, request: ClozeRequest) -> FakePrepared:
        self.threads.add(threading.current_thread().name)
        words = request.text.split()
        if "___" not in words:
            raise BlankError("the text has no blank")
        if len(words) > self.max_tokens:
            raise TextTooLongError(f"the text is {len(words)} tokens; the limit is {self.max_tokens}")
        return FakePrepared(request, len(words))

    def answer(
        self, prepared: Sequence[FakePrepared], is_wanted: Callable[[], bool] = lambda: True
    ) -> list[FakeResult]:
        self.threads.add(threading.current_thread().name)
        self.batches.append(len(prepared))
        if self.gate is not None and any(self.gated(one.request) for one in prepared):
            assert self.gate.wait(20)
        time.sleep(self.delay_seconds)
        if any("poison" in one.request.text for one in prepared):
            raise RuntimeError(f"cannot answer {[one.request.text for one in prepared]}")
        return [FakeResult(one.request.text, number_in(one.request.text)) for one in prepared]

    def cloze(self, text: str) -> FakeResult:
        return self.answer([self.prepare(ClozeRequest(text))])[0]


def number_in(text: str) -> int:
    found = re.search(r"\d+", text)
    return int(found[0]) if found else 0
