"""Counts by the formulas: a GRU's layer has three quarters of an LSTM's weights, a plain RNN's a quarter."""

from __future__ import annotations

import pytest

from model.config import NetworkConfig
from training.experiments.outcome import Settings
from training.experiments.parameters import _counts, run


@pytest.mark.parametrize(("cell", "gates"), [("rnn", 1), ("gru", 3), ("lstm", 4)])
def test_a_layers_weights_are_those_of_its_gates(cell: str, gates: int) -> None:
    counts = _counts(NetworkConfig(1, "causal", 64, 48, 1000, cell))
    assert counts["weights_of_the_layer"] == gates * 64 * (48 + 64 + 2)
    assert counts["weights"] == counts["weights_of_the_layer"] + 1000 * 48 + 1000 + 48 * 64 + 48


def test_three_networks_are_matched_and_the_fourth_has_the_lstms_units_and_fewer_weights() -> None:
    outcome = run(Settings(n_seeds=1, quick=True, steps=2))
    networks = outcome.results["networks"]
    wanted = networks["lstm"]["weights"]
    for name in ("gru", "rnn"):
        assert abs(networks[name]["weights"] - wanted) <= 0.02 * wanted
    fewer = networks["gru of as many units"]
    assert fewer["units"] == networks["lstm"]["units"]
    assert fewer["weights_of_the_layer"] * 4 == networks["lstm"]["weights_of_the_layer"] * 3
    assert outcome.findings[0] == "A GRU's layer has 75% of the weights of an LSTM's of as many units."
