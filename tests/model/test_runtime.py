"""The server's face against the equations: float32 by ONNX Runtime, float64 by NumPy, the same weights."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from model.cells import CELL_TYPES, Array
from model.config import NetworkConfig
from model.runtime import Runtime
from model.structure import RecurrentNetwork
from tests.tiny import tiny_config, tiny_weights

FLOAT32 = 1e-5
"""States are below 1, log-probabilities below 20: one rounding is at most 1e-6, and a few dozen follow each other."""

LENGTHS = (1, 7, 12, 2)


def faces(cell: str, direction: str, n_layers: int = 2) -> tuple[Runtime, RecurrentNetwork, NetworkConfig]:
    config = tiny_config(cell, direction, n_layers=n_layers)
    weights = tiny_weights(config)
    equations = RecurrentNetwork(config, {name: w.astype(np.float64) for name, w in weights.items()})
    return Runtime(config, weights), equations, config


def random_rows(lengths: tuple[int, ...], vocabulary_size: int, seed: int = 0) -> list[list[int]]:
    random = np.random.default_rng(seed)
    return [random.integers(0, vocabulary_size, length).tolist() for length in lengths]


def padded(rows: list[list[int]]) -> Array:
    ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = row
    return ids


@pytest.mark.parametrize("n_layers", [1, 2, 8])
@pytest.mark.parametrize("direction", ["causal", "bidirectional"])
@pytest.mark.parametrize("cell", CELL_TYPES)
def test_hidden_and_final_states_of_every_layer_equal_the_equations(cell: str, direction: str, n_layers: int) -> None:
    """In a batch of four rows of different lengths, in each direction."""
    runtime, equations, config = faces(cell, direction, n_layers)
    rows = random_rows(LENGTHS, config.vocabulary_size)
    for stack in config.directions:
        reading = runtime.read(stack, rows, all_layers=True, final_state=True)
        hidden, final = equations.read(stack, padded(rows), LENGTHS)
        assert len(reading.layers) == len(reading.final_state) == n_layers
        for layer in range(n_layers):
            for number, length in enumerate(LENGTHS):
                got = reading.layers[layer][:length, number]
                np.testing.assert_allclose(got, hidden[layer, number, :length], rtol=0, atol=FLOAT32)
            for got, wanted in zip(reading.final_state[layer], final[layer], strict=True):
                np.testing.assert_allclose(got, wanted, rtol=0, atol=FLOAT32)
        assert (runtime.read(stack, rows).top == reading.layers[-1]).all()


@pytest.mark.parametrize("n_layers", [1, 2, 8])
@pytest.mark.parametrize("direction", ["causal", "bidirectional"])
@pytest.mark.parametrize("cell", CELL_TYPES)
def test_log_probabilities_equal_the_equations(cell: str, direction: str, n_layers: int) -> None:
    runtime, equations, config = faces(cell, direction, n_layers)
    rows = random_rows(LENGTHS, config.vocabulary_size)
    tops = {stack: runtime.read(stack, rows).top for stack in config.directions}
    right = {stack: equations.read(stack, padded(rows))[0][-1] for stack in config.directions}
    forward = np.stack([tops["forward"][length - 1, number] for number, length in enumerate(LENGTHS)])
    forward_right = np.stack([right["forward"][number, length - 1] for number, length in enumerate(LENGTHS)])
    got = runtime.log_probabilities(forward)
    np.testing.assert_allclose(got, equations.readout(forward_right), rtol=0, atol=FLOAT32)
    np.testing.assert_allclose(np.exp(got.astype(np.float64)).sum(axis=1), 1, rtol=0, atol=1e-5)
    if direction == "bidirectional":
        backward = np.stack([tops["backward"][length - 1, number] for number, length in enumerate(LENGTHS)])
        backward_right = np.stack([right["backward"][number, length - 1] for number, length in enumerate(LENGTHS)])
        both = runtime.log_probabilities(forward, backward)
        np.testing.assert_allclose(both, equations.readout(forward_right, backward_right), rtol=0, atol=FLOAT32)
        assert np.abs(both - got).max() > 0.1, "the right side counts"


@pytest.mark.parametrize("cell", CELL_TYPES)
def test_a_sentence_alone_and_among_63_longer_ones_has_the_same_log_probabilities(cell: str) -> None:
    runtime, _, config = faces(cell, "bidirectional")
    sentence, *others = random_rows((7, *range(8, 71)), config.vocabulary_size, seed=5)
    batch = [*others[:31], sentence, *others[31:]]
    for stack in config.directions:
        alone, among = runtime.read(stack, [sentence]).top, runtime.read(stack, batch).top
        np.testing.assert_allclose(
            runtime.log_probabilities(among[:7, 31]), runtime.log_probabilities(alone[:, 0]), rtol=0, atol=1e-5
        )


@pytest.mark.parametrize("cell", CELL_TYPES)
def test_a_state_carried_on_equals_one_long_read(cell: str) -> None:
    runtime, _, config = faces(cell, "causal")
    rows = random_rows((9, 9, 9), config.vocabulary_size)
    whole = runtime.read("forward", rows, all_layers=True, final_state=True)
    first = runtime.read("forward", [row[:4] for row in rows], final_state=True)
    second = runtime.read("forward", [row[4:] for row in rows], first.final_state, all_layers=True, final_state=True)
    for layer in range(config.n_layers):
        np.testing.assert_allclose(second.layers[layer], whole.layers[layer][4:], rtol=0, atol=FLOAT32)
        for got, wanted in zip(second.final_state[layer], whole.final_state[layer], strict=True):
            np.testing.assert_allclose(got, wanted, rtol=0, atol=FLOAT32)


@pytest.mark.parametrize("cell", CELL_TYPES)
def test_later_tokens_do_not_change_a_state(cell: str) -> None:
    runtime, _, config = faces(cell, "causal")
    (row,) = random_rows((9,), config.vocabulary_size)
    short, long = runtime.read("forward", [row[:5]]).top, runtime.read("forward", [row]).top
    np.testing.assert_allclose(long[:5], short, rtol=0, atol=FLOAT32)


def test_only_what_is_asked_for_is_returned() -> None:
    runtime, _, _ = faces("lstm", "causal")
    reading = runtime.read("forward", [[2, 5], [2]])
    assert len(reading.layers) == 1
    assert reading.lengths.tolist() == [2, 1]
    assert reading.final_state == []


def test_eight_threads_at_once_each_get_their_own_states() -> None:
    runtime, _, config = faces("lstm", "bidirectional")
    rows = random_rows(tuple(range(5, 45)), config.vocabulary_size)
    alone = [runtime.read("forward", [row]).top for row in rows]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda row: runtime.read("forward", [row]).top, rows * 5))
    for number, got in enumerate(together):
        assert (got == alone[number % len(rows)]).all()
