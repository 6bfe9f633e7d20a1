"""Gates and units: averages of a network set by hand, selectivity worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from model.config import NetworkConfig
from model.structure import weight_shapes
from training.experiments.gates import activations, mean_by_role, selectivity, top_units
from training.experiments.small_stories import DISTRACTOR, ELSEWHERE, FIRST, NEW_OTHER, NEW_SAME, OUTSIDE, Questions

ROLES = np.array([[FIRST, ELSEWHERE, NEW_OTHER, DISTRACTOR], [FIRST, NEW_SAME, OUTSIDE, OUTSIDE]], np.int8)


def questions() -> Questions:
    """Words 1, 2, 3, 4 and 1, 3; word 3 is a new subject."""
    ids = np.array([[1, 2, 3, 4], [1, 3, 0, 0]])
    subjects = np.array([[0, 0, 1, 1], [1, 1, -1, -1]], np.int8)
    return Questions(ids, np.array([4, 2]), np.array([1, 1]), subjects, ROLES)


def hand_set_lstm() -> tuple[NetworkConfig, dict[str, np.ndarray]]:
    """Two units that read the word's number alone; the forget gate of unit 0 is shut by word 3, that of unit 1 never
    moves."""
    config = NetworkConfig(1, "causal", 2, 1, 5, "lstm")
    weights = {name: np.zeros(shape) for name, shape in weight_shapes(config).items()}
    weights["embedding"][3] = 1.0
    weights["layer0.forward.input_weight"][2] = -20.0  # rows: i0 i1 f0 f1 g0 g1 o0 o1
    weights["layer0.forward.input_bias"][2] = 10.0
    return config, weights


def test_gate_means_by_role_are_those_of_the_hand_set_network() -> None:
    gate = activations(*hand_set_lstm(), questions())["forget_gate"]
    kept, shut = 1 / (1 + math.exp(-10)), 1 / (1 + math.exp(10))
    assert mean_by_role(gate, [0], ROLES) == pytest.approx(
        {NEW_OTHER: shut, NEW_SAME: shut, DISTRACTOR: kept, ELSEWHERE: kept}
    )
    assert mean_by_role(gate, [0, 1], ROLES)[NEW_OTHER] == pytest.approx((shut + 0.5) / 2)


def test_selectivity_is_the_distance_of_the_means_in_pooled_deviations() -> None:
    # Unit 0: masculine 0, 2 (mean 1, variance 1), feminine 4, 8 (mean 6, variance 4); unit 1 never moves.
    memory = np.zeros((1, 6, 2))
    memory[0, :, 0] = [0, 2, 4, 8, 99, 99]
    subjects = np.array([[0, 0, 1, 1, -1, -1]], np.int8)
    assert selectivity(memory, subjects) == pytest.approx([5 / math.sqrt(2.5), 0])


def test_the_top_units_come_highest_first_and_equal_ones_by_number() -> None:
    assert top_units(np.array([0.5, 2.0, 0.5, 3.0]), 3) == [3, 1, 0]


def test_the_activations_of_a_gru_are_seen_too() -> None:
    config = NetworkConfig(1, "causal", 3, 2, 5, "gru")
    seen = activations(config, {n: np.ones(s) for n, s in weight_shapes(config).items()}, questions())
    assert seen.keys() == {"reset_gate", "update_gate", "candidate", "hidden_state"}
    assert seen["update_gate"].shape == (2, 4, 3)
