"""Matched sizes: as many weights, counted by the formula, within 2 %."""

from __future__ import annotations

from dataclasses import replace

import pytest

from model.config import CELLS, NetworkConfig
from model.structure import n_weights
from training.errors import ExperimentError
from training.experiments.learner import reference_config
from training.experiments.sizes import matched

GATES = {"rnn": 1, "gru": 3, "lstm": 4}


def by_formula(cell: str, hidden: int, embedding: int, vocabulary: int) -> int:
    """Embedding, readout and output, and for each gate W, U and two biases (the mlp: no U, one bias)."""
    ends = vocabulary * embedding + vocabulary + embedding * hidden + embedding
    if cell == "mlp":
        return ends + hidden * embedding + hidden
    return ends + GATES[cell] * (hidden * embedding + hidden * hidden + 2 * hidden)


@pytest.mark.parametrize("cell", CELLS)
def test_the_number_of_weights_is_that_of_the_formula(cell: str) -> None:
    assert n_weights(NetworkConfig(1, "causal", 7, 5, 11, cell)) == by_formula(cell, 7, 5, 11)


def test_every_cell_gets_as_many_weights_as_the_lstm_and_no_size_comes_nearer() -> None:
    reference = reference_config()
    wanted = n_weights(reference)
    for cell, config in matched(reference, CELLS).items():
        assert config.cell == cell
        assert abs(n_weights(config) - wanted) <= 0.02 * wanted
        for other in (config.hidden_size - 1, config.hidden_size + 1):
            assert abs(n_weights(replace(config, hidden_size=other)) - wanted) >= abs(n_weights(config) - wanted)
    assert matched(reference, ["lstm"])["lstm"] == reference


def test_a_network_too_small_to_match_is_refused_with_both_numbers() -> None:
    tiny = NetworkConfig(1, "causal", 2, 2, 5, "lstm")
    with pytest.raises(ExperimentError, match=r"no gru of 1 layers has within 2% of the 69 weights .* has 57"):
        matched(tiny, ["gru"])
