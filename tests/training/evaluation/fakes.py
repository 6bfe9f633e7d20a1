"""A language model whose answers follow a rule, so that every figure can be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.tiny import tiny_config, tiny_tokenizer
from training.pronouns import load_pairs


class RuleModel:
    """Answers the cloze by `score(text, target, context)` in nats; gives every text one nat a character.

    Without targets it names `named(text, context)`. `asked` keeps the size, context and targets of every batch.
    """

    name, sha256 = "rule", "0" * 64

    def __init__(
        self, score: Callable[[str, str, str], float], temperature: float = 1.0, has_language_model: bool = True
    ) -> None:
        self.score, self.temperature = score, temperature
        self.named: Callable[[str, str], list[str]] = lambda text, context: ["he", "she", "the", "a", "and"]
        metadata = {"pronouns": load_pairs().to_json(), "provenance": {}}
        self.bundle = SimpleNamespace(
            metadata=metadata,
            has_language_model=has_language_model,
            tokenizer=tiny_tokenizer(),
            network=tiny_config(),
        )
        self.asked: list[tuple[int, str, tuple[str, ...]]] = []

    def cloze_batch(
        self, texts: Sequence[str], targets: Any = None, *, top_k: int | None = None, context: str = "both"
    ) -> list[Any]:
        if targets is None:
            named = [[SimpleNamespace(target=word) for word in self.named(text, context)[:top_k]] for text in texts]
            return [SimpleNamespace(blanks=[SimpleNamespace(predictions=predictions)]) for predictions in named]
        self.asked.append((len(texts), context, tuple(targets)))
        return [self._result(text, targets, context) for text in texts]

    def _result(self, text: str, targets: Sequence[str], context: str) -> Any:
        scores = np.array([self.score(text, target, context) for target in targets])
        shares = np.exp(scores / self.temperature) / np.exp(scores / self.temperature).sum()
        predictions = [
            SimpleNamespace(target=target, log_probability=float(score), probability=float(share))
            for target, score, share in zip(targets, scores, shares, strict=True)
        ]
        predictions.sort(key=lambda prediction: -prediction.probability)
        return SimpleNamespace(temperature=self.temperature, blanks=[SimpleNamespace(predictions=predictions)])

    def log_likelihood(self, texts: Sequence[str], given: Sequence[str] | None = None) -> list[Any]:
        beginnings = given or [""] * len(texts)
        pairs = zip(texts, beginnings, strict=True)
        return [SimpleNamespace(log_probability_nats=-float(len(text) - len(before))) for text, before in pairs]

    def score_document(self, paragraphs: Iterable[str]) -> Any:
        n = sum(map(len, paragraphs))
        return SimpleNamespace(log_probability_nats=-float(n), n_tokens=n // 2, n_characters=n, n_unknown=1)
