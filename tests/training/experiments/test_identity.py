"""The identity of GRU and plain RNN, and that the measure would see a difference."""

from __future__ import annotations

import pytest

from training.experiments.identity import fused_differences, largest_difference, run
from training.experiments.outcome import Settings


@pytest.mark.parametrize("seed", [1, 2])
def test_a_gru_with_everything_reset_open_and_everything_new_is_a_plain_rnn(seed: int) -> None:
    assert largest_difference(seed, 20, reset=1.0, update=0.0) < 1e-14  # a few roundings of float64
    states, gradients = fused_differences(seed, 20)
    assert states < 1e-6  # a few roundings of float32
    assert gradients < 1e-6


@pytest.mark.parametrize(("reset", "update"), [(0.5, 0.0), (1.0, 0.01), (1.0, 1.0)])
def test_other_gates_make_another_network(reset: float, update: float) -> None:
    assert largest_difference(1, 20, reset, update) > 1e-3


def test_the_finding_says_that_it_holds_and_the_table_names_each_face() -> None:
    outcome = run(Settings(n_seeds=2, quick=True))
    assert outcome.findings[0].startswith("The identity holds: the largest difference of all is ")
    assert [row[0].split(",")[0] for row in outcome.tables[0].rows] == ["equations", "torch", "torch", "for comparison"]
