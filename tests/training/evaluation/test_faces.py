"""The suites ask the served path; torch's face of the same weights gives the same margins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from model.cells import Array
from model.language_model import LanguageModel
from model.network import Network
from tests.model.reference import Reference, language_model
from tests.tiny import SENTENCES, tiny_documents
from training.evaluation.cloze_suite import CONTEXTS, ask
from training.mining import ClozeItem, mine
from training.pronouns import load_pairs

FLOAT32 = 5e-5
"""Nats: two float32 faces, each a sum of up to 40 log-probabilities (a causal network's text after the blank)."""


class TorchReference(Reference):
    """The design's rules of a score, each log-probability from the trainer's face."""

    def __init__(self, model: LanguageModel) -> None:
        super().__init__(model)
        self.torch = Network(model.config).eval()
        self.torch.load_weights(model.bundle.weights)

    def log_probabilities(self, left: Sequence[int], right: Sequence[int] | None = None) -> Array:
        with torch.no_grad():
            forward = self._top("forward", left)
            backward = None if right is None else self._top("backward", list(right)[::-1])
            found = self.torch.log_probabilities(self.torch.readout(forward, backward))[0]
        return np.asarray(found.numpy(), dtype=np.float64)

    def _top(self, direction: str, ids: Sequence[int]) -> torch.Tensor:
        hidden, _ = self.torch.read(direction, torch.tensor(ids)[:, None])
        return hidden[-1][-1]  # (1, H)


def items(pair: str) -> list[ClozeItem]:
    pairs = load_pairs()
    return [item for item in mine(tiny_documents(["\n".join(SENTENCES)]), pairs) if item.pair == pairs.named(pair)]


@pytest.mark.parametrize("direction", ["bidirectional", "causal"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("pair", ["he/she", "himself/herself"])
def test_margins_of_the_cloze_are_those_of_torch(cell: str, direction: str, pair: str) -> None:
    model = language_model(cell, direction)
    reference, asked, of_pair = TorchReference(model), items(pair), load_pairs().named(pair)
    assert len(asked) >= 4
    for context in CONTEXTS:
        answers, _ = ask(model, asked, of_pair, context)
        expected = []
        for item in asked:
            scores = [
                reference.score([item.left, item.right], [written(item, form)], context)
                for form in (item.answer, of_pair.other(item.answer))
            ]
            expected.append(scores[0] - scores[1])
        assert answers.margins == pytest.approx(np.array(expected), abs=FLOAT32)
        assert np.abs(expected).max() > 100 * FLOAT32  # there is something to compare


def test_the_log_likelihood_of_what_follows_is_that_of_torch() -> None:
    model = language_model("lstm")
    reference = TorchReference(model)
    text, given = SENTENCES[0], "Mary packed her"
    ids = [model.tokenizer.begin_id, *model.tokenizer.encode_ids(text)]
    n_given = 1 + len(model.tokenizer.encode_ids(given))
    expected = sum(float(reference.log_probabilities(ids[:k])[ids[k]]) for k in range(n_given, len(ids)))
    (score,) = model.log_likelihood([text], [given])
    assert score.log_probability_nats == pytest.approx(expected, abs=FLOAT32)
    assert score.n_tokens == len(ids) - n_given


def written(item: ClozeItem, form: str) -> str:
    """With the capital that the cloze fills in where a sentence begins."""
    return form.capitalize() if not item.left or item.left.rstrip('" ').endswith((".", "?", "!")) else form
