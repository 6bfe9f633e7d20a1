"""What a bundle should answer, worked out the slow way: the equations in float64 over whole filled texts.

Uses the structure (model/structure.py) and the tokenizer, and nothing of blanks, scores, runtime or trace: the cloze's
tests compare the two. Texts are given as they are once normalised, in parts with the blanks between them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from model.bundle import Bundle
from model.cells import Array, State
from model.config import NetworkConfig
from model.language_model import LanguageModel
from model.limits import Limits
from model.structure import RecurrentNetwork, weight_shapes
from model.text import is_word_character
from tests.tiny import tiny_config, tiny_metadata, tiny_tokenizer, tiny_weights

FLOAT32 = 2e-5
"""Nats by which a float32 score may differ from the float64 one: sums of up to 40 terms, each right to about 5e-7."""

HE_SHE = [
    {"forms": ["he", "she"], "context": "both", "temperature": 2.0},
    {"forms": ["he", "she"], "context": "left", "temperature": 0.5},
]


@cache
def language_model(
    cell: str = "lstm", direction: str = "bidirectional", kind: str = "subword", seed: int = 0, calibrated: bool = False
) -> LanguageModel:
    """A tiny network with random weights, in memory."""
    config = tiny_config(cell, direction, kind)
    return loaded(cell, direction, kind, tiny_weights(config, seed), calibration=HE_SHE if calibrated else [])


def loaded(
    cell: str,
    direction: str,
    kind: str,
    weights: dict[str, Array],
    limits: Limits | None = None,
    **metadata: Any,
) -> LanguageModel:
    """These weights as a language model; `metadata` replaces fields of bundle.json."""
    config, tokenizer = tiny_config(cell, direction, kind), tiny_tokenizer(kind)
    values = tiny_metadata("tiny", config, **metadata)
    return LanguageModel(Bundle("tiny", config, tokenizer, weights, values, "", "0" * 64), limits)


def bigram(kind: str, following: Mapping[str, Mapping[str, float]]) -> LanguageModel:
    """A causal network made by hand, whose next piece depends on the last one alone: `following[piece]` says how.

    What is not listed has no probability to speak of (below 1e-12); after a piece without an entry all are alike.
    """
    tokenizer = tiny_tokenizer(kind)
    size = tokenizer.vocabulary_size
    config = NetworkConfig(1, "causal", size, size, size, "mlp")
    weights = {name: np.zeros(shape, np.float32) for name, shape in weight_shapes(config).items()}
    weights["embedding"] = np.eye(size, dtype=np.float32)
    weights["layer0.forward.input_weight"] = 20 * np.eye(size, dtype=np.float32)  # tanh(20) is 1: h marks the piece
    for piece, shares in following.items():
        logits = np.full(size, -40.0)
        for after, probability in shares.items():
            logits[tokenizer.pieces.index(after)] = np.log(probability)
        weights["output.forward.weight"][:, tokenizer.pieces.index(piece)] = logits
    return LanguageModel(Bundle("bigram", config, tokenizer, weights, tiny_metadata("bigram", config), "", "0" * 64))


def float64(model: LanguageModel) -> RecurrentNetwork:
    """The equations' face of the same weights."""
    return RecurrentNetwork(model.config, {name: w.astype(np.float64) for name, w in model.bundle.weights.items()})


class Reference:
    """Scores of filled texts."""

    def __init__(self, model: LanguageModel) -> None:
        self.tokenizer = model.tokenizer
        self.network = float64(model)
        self.bidirectional = model.config.direction == "bidirectional"
        self._read: dict[tuple[str, tuple[int, ...]], tuple[Array, list[State]]] = {}

    def log_probabilities(self, left: Sequence[int], right: Sequence[int] | None = None) -> Array:
        """(V,) nats of the piece after `left`; `right`: what follows it, in text order, </s> last."""
        forward, _ = self._after("forward", tuple(left))
        backward = None if right is None else self._after("backward", tuple(right[::-1]))[0]
        return self.network.readout(forward, backward)[0]

    def _after(self, direction: str, ids: tuple[int, ...]) -> tuple[Array, list[State]]:
        """Top hidden state (1, H) and state once `ids` have been read, one step after what is remembered."""
        if (direction, ids) not in self._read:
            before = self._after(direction, ids[:-1])[1] if len(ids) > 1 else None
            hidden, state = self.network.read(direction, np.array([ids[-1:]]), state=before)
            self._read[direction, ids] = hidden[-1, :, -1], state
        return self._read[direction, ids]

    def word_ends(self, left: Sequence[int], right: Sequence[int] | None = None) -> float:
        """log P(the piece after `left` does not continue the word of the last piece of `left`)."""
        probabilities = np.exp(self.log_probabilities(left, right))
        vocabulary = range(self.tokenizer.vocabulary_size)
        goes_on = [bool(self.tokenizer.is_inner([left[-1], piece])[1]) for piece in vocabulary]
        return float(np.log(sum(p for p, inner in zip(probabilities, goes_on, strict=True) if not inner)))

    def read(self, parts: Sequence[str], words: Sequence[str]) -> tuple[list[int], list[tuple[int, int]]]:
        """Ids of the text with the words in its blanks, <s> and </s> around; where each blanked word is."""
        text, spans = parts[0], []
        for word, part in zip(words, parts[1:], strict=True):
            spans.append((len(text), len(text) + len(word)))
            text += word + part
        encoding = self.tokenizer.encode(text)
        found = []
        for start, end in spans:
            while start > 0 and is_word_character(text[start - 1]):
                start -= 1
            while end < len(text) and is_word_character(text[end]):
                end += 1
            inside = [
                place
                for place, (a, b) in enumerate(zip(encoding.starts, encoding.ends, strict=True))
                if start <= a and b <= end and a < b
            ]
            first = inside[0]
            before = encoding.ids[first - 1] if first > 0 else None
            if self.tokenizer.kind != "character" and before is not None and self.tokenizer.pieces[before] == "▁":
                first -= 1
            found.append((1 + first, 2 + inside[-1]))
        return [self.tokenizer.begin_id, *encoding.ids, self.tokenizer.end_id], found

    def pieces(self, parts: Sequence[str], words: Sequence[str], blank: int = 0) -> tuple[str, ...]:
        """The pieces of a blanked word."""
        ids, spans = self.read(parts, words)
        return tuple(self.tokenizer.pieces[piece] for piece in ids[slice(*spans[blank])])

    def score(self, parts: Sequence[str], words: Sequence[str], context: str = "both") -> float:
        """The score of one way to fill the blanks, by the design's rules."""
        ids, spans = self.read(parts, words)
        if context == "both" and not self.bidirectional:
            first, last = spans[0][0], spans[-1]
            nats = sum(float(self.log_probabilities(ids[:k])[ids[k]]) for k in range(first, len(ids) - 1))
            return nats + (self._end(ids, last, None) if last[1] == len(ids) - 1 else 0.0)
        nats = 0.0
        for start, end in spans:
            right = ids[end:] if context == "both" else None
            nats += sum(float(self.log_probabilities(ids[:k], right)[ids[k]]) for k in range(start, end))
            nats += self._end(ids, (start, end), right)
        return nats

    def _end(self, ids: Sequence[int], span: tuple[int, int], right: Sequence[int] | None) -> float:
        counts = self.tokenizer.kind == "character" or span[1] - span[0] > 1
        return self.word_ends(ids[: span[1]], right) if counts else 0.0


def softmax(scores: Sequence[float], temperature: float = 1.0) -> Array:
    """Probabilities of scores in nats."""
    exponentials = np.exp((np.array(scores) - max(scores)) / temperature)
    return exponentials / exponentials.sum()
