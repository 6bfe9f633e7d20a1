"""Pieces at places: every row read once, every place asked once, every value where it belongs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from model import rows, scores
from model.cells import Array
from model.language_model import LanguageModel
from model.runtime import Reading, Runtime
from model.scores import WORD_ENDS, Place, Term, log_probability_rows, score_terms, tokens_to_read
from tests.model.reference import FLOAT32, Reference, language_model


class CountingRuntime(Runtime):
    """Counts what a runtime is made to read and to ask."""

    def __init__(self, model: LanguageModel) -> None:
        super().__init__(model.config, model.bundle.weights)
        self.batches: list[tuple[str, list[tuple[int, ...]]]] = []
        self.n_places = 0

    def read(self, direction: str, rows: Sequence[Sequence[int]], *args: Any, **kwargs: Any) -> Reading:
        self.batches.append((direction, [tuple(row) for row in rows]))
        return super().read(direction, rows, *args, **kwargs)

    def log_probabilities(self, forward: Array, backward: Array | None = None) -> Array:
        self.n_places += len(forward)
        return super().log_probabilities(forward, backward)

    def rows(self, direction: str) -> list[tuple[int, ...]]:
        return [row for name, rows in self.batches if name == direction for row in rows]


A, B = (2, 10, 20, 30), (2, 10, 21)
RIGHT = (3, 9, 8)


def asked(terms: Sequence[Term]) -> tuple[Array, CountingRuntime]:
    model = language_model()
    runtime = CountingRuntime(model)
    return score_terms(runtime, terms, model.tokenizer.continues), runtime


def test_each_term_gets_the_value_of_its_own_piece_and_place() -> None:
    """Rows of different lengths, in an order that is not the order of reading; values from the equations."""
    terms = [
        Term(Place(A, 3, RIGHT), 7),
        Term(Place(B, 2, None), 9),
        Term(Place(A, 1, (3,)), WORD_ENDS),
        Term(Place(A, 3, RIGHT), 8),
        Term(Place(B, 3, RIGHT), 7),
        Term(Place(A, 1, None), WORD_ENDS),
    ]
    values, _ = asked(terms)
    reference, model = Reference(language_model()), language_model()
    for (place, piece), value in zip(terms, values, strict=True):
        right = None if place.right is None else place.right[::-1]
        row = reference.log_probabilities(place.left[: place.n_left], right)
        wanted = np.log(np.exp(row[~model.tokenizer.continues]).sum()) if piece == WORD_ENDS else row[piece]
        assert value == pytest.approx(wanted, abs=FLOAT32)


def test_pieces_that_continue_a_word_are_left_out_of_its_end() -> None:
    pieces = language_model().tokenizer.pieces
    going_on = {piece for piece, goes_on in zip(pieces, language_model().tokenizer.continues, strict=True) if goes_on}
    assert {"self", "ed", "she", "s"} <= going_on
    assert not going_on & {"▁she", ".", '"', "\n", "▁", "<unk>", "</s>", "▁t"}


def test_what_opens_a_longer_row_is_read_with_it() -> None:
    terms = [Term(Place(A[:2], 2, RIGHT[:1]), 7), Term(Place(A, 4, RIGHT), 7), Term(Place(B, 1, RIGHT[:2]), 7)]
    _, runtime = asked(terms)
    assert sorted(runtime.rows("forward")) == [A, B]
    assert runtime.rows("backward") == [RIGHT]
    assert tokens_to_read(terms) == len(A) + len(B) + len(RIGHT)


def test_a_row_that_only_shares_a_beginning_is_read_by_itself() -> None:
    terms = [Term(Place((2, 10, 20), 3, None), 7), Term(Place((2, 10, 21), 3, None), 7)]
    _, runtime = asked(terms)
    assert len(runtime.rows("forward")) == 2
    assert tokens_to_read(terms) == 6


def test_a_place_is_asked_once_for_all_its_pieces() -> None:
    values, runtime = asked([Term(Place(A, 2, RIGHT), piece) for piece in (7, 8, 7)])
    assert runtime.n_places == 1
    assert values[0] == values[2] != values[1]


def test_long_batches_are_cut_and_no_value_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    read = [(2, *random.integers(4, 100, length).tolist()) for length in random.integers(1, 30, 40)]
    terms = [Term(Place(row, len(row), None), 7) for row in read]
    whole, _ = asked(terms)
    monkeypatch.setattr(rows, "MAX_BATCH_ROWS", 7)
    monkeypatch.setattr(rows, "MAX_BATCH_TOKENS", 60)
    monkeypatch.setattr(scores, "READOUT_CHUNK", 3)
    cut, runtime = asked(terms)
    np.testing.assert_allclose(cut, whole, rtol=0, atol=1e-5)
    for _, batch in runtime.batches:
        assert len(batch) <= 7
        assert len(batch) == 1 or len(batch) * max(map(len, batch)) <= 60


def test_nothing_asked_is_nothing_read() -> None:
    values, runtime = asked([])
    assert values.shape == (0,)
    assert runtime.batches == []
    assert list(log_probability_rows(language_model().runtime, [])) == []
    assert tokens_to_read([]) == 0
