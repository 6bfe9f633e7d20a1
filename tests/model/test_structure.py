"""Time, layers and direction, checked with toy cells that count and add; then a whole network in equations."""

from __future__ import annotations

import numpy as np
import pytest

from model.cells import CELL_TYPES, Array, Observe, State, unchanged
from model.config import NetworkConfig
from model.structure import RecurrentNetwork, Stack, n_weights, weight_shapes
from tests.tiny import tiny_config, tiny_weights


class StepCounter:
    """Shows how many steps it has taken."""

    def initial_state(self, batch: int) -> State:
        return (np.zeros((batch, 1)),)

    def step(self, x: Array, state: State, observe: Observe = unchanged) -> State:
        return (observe("hidden_state", state[0] + 1),)


class Adder(StepCounter):
    """Shows the sum of all it has read."""

    def step(self, x: Array, state: State, observe: Observe = unchanged) -> State:
        return (observe("hidden_state", state[0] + x),)


def row(*values: float) -> Array:
    return np.array(values, dtype=float).reshape(1, -1, 1)  # (B=1, T, I=1)


def read_values(stack: Stack, inputs: Array) -> list[list[float]]:
    return stack.read(inputs)[0][:, 0, :, 0].tolist()  # (L, T)


def test_time_runs_across_and_every_layer_takes_each_step_once() -> None:
    assert read_values(Stack([StepCounter(), StepCounter()]), row(7, 7, 7)) == [[1, 2, 3], [1, 2, 3]]


def test_each_layer_reads_the_hidden_states_of_the_layer_below() -> None:
    sums = read_values(Stack([Adder(), Adder(), Adder()]), row(1, 2, 3))
    assert sums == [[1, 3, 6], [1, 4, 10], [1, 5, 15]]


def test_a_row_keeps_its_state_beyond_its_end() -> None:
    inputs = np.concatenate([row(1, 2, 99), row(1, 2, 3)])
    _, state = Stack([Adder(), Adder()]).read(inputs, lengths=[2, 3])
    assert [layer[0][:, 0].tolist() for layer in state] == [[3, 6], [4, 10]]


def test_a_row_of_length_zero_keeps_the_state_it_was_given() -> None:
    _, state = Stack([StepCounter()]).read(row(1, 2), lengths=[0], state=[(np.array([[41.0]]),)])
    assert state[0][0].item() == 41


def test_padding_does_not_change_other_rows() -> None:
    inputs = np.concatenate([row(1, 2, 99), row(4, 5, 6)])
    hidden, _ = Stack([Adder(), Adder()]).read(inputs, lengths=[2, 3])
    alone, _ = Stack([Adder(), Adder()]).read(row(4, 5, 6))
    assert (hidden[:, 1] == alone[:, 0]).all()
    assert (hidden[:, 0, :2] == Stack([Adder(), Adder()]).read(row(1, 2))[0][:, 0]).all()


def test_a_state_carried_on_equals_one_long_read() -> None:
    stack = Stack([Adder(), StepCounter(), Adder()])
    whole, final = stack.read(row(1, 2, 3, 4, 5))
    first, carried = stack.read(row(1, 2))
    second, last = stack.read(row(3, 4, 5), state=carried)
    assert (np.concatenate([first, second], axis=2) == whole).all()
    assert [part.item() for (part,) in last] == [part.item() for (part,) in final]


def test_reading_does_not_change_the_state_it_was_given() -> None:
    stack = Stack([Adder()])
    given = [(np.array([[5.0]]),)]
    stack.read(row(1, 2), state=given)
    assert given[0][0].item() == 5


def test_the_same_structure_runs_with_any_cell() -> None:
    """One stack, its cells exchanged: what changes is the cell, and the reading is each cell's own steps in turn."""
    stack = Stack([])
    random = np.random.default_rng(0)
    inputs = random.standard_normal((2, 6, 5))
    for name, cell_type in CELL_TYPES.items():
        config = NetworkConfig(2, "causal", 4, 5, 9, name)
        weights = {key: random.standard_normal(shape) for key, shape in weight_shapes(config).items()}
        cells = [
            cell_type({k.removeprefix(p): w for k, w in weights.items() if k.startswith(p)})
            for p in ("layer0.forward.", "layer1.forward.")
        ]
        stack.cells = list(cells)
        hidden, final = stack.read(inputs)
        states = [cell.initial_state(2) for cell in cells]
        for time in range(6):
            x = inputs[:, time]
            for layer, cell in enumerate(cells):
                states[layer] = cell.step(x, states[layer])
                x = states[layer][0]
                assert (hidden[layer, :, time] == x).all()
        for layer in range(2):
            assert all((a == b).all() for a, b in zip(final[layer], states[layer], strict=True))
    stack.cells = [StepCounter()]
    assert read_values(stack, row(0, 0)) == [[1, 2]]


def test_an_observer_is_told_layer_time_and_activation_in_the_order_of_computing() -> None:
    seen = []

    def observe(layer: int, time: int, name: str, value: Array) -> Array:
        seen.append((layer, time, name, value.item()))
        return value

    Stack([StepCounter(), Adder()]).read(row(0, 0), observe=observe)
    assert seen == [
        (0, 0, "hidden_state", 1),
        (1, 0, "hidden_state", 1),
        (0, 1, "hidden_state", 2),
        (1, 1, "hidden_state", 3),
    ]


def test_a_hidden_state_that_an_observer_replaced_is_passed_upward_and_onward() -> None:
    def set_to_10(layer: int, time: int, name: str, value: Array) -> Array:
        return np.full_like(value, 10) if (layer, time) == (0, 1) else value

    hidden, _ = Stack([Adder(), Adder()]).read(row(1, 2, 3), observe=set_to_10)
    assert hidden[:, 0, :, 0].tolist() == [[1, 10, 13], [1, 11, 24]]


@pytest.mark.parametrize("cell", CELL_TYPES)
def test_the_backward_stack_is_the_same_read_from_the_end(cell: str) -> None:
    config = tiny_config(cell)
    weights = tiny_weights(config)
    for name in list(weights):
        if ".forward." in name:
            weights[name.replace("forward", "backward")] = weights[name]
    network = RecurrentNetwork(config, weights)
    ids = np.array([[2, 9, 30, 31, 3]])
    backward, state = network.read("backward", ids[:, ::-1])
    forward, same = network.read("forward", ids[:, ::-1])
    assert (backward == forward).all()
    assert all((a == b).all() for a, b in zip(state[0], same[0], strict=True))


@pytest.mark.parametrize("cell", CELL_TYPES)
def test_the_two_stacks_do_not_see_each_other(cell: str) -> None:
    config = tiny_config(cell)
    weights = tiny_weights(config)
    ids = np.array([[2, 9, 30, 31, 3]])
    before, _ = RecurrentNetwork(config, weights).read("forward", ids)
    changed = {name: w + 1 if ".backward." in name else w for name, w in weights.items()}
    after, _ = RecurrentNetwork(config, changed).read("forward", ids)
    assert (before == after).all()


@pytest.mark.parametrize("cell", CELL_TYPES)
def test_a_state_knows_what_was_read_up_to_there_and_no_more(cell: str) -> None:
    config = tiny_config(cell)
    network = RecurrentNetwork(config, tiny_weights(config))
    one, _ = network.read("forward", np.array([[2, 9, 30, 31]]))
    other, _ = network.read("forward", np.array([[2, 9, 55, 31]]))
    assert (one[:, :, :2] == other[:, :, :2]).all()
    assert (one[:, :, 2] != other[:, :, 2]).any()
    remembers = (one[:, :, 3] != other[:, :, 3]).any()
    assert remembers == (cell != "mlp")  # without memory a moment shows its own token alone


def test_the_readout_by_hand() -> None:
    """One unit, two numbers a piece, three pieces that count: r = bias + P_f h_f + P_b h_b, logits = E r + b."""
    config = NetworkConfig(1, "bidirectional", 1, 2, 5, "rnn")
    weights = {name: np.zeros(shape) for name, shape in weight_shapes(config).items()}
    weights["output.projection_bias"] = np.array([0.5, -1.0])
    weights["output.forward.weight"] = np.array([[2.0], [0.0]])
    weights["output.backward.weight"] = np.array([[0.0], [3.0]])
    weights["embedding"] = np.array([[0, 0], [0, 0], [1, 0], [0, 1], [1, 1]], dtype=float)
    weights["output.bias"] = np.array([-100, -100, 0.25, 0, 0])
    network = RecurrentNetwork(config, weights)
    h_f, h_b = np.array([[0.5]]), np.array([[-0.5]])

    def shares(r0: float, r1: float) -> Array:
        logits = np.array([r0 + 0.25, r1, r0 + r1])
        return np.log(np.exp(logits) / np.exp(logits).sum())

    both = network.readout(h_f, h_b)[0, 2:]
    np.testing.assert_allclose(both, shares(0.5 + 2 * 0.5, -1 + 3 * -0.5), rtol=0, atol=1e-12)
    left = network.readout(h_f)[0, 2:]  # the backward term is left out, not read as anything
    np.testing.assert_allclose(left, shares(0.5 + 2 * 0.5, -1), rtol=0, atol=1e-12)


def test_log_probabilities_stay_finite_where_exponentials_would_overflow() -> None:
    config = NetworkConfig(1, "causal", 1, 1, 5, "rnn")
    weights = {name: np.zeros(shape) for name, shape in weight_shapes(config).items()}
    weights["output.bias"] = np.array([5_000.0, 4_999.0, -5_000.0, 0.0, 0.0])
    got = RecurrentNetwork(config, weights).readout(np.zeros((1, 1)))[0]
    np.testing.assert_allclose(got[:2], [-np.log(1 + np.exp(-1)), -1 - np.log(1 + np.exp(-1))], rtol=0, atol=1e-9)
    assert got[2] == pytest.approx(-10_000, abs=1)


def test_the_tensors_of_a_network_bear_the_names_and_shapes_of_the_bundle() -> None:
    shapes = weight_shapes(NetworkConfig(2, "bidirectional", 3, 4, 10, "gru"))
    assert list(shapes)[:5] == [
        "embedding",
        "layer0.forward.input_weight",
        "layer0.forward.input_bias",
        "layer0.forward.recurrent_weight",
        "layer0.forward.recurrent_bias",
    ]
    assert shapes["layer0.backward.input_weight"] == (9, 4)  # 3 gates x 3 units, from the embedding
    assert shapes["layer1.backward.input_weight"] == (9, 3)  # from the layer below
    assert shapes["output.backward.weight"] == (4, 3)
    assert "layer0.forward.recurrent_weight" not in weight_shapes(NetworkConfig(1, "causal", 3, 4, 10, "mlp"))


def test_the_number_of_weights_by_hand() -> None:
    config = NetworkConfig(1, "causal", 3, 4, 10, "lstm")
    layer = 4 * (3 * 4 + 3 + 3 * 3 + 3)
    assert n_weights(config) == 10 * 4 + layer + 4 * 3 + 4 + 10
